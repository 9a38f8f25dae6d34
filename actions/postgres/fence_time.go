package postgres

import "time"

// FenceTime is how long a fence step may take on the cluster where nothing answers, and the rungs that it climbs: a hook that
// hangs is killed after fence.timeout, the other rungs have three times read_timeout, each pooler for itself, and before each
// rung the node is looked at, here and by the probes. It is told in whole seconds. Modes are those of the step, empty for the
// cluster's own ladder.
func (c Cluster) FenceTime(modes []string) (most time.Duration, climbed []string) {
	c = c.WithDefaults()
	climbed = c.ladder(FenceArgs{Modes: modes})
	for _, rung := range climbed {
		most += c.ReadTimeout + reserve
		switch rung {
		case rungStop, rungNetwork:
			most += c.Fence.Timeout
		case rungPooler:
			most += time.Duration(len(c.Poolers)) * 3 * c.ReadTimeout
		default:
			most += 3 * c.ReadTimeout
		}
	}
	return (most + time.Second - 1).Truncate(time.Second), climbed
}
