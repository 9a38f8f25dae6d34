package actions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// byHand puts a task of the network people before the irreversible step.
func byHand(w *world, due string) {
	w.cat.runbook.Steps[0] = pointsman.RunbookStep{Name: "drain", Kind: KindManual, With: map[string]any{"text": "drain ${yard}", "owner": "network", "due": due}}
	w.cat.runbook.Steps[1].With = map[string]any{"line": "${yard}"}
}

func TestATaskIsOwedByItsOwnerUntilItIsDueAcrossRestarts(t *testing.T) {
	story(t, func(w *world) {
		byHand(w, "20m")
		crash := w.work("a")
		w.approve(w.propose())
		synctest.Wait()
		r := w.wantRun(pointsman.RunWaiting, "waits for network until")
		due := r.Steps[0].Duty.Due
		if left := due.Sub(r.Steps[0].StartedAt); left != 20*time.Minute {
			t.Fatalf("due after %s", left)
		}
		crash()
		time.Sleep(20 * time.Minute)
		w.do(pointsman.Tick{Incident: "INC-1"})
		time.Sleep(5 * time.Minute)
		w.do(pointsman.Tick{Incident: "INC-1"})
		if w.ledger.count(pointsman.EvStepOverdue) != 1 || w.ledger.count(pointsman.EvPageTriggered) != 1 {
			t.Fatalf("told %d times, paged %d times", w.ledger.count(pointsman.EvStepOverdue), w.ledger.count(pointsman.EvPageTriggered))
		}
		defer w.work("b")()
		nina := pointsman.Actor{Person: pointsman.Person{ID: "nina", Roles: []string{"network"}}, Door: pointsman.DoorSlack}
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbDone, Mark: "1.1", Reason: "0 trains left", By: nina})
		synctest.Wait()
		if r := w.wantRun(pointsman.RunDone, "on a person's word"); r.Steps[0].Result != "0 trains left" {
			t.Fatalf("%+v", r.Steps[0])
		}
	})
}

func TestAnOwnerTakenOverHasNoMoreTimeThanBefore(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	in := Input{With: []byte(`{"text":"drain","owner":"network","due":"20m"}`)}
	w, err := manual(in, began)
	if err != nil || !w.Due.Equal(began.Add(20*time.Minute)) || w.Note != "waits for network until 03:20:00 UTC: drain" {
		t.Fatalf("%+v %v", w, err)
	}
}
