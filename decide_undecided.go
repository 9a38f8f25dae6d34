package pointsman

import (
	"fmt"
	"slices"
)

// The clock after which somebody is paged, Incident.EscalateAt, runs until the outage has a decision: an approval that is
// complete. What else happens to a proposal while alerts fire does not end the waiting, and a drill, or one that there is
// nothing to do for, neither starts nor stops it:
//
//	a vote that others must join   the clock goes on, or starts where somebody was paged already
//	a denial, others wait          the same
//	a denial, none waits           it starts anew: whoever denied has that long to find another way
//	an expiry, others wait         it goes on, or starts
//	an expiry, none waits          it goes on; where somebody was paged already, they are paged now
//
// Without alerts nobody is woken. An open run pages by itself where it parks; where it ends and something of the outage still
// waits, or has expired meanwhile, the clock starts.

// undecided keeps somebody being paged after a vote on p, its denial or its expiry.
func (t *turn) undecided(p *Proposal) {
	inc := &t.state.Incident
	_, running := t.state.OpenRun()
	if p.aside() || running || !inc.Burning() || inc.Escalate.After <= 0 {
		return
	}
	later := t.now.Add(inc.Escalate.After)
	switch _, others := t.waiting(); {
	case !others && p.State == ProposalExpired && inc.EscalateAt.IsZero():
		inc.EscalateAt = t.now
	case !others && p.State != ProposalExpired, inc.EscalateAt.IsZero():
		inc.EscalateAt = later
	}
}

// stillUndecided starts the clock after a run for what the run has not decided: a proposal for another target, say.
func (t *turn) stillUndecided() {
	inc := &t.state.Incident
	_, running := t.state.OpenRun()
	_, waits := t.waiting()
	if inc.State == IncidentOpen && inc.Burning() && !running && inc.Escalate.After > 0 && inc.EscalateAt.IsZero() && (waits || t.some(ProposalExpired)) {
		inc.EscalateAt = t.now.Add(inc.Escalate.After)
	}
}

// waiting is the proposal that waits for a decision on the outage, the first by rank, or will when it is checked.
func (t *turn) waiting() (Proposal, bool) {
	for _, p := range Ranked(t.state.Proposals) {
		if !p.aside() && (p.State == ProposalReady || p.State == ProposalChecking) {
			return p, true
		}
	}
	return Proposal{}, false
}

// aside reports whether the outage waits for no decision on p, so that none on p is one on the outage: what fires beside an
// exercise still has none, and who denies what somebody else has done only takes a notice off the card.
func (p Proposal) aside() bool { return p.Mode == ModeDrill || p.Already != "" }

// decidedOn takes a decision as one on the outage.
func (t *turn) decidedOn(p *Proposal, by Actor) {
	if !p.aside() {
		t.acknowledgePage(by)
		t.stopEscalation()
	}
}

// denied: one who says no to one proposal has not decided for those that still wait.
func (t *turn) denied(p *Proposal, by Actor) {
	if _, others := t.waiting(); !others {
		t.decidedOn(p, by)
	}
	t.undecided(p)
}

// whyPaged says what nobody has done.
func (t *turn) whyPaged() string {
	inc := t.state.Incident
	p, waits := t.waiting()
	r, ran := t.ranLast()
	switch st := t.standing(&p); {
	case waits && st.Have > 0:
		return fmt.Sprintf("%s: %s has %s and needs %s until %s: %s", inc.ID, p.Title, st, p.Policy, Clock(p.ExpiresAt), inc.Title)
	case waits && ran:
		return fmt.Sprintf("%s: %s is %s, and %s still waits for a decision: %s", inc.ID, titled(r.Title, r.Target), r.State, titled(p.Title, p.Target), inc.Title)
	case waits:
	case ran && t.some(ProposalExpired):
		return fmt.Sprintf("%s: %s is %s, and another approval expired: %s", inc.ID, titled(r.Title, r.Target), r.State, inc.Title)
	case t.some(ProposalExpired):
		return fmt.Sprintf("%s has an approval that expired, and no decision: %s", inc.ID, inc.Title)
	case t.some(ProposalDenied):
		return fmt.Sprintf("%s has no runbook left, what was proposed is denied: %s", inc.ID, inc.Title)
	}
	return fmt.Sprintf("%s has no decision after %s: %s", inc.ID, Span(inc.Escalate.After), inc.Title)
}

// titled tells two proposals of one runbook apart.
func titled(title string, on Target) string {
	if key := on.Key(); key != "" {
		return title + " on " + key
	}
	return title
}

// ranLast is the run of this outage that began last: who is woken after it must not think that nobody has come.
func (t *turn) ranLast() (Run, bool) {
	for _, r := range slices.Backward(t.state.Runs) {
		if r.Mode != ModeDrill && !r.StartedAt.IsZero() && !r.QueuedAt.Before(t.state.Incident.Since()) {
			return r, true
		}
	}
	return Run{}, false
}

// some reports whether a proposal of the outage, since it began last, is in the state.
func (t *turn) some(state ProposalState) bool {
	for _, p := range t.state.Proposals {
		if !p.aside() && p.State == state && !p.RequestedAt.Before(t.state.Incident.Since()) {
			return true
		}
	}
	return false
}
