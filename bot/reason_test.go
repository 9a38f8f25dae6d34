package bot

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// TestAnApproveThatWantsAReasonAsksForIt: the click itself brings none, and is no refused vote.
func TestAnApproveThatWantsAReasonAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &tale{t: w.t, now: w.now}
	wants := func(p *pointsman.Plan) { p.Policy.ReasonRequired = true }
	w.tell(webhook(primaryDown(pointsman.AlertFiring)), pointsman.Ready{
		Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(needs(1), wants)), Facts: s.facts(), Eligible: []string{"Ana Ruiz", "Ben Okafor"},
	})
	w.flush()
	card := w.room.WaitMessage("PrimaryDown", "Approvals")
	card.Click("U0ANA", "Approve")
	form := w.story.WaitView("U0ANA", "Why?", "INC-7/P1")
	if st, n := w.vote(); st != pointsman.ProposalReady || n != 0 || w.count(pointsman.EvVoteRefused) != 0 {
		t.Fatalf("%s, %d votes, %d refusals before the reason is given", st, n, w.count(pointsman.EvVoteRefused))
	}
	w.story.Submit(form, map[string]string{"reason": "pg-1 is gone"})
	w.flush()
	card.WaitText("Approved by Ana Ruiz")
	if st, n := w.vote(); st != pointsman.ProposalApproved || n != 1 {
		t.Fatalf("%s, %d votes", st, n)
	}
}

// Somebody else has done it while the card was being read: nobody should give a reason for what there is nothing to do for.
func TestAnApproveThatHasNothingToDoAsksForNoReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &tale{t: w.t, now: w.now}
	plan := encoded(t, failover(needs(1), func(p *pointsman.Plan) { p.Policy.ReasonRequired = true }))
	w.tell(webhook(primaryDown(pointsman.AlertFiring)), pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: plan, Facts: s.facts(), Eligible: []string{"Ana Ruiz"}})
	w.flush()
	card := w.room.WaitMessage("PrimaryDown", "Approvals")
	w.tell(pointsman.Recheck{Proposal: "INC-7/P1", By: by(ben)}, pointsman.Ready{Proposal: "INC-7/P1", Generation: 2, Plan: plan, Facts: s.facts(), Already: "pg-2 is primary"})
	card.Click("U0ANA", "Approve")
	w.room.WaitEphemeral("U0ANA", "there is nothing to do: pg-2 is primary")
}

func TestAGateThatWantsAReasonAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.gate()
	w.mu.Lock()
	w.state.Runs[0].Steps[1].Gate.Policy.ReasonRequired = true
	w.mu.Unlock()
	card.Click("U0ANA", "Approve")
	w.story.Submit(w.story.WaitView("U0ANA", "Why?"), map[string]string{"reason": "the lag is gone"})
	w.flush()
	card.WaitText("approvals 1 of 2")
}
