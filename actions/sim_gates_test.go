package actions

import (
	"context"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// says lets everything come to rest before somebody decides: two decisions in one instant, with processes that wake in
// between, would be chance of another kind.
func (r *replica) says(ctx context.Context, cmd pointsman.Command) {
	time.Sleep(1)
	_, _ = r.store.Do(ctx, cmd)
}

// atGate: everybody clicks at a gate, too, now and then on the card of an earlier attempt.
func (r *replica) atGate(ctx context.Context, run pointsman.Run) {
	if _, at := run.AtGate(); !at {
		return
	}
	for _, who := range []pointsman.Person{simRob, ana, ben, simEve} {
		verdict, mark := pointsman.Approve, run.Mark()
		if r.draw(20, who.ID, "denies") == 0 {
			verdict = pointsman.Deny
		}
		if r.draw(4, who.ID, "old card") == 0 {
			mark = "3.9"
		}
		if r.draw(3, who.ID, "at the gate") == 0 {
			r.says(ctx, pointsman.CastVote{Run: run.ID, Mark: mark, Digest: run.Digest, Verdict: verdict, By: pointsman.Actor{Person: who, Door: pointsman.DoorSlack}})
		}
	}
}

// opened: the gate was opened by its own quorum, given for this attempt; the one who asked never counts.
func (s *sim) opened(ev pointsman.Event, have map[string]bool) {
	n := 0
	for who := range have {
		if who == "ana" || who == "ben" {
			n++
		}
	}
	if need := s.cat.runbook.Steps[ev.StepN-1].Approval.Needed(); n < need {
		s.violated("I1: the gate of %s opened with %d of %d approvals", ev.Run, n, need)
	}
}

// gated puts a gate before the irreversible step of every third schedule.
func (s *sim) gated() {
	if s.draw(3, "gated") > 0 {
		return
	}
	steps := s.cat.runbook.Steps
	gate := pointsman.RunbookStep{Name: "look", Kind: KindGate, Approval: pointsman.Policy{
		Require: []pointsman.Requirement{{Count: 1 + s.draw(2, "gate"), Role: "dba"}}, Expires: 2 * time.Minute,
	}}
	s.cat.runbook.Steps = slices.Insert(steps, len(steps)-1, gate)
}
