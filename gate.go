package pointsman

import "time"

// KindGate is the kind of a step that has no effect and needs an approval of its own in the middle of a run.
const KindGate = "gate"

// Gate is the approval that a step of kind gate waits for.
type Gate struct {
	Policy    Policy    `json:"policy,omitzero"`
	Votes     []Vote    `json:"votes,omitempty"`     // on the plan's digest, each with the step and attempt it was meant for
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero until the run has reached it
	PageAt    time.Time `json:"page_at,omitzero"`    // when somebody is paged because nobody decides
	OpenedBy  string    `json:"opened_by,omitempty"` // the people whose approvals completed the quorum
}

// next is when the clock has something to say about it; zero for never.
func (g Gate) next() time.Time {
	if !g.PageAt.IsZero() && g.PageAt.Before(g.ExpiresAt) {
		return g.PageAt
	}
	return g.ExpiresAt
}

// AtGate is the step at whose gate the run waits for votes.
func (r Run) AtGate() (int, bool) {
	i, owed := r.owed()
	return i, owed && r.Steps[i].Kind == KindGate && !r.Steps[i].Gate.ExpiresAt.IsZero()
}

// Tally says how far the votes at the gate of a step have come, "1 of 2"; requester is who asked for the run.
func (r Run) Tally(step int, requester Actor) Standing { return r.poll(step, requester).standing() }

func (r Run) poll(step int, requester Actor) poll {
	return poll{r.Steps[step].Gate.Policy, requester, r.Digest, r.Steps[step].Gate.Votes}
}
