package patroni

import "github.com/pointsman/pointsman/actions"

// onCluster is what every kind here has: the clusters, and that it works on the one that the run holds. The run's lock, cool-down
// and windows protect nothing else.
type onCluster struct{ c *Clusters }

var _ actions.Tied = onCluster{}

// TiedTo implements actions.Tied.
func (onCluster) TiedTo() (kind, argument string) { return "patroni", "cluster" }

var _ actions.Frugal = Status{}

// Needs implements actions.Frugal: it only looks.
func (Status) Needs() (target, lock bool) { return false, false }
