package pointsman

import "time"

// StepUntil is when the time of step i is over, which is s in the plan: its own, or that of its group where it ends before;
// attempts that sent nothing count in.
func (r Run) StepUntil(i int, s PlanStep) time.Time {
	until := r.Steps[i].Began().Add(s.Timeout)
	if s.Group.Timeout > 0 && r.GroupUntil.Before(until) {
		return r.GroupUntil
	}
	return until
}

// Looking says of a step whose owner stopped in the middle that it is looked at, and until when; it is empty for every other step.
// A request may be on its way until the step's time is over, so "not done" is believed only then. Without the sentence a run would
// stand there without a word for as long.
func (r Run) Looking(i int) string {
	if s := r.Steps[i]; r.State != RunRunning || s.State != StepUnknown || !s.EndedAt.IsZero() {
		return ""
	}
	until := "its time is over"
	if plan, err := DecodePlan(r.Plan); err == nil && i < len(plan.Steps) {
		until = Clock(r.StepUntil(i, plan.Steps[i]))
	}
	return "the process that carried it out has stopped; whether it was done is looked at until " + until + ", then it begins again or a person is asked"
}
