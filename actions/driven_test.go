package actions

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// cutOff lets a step hang until its deadline, 10 s, and from its first second on the store answers with why for a while.
func (w *world) cutOff(why error, d time.Duration) {
	w.fence.change(func(p *points) { p.hang = true })
	w.approve(w.propose())
	<-time.After(time.Second)
	w.ledger.break_(why)
	<-time.After(d)
	w.ledger.break_(nil)
}

// A lease ends while the store is away. Whoever drives the run is the first to be asked when it is back; if the sweep
// came before the heartbeat, a process would take its own run over and not know what became of its own step.
func TestNobodyTakesARunOverFromItself(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.cutOff(errDown, 7500*time.Millisecond) // the lease ended at 6 s; the next sweep is at 9 s, the next heartbeat at 10 s
		<-time.After(5 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "all 2 steps done")
		if n := w.ledger.count(pointsman.EvRunTaken); n != 0 || w.fence.times() != 1 {
			t.Errorf("the run was taken over %d times and the fence called %d times, want 0 and 1", n, w.fence.times())
		}
	})
}

// endless are points whose Apply works until it is stopped, and which know why it was.
type endless struct {
	*points
	stopped chan error
}

func (e endless) Apply(ctx context.Context, _ Input) (Outcome, error) {
	<-ctx.Done()
	e.stopped <- context.Cause(ctx)
	return Outcome{}, ctx.Err()
}

// Another process has the run: it may be undoing by now what this one still works on. The step at work is stopped at the next
// heartbeat, long before its own deadline, and nothing is said of it under the old epoch.
func TestALostLeaseStopsTheStepAtWork(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []string
	}{{"a step by itself", []string{""}}, {"members of a group", []string{"both", "both"}}} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				fence := endless{w.fence, make(chan error, len(c.steps))}
				w.seize(fence, c.steps)
				for range c.steps {
					select {
					case why := <-fence.stopped:
						if !errors.Is(why, errFenced) {
							t.Errorf("the step was stopped because of %v, want: %v", why, errFenced)
						}
					default:
						t.Error("the step still works, a heartbeat after its run was lost")
					}
				}
				if len(w.ledger.late) != 0 {
					t.Errorf("said under an epoch that is over: %+v", w.ledger.late)
				}
			})
		})
	}
}

// seize takes the run from its engine in the first step's first second, and lets the time to the next heartbeat pass.
func (w *world) seize(fence Action, groups []string) {
	w.t.Helper()
	var err error
	if w.kinds, err = NewRegistry(NewMetrics(nil), fence, w.throw); err != nil {
		w.t.Fatal(err)
	}
	first, last := w.cat.runbook.Steps[0], w.cat.runbook.Steps[1]
	w.cat.runbook.Steps = nil
	for i, group := range groups {
		s := first
		s.Name, s.With, s.Group.Name = fmt.Sprint("fence-", i), map[string]any{"line": fmt.Sprint(i)}, group
		w.cat.runbook.Steps = append(w.cat.runbook.Steps, s)
	}
	w.cat.runbook.Steps = append(w.cat.runbook.Steps, last)
	w.t.Cleanup(w.work("a"))
	w.approve(w.propose())
	time.Sleep(time.Second)
	w.ledger.seize("INC-1/R1", "b")
	time.Sleep(2 * time.Second)
	synctest.Wait()
}
