package actions

import (
	"fmt"

	"github.com/pointsman/pointsman"
)

// gates tells before anybody is asked that a gate on the way can be opened by nobody: in the middle of a failover it is
// too late to learn that.
func (r *Resolver) gates(steps []pointsman.RunbookStep, requester pointsman.Actor) []pointsman.Fact {
	var out []pointsman.Fact
	places := pointsman.Places(steps)
	for i, s := range steps {
		if s.Kind != KindGate {
			continue
		}
		if f, short := r.tooFew(s.Approval, requester); short {
			f.Name = "people who may open gate " + s.Name
			f.Text = fmt.Sprintf("step %s (%s): %s", places[i], s.Name, f.Text)
			out = append(out, f)
		}
	}
	return out
}
