package actions

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// gated puts a gate before the irreversible step.
func gated(w *world, need int) {
	w.cat.people = append(w.cat.people, pointsman.Person{ID: "cy", Name: "Cy", Roles: []string{"dba"}})
	gate := pointsman.RunbookStep{
		Name: "look", Kind: KindGate, With: map[string]any{"text": "is ${candidate} free?"},
		Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: need, Role: "dba"}}, Expires: 10 * time.Minute},
	}
	s := w.cat.runbook.Steps
	w.cat.runbook.Steps = []pointsman.RunbookStep{s[0], gate, s[1]}
}

// people are those configured now.
func (w *world) people() map[string]pointsman.Person {
	return (&Engine{Catalog: w.cat}).people()
}

func (w *world) vote(who pointsman.Person, verdict pointsman.Verdict) pointsman.Answer {
	w.t.Helper()
	r := w.ledger.run("INC-1/R1")
	return w.do(pointsman.CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: verdict, By: pointsman.Actor{Person: who, Door: pointsman.DoorSlack}, People: w.people()})
}

func TestARunWaitsAtItsGateAcrossACrash(t *testing.T) {
	story(t, func(w *world) {
		gated(w, 2)
		crash := w.work("a")
		p := w.propose()
		plan, _ := pointsman.DecodePlan(p.Plan)
		if want := "2 of dba must approve within 10m before it goes on: is track-2 free?"; plan.Steps[1].Summary != want || plan.Steps[1].Approval.Needed() != 2 {
			t.Fatalf("the plan says %q, %s", plan.Steps[1].Summary, plan.Steps[1].Approval)
		}
		w.approve(p)
		synctest.Wait()
		w.wantRun(pointsman.RunWaiting, "needs 2 of dba until")
		if ans := w.vote(ana, pointsman.Approve); ans.Code != pointsman.CodeCounted || w.throw.times() != 0 {
			t.Fatalf("%+v, thrown %d times", ans, w.throw.times())
		}
		if ans := w.vote(ben, pointsman.Approve); ans.Code != pointsman.CodeNotAllowed {
			t.Fatalf("the requester counts: %+v", ans)
		}
		crash()
		time.Sleep(time.Minute)
		defer w.work("b")()
		synctest.Wait()
		if w.throw.times() != 0 {
			t.Fatal("a successor went through a closed gate")
		}
		w.vote(w.cat.people[2], pointsman.Approve)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "all 3 steps done")
		if w.throw.times() != 1 {
			t.Fatalf("thrown %d times", w.throw.times())
		}
	})
}

func TestADeniedGateParksAndNothingFollows(t *testing.T) {
	story(t, func(w *world) {
		gated(w, 1)
		defer w.work("a")()
		w.approve(w.propose())
		synctest.Wait()
		w.vote(ana, pointsman.Deny)
		time.Sleep(time.Hour)
		w.wantRun(pointsman.RunParked, "denied by Ana")
		if w.throw.times() != 0 {
			t.Fatal("thrown behind a closed gate")
		}
	})
}

func TestAGateThatTooFewCouldOpenIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	story(t, func(w *world) {
		gated(w, 3) // of three dba people one asks
		defer w.work("a")()
		p := w.propose()
		if no := pointsman.Refusals(p.Facts); p.State != pointsman.ProposalRefused || len(no) != 1 || !strings.Contains(no[0].Sentence(), "step 2 (look): approval needs 3 of dba") {
			t.Fatalf("%s %v", p.State, no)
		}
	})
}
