package pointsman

import (
	"fmt"
	"time"
)

// Duty is what a person owes at a step that waits for them: who, until when, and how far they were reminded.
type Duty struct {
	Owner string    `json:"owner,omitempty"` // a role or a person's id; empty for whoever may steer the run
	Due   time.Time `json:"due,omitzero"`    // zero: no hurry, nobody is reminded
	Late  bool      `json:"late,omitempty"`  // the time passed and the owner was told again
	// PageAt is when somebody is paged for it; zero before the owner was told again, and after the page.
	PageAt time.Time `json:"page_at,omitzero"`
}

// DefaultChase is the time between the reminder and the page where the runbook says nothing under escalation.after.
const DefaultChase = 5 * time.Minute

// Of reports whether the duty is the person's own, by id or by role.
func (d Duty) Of(who Actor) bool {
	return d.Owner != "" && who.Known() && (who.Person.ID == d.Owner || who.Person.Has(d.Owner))
}

// By says who must act and until when, "dba until 03:30 UTC"; empty where nobody is named.
func (d Duty) By() string {
	if d.Owner == "" || d.Due.IsZero() {
		return d.Owner
	}
	return d.Owner + " until " + Clock(d.Due)
}

// next is when the clock has something to say about it; zero for never.
func (d Duty) next() time.Time {
	if !d.Late && !d.Due.IsZero() {
		return d.Due
	}
	return d.PageAt
}

// owed is the step whose duty a run waits for. A run that waits for a time owes nothing.
func (r Run) owed() (int, bool) {
	i := r.Current()
	return i, r.State == RunWaiting && r.WakeAt.IsZero() && i < len(r.Steps)
}

// chase reminds the owner of what is overdue, and pages when that did not help: as with an approval that nobody gives,
// a run must not stand still because everybody believes that somebody else is on it.
func (t *turn) chase(by Actor) {
	for n := range t.state.Runs {
		r := &t.state.Runs[n]
		i, owed := r.owed()
		if !owed {
			continue
		}
		s := &r.Steps[i]
		if at := s.Duty.next(); at.IsZero() || at.After(t.now) {
			continue
		}
		late := fmt.Sprintf("%s, %s, of %s is overdue: %s", r.Nth(i), s.Name, r.ID, s.Duty.By())
		if s.Duty.Late {
			s.Duty.PageAt = time.Time{}
			t.pageFor(r, by, late)
			continue
		}
		after := t.state.Incident.Escalate.After
		if after <= 0 {
			after = DefaultChase
		}
		s.Duty.Late, s.Duty.PageAt = true, t.now.Add(after)
		if !t.quiet(r) {
			late += "; somebody is paged at " + Clock(s.Duty.PageAt)
		}
		t.say(EvStepOverdue, by, late, atStep(r, i))
	}
}
