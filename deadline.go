package pointsman

import (
	"fmt"
	"time"
)

// deadline is when a run that starts now may begin no further step; zero for never.
func (t *turn) deadline(r *Run) time.Time {
	plan, err := DecodePlan(r.Plan)
	if err != nil || plan.Deadline <= 0 {
		return time.Time{}
	}
	return t.now.Add(plan.Deadline).Truncate(time.Microsecond)
}

// late says that the deadline of the run has passed. What was approved at night is not what somebody wants next morning.
func (t *turn) late(r *Run) string {
	if r.Until.IsZero() || t.now.Before(r.Until) {
		return ""
	}
	return fmt.Sprintf("the run's deadline passed at %s; retry goes on regardless, abort ends it", Clock(r.Until))
}

// outOfTime parks the runs that wait beyond their deadline. A step at work has its own timeout and ends by it.
func (t *turn) outOfTime() {
	for i := range t.state.Runs {
		if r := &t.state.Runs[i]; r.State == RunWaiting && t.late(r) != "" {
			t.park(r, t.late(r))
		}
	}
}

// harderSummary is what the ungraceful form of the step will do.
func (r Run) harderSummary(i int) string {
	plan, err := DecodePlan(r.Plan)
	if err != nil || i >= len(plan.Steps) || plan.Steps[i].Ungraceful == nil {
		return r.Steps[i].Summary
	}
	return plan.Steps[i].Ungraceful.Summary
}
