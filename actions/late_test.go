package actions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// outrun is a story in which the last look at the world outlasts the time of the point of no return: no attempt of it
// begins. The fence before it can be undone.
func outrun(t *testing.T, f func(w *world, g *gate)) {
	t.Helper()
	story(t, func(w *world) {
		g := &gate{points: w.fence}
		var err error
		if w.kinds, err = NewRegistry(NewMetrics(nil), g, w.throw); err != nil {
			t.Fatal(err)
		}
		w.cat.runbook.Steps[1].Timeout = 2 * time.Second
		defer w.work("a")()
		p := w.propose()
		w.throw.change(func(p *points) { p.slow = 2500 * time.Millisecond })
		w.approve(p)
		time.Sleep(3 * time.Second) // the start has been checked, the fence is set, the throw is looked at again
		synctest.Wait()
		f(w, g)
	})
}

func (w *world) wantUndone(g *gate) {
	w.t.Helper()
	r := w.wantRun(pointsman.RunAborted, "")
	if w.throw.times() != 0 || g.undone != 1 || r.Steps[0].State != pointsman.StepUndone || r.PastReturn() {
		w.t.Errorf("thrown %d times, the fence undone %d times and is %s, behind the return: %t", w.throw.times(), g.undone, r.Steps[0].State, r.PastReturn())
	}
}

func TestAnAbortBeforeAnAttemptThatComesTooLateUndoes(t *testing.T) {
	outrun(t, func(w *world, g *gate) {
		if r := w.wantRun(pointsman.RunRunning, ""); r.Current() != 1 || r.Steps[1].Attempt != 1 {
			t.Fatalf("at step %s", r.Mark())
		}
		w.steer(pointsman.VerbAbort)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantUndone(g)
	})
}

func TestAttemptsThatAllComeTooLateLeaveTheWayBackOpen(t *testing.T) {
	outrun(t, func(w *world, g *gate) {
		time.Sleep(time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "its time was over before attempt 3 could begin; nothing was sent in it")
		if r.Steps[1].Attempt != maxAttempts || r.PastReturn() {
			t.Errorf("%+v", r.Steps[1])
		}
		w.steer(pointsman.VerbAbort)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantUndone(g)
	})
}

func TestAnUndoingThatAFreezeHeldGoesOnWhereItStood(t *testing.T) {
	outrun(t, func(w *world, g *gate) {
		freeze := pointsman.Protect{Verb: pointsman.Freeze, Reason: "works", Roles: []string{"dba"}, By: pointsman.Actor{Person: ana}}
		if ans := w.do(freeze); !ans.OK() {
			t.Fatal(ans)
		}
		w.steer(pointsman.VerbAbort)
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.wantRun(pointsman.RunParked, "step 1 (fence) was not undone: everything is frozen by Ana"); g.undone != 0 {
			t.Fatalf("undone %d times while everything is frozen", g.undone)
		}
		freeze.Verb = pointsman.Unfreeze
		if ans := w.do(freeze); !ans.OK() {
			t.Fatal(ans)
		}
		w.steer(pointsman.VerbResume)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantUndone(g)
	})
}
