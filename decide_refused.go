package pointsman

import (
	"maps"
	"slices"
	"time"
)

// refuse notes that something stands in the way. A flapping alert has it checked at each firing: the log keeps every
// answer, but people are told the same reason once per update, or the thread at night is nothing but this line.
func (t *turn) refuse(p *Proposal, before Proposal, by Actor, text string) {
	typ := EvProposalRefused
	if t.sameUpdate(before, *p) && slices.Equal(before.obstacles(), p.obstacles()) {
		typ = EvProposalStill
	}
	t.moveProposal(p, typ)
	t.say(typ, by, text, about(p), with(p.Facts))
}

// judged is the proposal as its last check left it. What the alerts ask for again after a quiet minute is a new proposal
// of the same runbook: then it is the one before. A person who asks anew is always told.
func (t *turn) judged(p *Proposal) Proposal {
	for _, q := range slices.Backward(t.state.Proposals) {
		same := q.Mode == p.Mode && q.Runbook == p.Runbook && q.Target == p.Target && maps.Equal(q.Params, p.Params)
		if !q.answeredAt().IsZero() && (q.ID == p.ID || same && p.CheckedAt.IsZero() && !q.Requester.Known() && !p.Requester.Known()) {
			return q
		}
	}
	return Proposal{}
}

// sameUpdate reports whether no timed update lies between the two answers.
func (t *turn) sameUpdate(before, p Proposal) bool {
	inc := t.state.Incident
	a, b := before.answeredAt(), p.answeredAt()
	return !a.IsZero() && (inc.UpdateEvery <= 0 || a.Sub(inc.OpenedAt)/inc.UpdateEvery == b.Sub(inc.OpenedAt)/inc.UpdateEvery)
}

// answeredAt is when it was last said whether it can be carried out; without a target that is at once.
func (p Proposal) answeredAt() time.Time {
	if p.CheckedAt.IsZero() && p.Problem != "" {
		return p.RequestedAt
	}
	return p.CheckedAt
}

// obstacles name what stands in the way, without the figures: a lag of 49 MB after 48 MB is no new reason.
func (p Proposal) obstacles() (out []string) {
	switch {
	case p.Problem != "":
		return []string{p.Problem}
	case p.Already != "":
		return nil // nothing stands in the way of what has happened
	}
	for _, f := range Refusals(p.Facts) {
		out = append(out, f.Key()+" "+string(f.Result))
	}
	return out
}
