package configs

import (
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// deadlines warns of runs that would be parked in their midst although every step keeps its own time: between the fence and
// the promotion is the worst place to wait for a person.
func (c *checker) deadlines() {
	for _, rb := range c.cfg.Runbooks {
		if c.told[rb.File] || rb.Deadline <= 0 {
			continue
		}
		if most := untilLast(rb.Steps); most > rb.Deadline {
			c.warnings = append(c.warnings, pointsman.Fault{File: rb.File, Line: rb.Line, Path: "deadline", Text: fmt.Sprintf(
				"the steps before the last one may take %s, and no step begins after %s, so the run may be parked between two of them; write %s or more, or give the steps less", most, pointsman.Span(rb.Deadline), most)})
		}
	}
}

// untilLast is how long the steps before the last position may take, each within its own timeout. What waits for a time or
// for people has none, and is not counted.
func untilLast(steps []pointsman.RunbookStep) time.Duration {
	places := pointsman.Places(steps)
	took := map[int]time.Duration{}
	for i, s := range steps {
		n := places[i].N
		switch {
		case n == places[len(places)-1].N:
		case s.Group.Timeout > 0:
			took[n] = s.Group.Timeout
		default:
			took[n] = max(took[n], s.Timeout)
		}
	}
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	return sum
}
