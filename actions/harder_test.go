package actions

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// The fence refuses to close gently. A person says ungraceful, and what Apply gets next are the harder arguments.
func TestAfterUngracefulApplyGetsTheHarderArguments(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Steps[0].Ungraceful = map[string]any{"line": "${yard} by force"}
		defer w.work("a")()
		p := w.propose()
		w.fence.change(func(p *points) { p.deny = "a train stands on it" })
		w.approve(p)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "step 1 (fence) was refused: a train stands on it")
		w.fence.change(func(p *points) { p.deny = "" })
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbUngraceful, Reason: "it has to go", By: pointsman.Actor{Person: ana}})
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if got := strings.Join(w.fence.lines, " "); got != `{"line":"north"} {"line":"north by force"}` {
			t.Errorf("Apply was called with %s", got)
		}
	})
}

// The run's time is over while its first step is at work: that one ends, and the next one does not begin.
func TestARunPastItsDeadlineIsParkedBeforeItsNextStep(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Deadline = 5 * time.Second
		defer w.work("a")()
		p := w.propose()
		w.fence.change(func(p *points) { p.takes = 6 * time.Second })
		w.approve(p)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "step 2 (throw) was not begun")
		if r.Steps[0].State != pointsman.StepDone || w.throw.times() != 0 || w.ledger.count(pointsman.EvRunParked) != 1 {
			t.Fatalf("the first step is %s, thrown %d times", r.Steps[0].State, w.throw.times())
		}
	})
}

// The answer to the outcome of the graceful attempt is lost, so the engine says it again: by then the harder one has begun,
// and that is not over because the graceful one failed.
func TestAnOutcomeSaidTwiceDoesNotEndTheHarderAttempt(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Steps[0].Ungraceful = map[string]any{"line": "${yard} by force"}
		stop := w.work("planner")
		p := w.propose()
		stop()
		jam := make(chan struct{})
		w.fence.change(func(p *points) { p.stuckApply = jam })
		w.approve(p)
		lost := false
		defer w.engine(&lossy{ledger: w.ledger, lose: func(cmd pointsman.Command) bool {
			end, is := cmd.(pointsman.EndStep)
			first := is && end.State == pointsman.StepFailed && !lost
			lost = lost || first
			return first
		}})()
		time.Sleep(time.Second)
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbUngraceful, Reason: "it has to go", By: pointsman.Actor{Person: ana}})
		w.fence.change(func(p *points) { p.stuckApply = nil })
		close(jam)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if got := strings.Join(w.fence.lines, " "); !lost || got != `{"line":"north"} {"line":"north by force"}` {
			t.Errorf("lost %v, Apply was called with %s", lost, got)
		}
	})
}
