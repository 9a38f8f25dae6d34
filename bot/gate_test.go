package bot

import (
	"slices"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// gate brings the card to a run that waits for two people in its middle.
func (w *world) gate() fakeslack.Card {
	w.t.Helper()
	s := &tale{t: w.t, now: w.now}
	w.tell(
		webhook(primaryDown(pointsman.AlertFiring)),
		pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(w.t, gated()), Facts: s.facts()},
		pointsman.CastVote{Proposal: "INC-7/P1", Digest: pointsman.Digest(encoded(w.t, gated())), Verdict: pointsman.Approve, By: by(ana)},
		pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}},
		pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, State: pointsman.StepDone},
		pointsman.WaitStep{Run: "INC-7/R1", Epoch: 1, Step: 1},
	)
	w.flush()
	return w.room.WaitMessage("This gate needs 2 of dba", "approvals 0 of 2")
}

func TestAGateIsOpenedByTwoClicksOnTheCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	card := w.gate()
	card.Click("U0EVE", "Approve")
	w.room.WaitEphemeral("U0EVE", "Eve Lind has none of the roles that decide here; it needs 2 of dba")
	card.Click("U0ANA", "Approve")
	w.room.WaitEphemeral("U0ANA", "Your approval at the gate of INC-7/R1 counts: 1 of 2")
	w.flush()
	card = card.WaitText("approvals 1 of 2", "✓ Ana Ruiz – dba")
	card.Click("U0BEN", "Approve")
	w.room.WaitEphemeral("U0BEN", "the gate is open (2 of 2) and INC-7/R1 goes on")
	w.flush()
	card.WaitReply("step 2 of 3, look: opened by Ana Ruiz and Ben Okafor")
}

func TestADeniedGateOffersNoMarkDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.gate().Click("U0BEN", "Deny…")
	w.story.Submit(w.story.WaitView("U0BEN", "Why not?"), map[string]string{"reason": "pg-2 lags"})
	w.room.WaitEphemeral("U0BEN", "You denied the gate of INC-7/R1")
	w.flush()
	card := w.room.WaitMessage("parked and needs a person", "denied by Ben Okafor: pg-2 lags")
	if b := card.Buttons(); slices.Contains(b, "Mark done…") || !slices.Contains(b, "Retry step…") || !slices.Contains(b, "Abort…") {
		t.Fatal(b)
	}
}
