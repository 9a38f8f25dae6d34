package actions

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// gate are points that can be set back.
type gate struct {
	*points
	undone int
}

func (g *gate) Undo(context.Context, Input) (Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.undone, g.set = g.undone+1, false
	return Outcome{Note: "set back"}, nil
}

// What was done on one server must not be taken back on another: an undo is an effect like any other.
func TestAnUndoIsRefusedWhereTheTargetsWereChanged(t *testing.T) {
	for _, c := range []struct {
		name, digest string
		undone       int
		run          pointsman.RunState
		state        pointsman.StepState
		note         string
	}{
		{"the same configuration", "cfg", 1, pointsman.RunAborted, pointsman.StepUndone, "set back"},
		{"another configuration", "other", 0, pointsman.RunParked, pointsman.StepNotUndone, reconfigured},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				g := &gate{points: w.fence}
				var err error
				if w.kinds, err = NewRegistry(NewMetrics(nil), g, w.throw); err != nil {
					t.Fatal(err)
				}
				w.cat.runbook.Steps = []pointsman.RunbookStep{
					w.cat.runbook.Steps[0], {Name: "settle", Kind: KindWait, With: map[string]any{"for": "1h"}}, w.cat.runbook.Steps[1],
				}
				defer w.work("a")()
				w.approve(w.propose())
				time.Sleep(time.Minute)
				synctest.Wait()
				w.wantRun(pointsman.RunWaiting, "")
				w.cat.digest.Store(c.digest)
				abort := pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbAbort, Reason: "it is not needed any more", By: pointsman.Actor{Person: ana}}
				if ans := w.do(abort); !ans.OK() {
					t.Fatal(ans)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				r := w.wantRun(c.run, "")
				if s := r.Steps[0]; s.State != c.state || g.undone != c.undone || !strings.Contains(s.Note, c.note) {
					t.Errorf("step 1 is %s (%s) and was undone %d times, want %s (%s) and %d", s.State, s.Note, g.undone, c.state, c.note, c.undone)
				}
			})
		})
	}
}
