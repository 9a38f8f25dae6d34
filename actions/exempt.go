package actions

import (
	"slices"

	"github.com/pointsman/pointsman"
)

// onlyStops reports whether every step of the runbook only stops things. The kinds say so and no file does: whoever
// writes a runbook must not be able to take a failover out of a freeze.
func (r *Registry) onlyStops(rb pointsman.Runbook) bool {
	return len(rb.Steps) > 0 && !slices.ContainsFunc(rb.Steps, func(s pointsman.RunbookStep) bool {
		act, known := r.Find(s.Kind)
		if !known {
			return true
		}
		stop, ok := act.(Stopper)
		return !ok || !stop.OnlyStops()
	})
}
