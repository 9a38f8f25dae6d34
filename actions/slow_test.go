package actions

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// Took implements History on the runs that the ledger has.
func (l *ledger) Took(_ context.Context, runbook string, target pointsman.Target, kind, step string, limit int) ([]time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []time.Duration
	for _, st := range l.states {
		for _, r := range st.Runs {
			for _, s := range r.Steps {
				if len(out) < limit && r.Runbook == runbook && r.Target == target && s.Kind == kind && s.Name == step && s.State == pointsman.StepDone {
					out = append(out, s.EndedAt.Sub(s.StartedAt))
				}
			}
		}
	}
	return out, nil
}

func TestAStepThatTakesLongerThanItEverDidIsToldOnce(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		for n := 1; n <= slowLeast+1; n++ {
			w.fence.change(func(p *points) { p.set, p.takes = false, 2*time.Second })
			w.throw.change(func(p *points) { p.set = false })
			if n > slowLeast {
				w.fence.change(func(p *points) { p.takes = 9 * time.Second })
			}
			w.ask(n)
			time.Sleep(time.Minute)
			synctest.Wait()
			if r := w.ledger.run(fmt.Sprintf("INC-%d/R1", n)); r.State != pointsman.RunDone {
				t.Fatalf("run %d is %s (%s)", n, r.State, r.Note)
			}
			if told := w.ledger.count(pointsman.EvStepSlow); (told == 1) != (n > slowLeast) || told > 1 {
				t.Fatalf("told %d times after %d runs", told, n)
			}
		}
		for _, e := range w.ledger.events {
			if want := "at work for 2.0 s; of its last 5 runs 95 in 100 took at most 2.0 s"; e.Type == pointsman.EvStepSlow && !strings.Contains(e.Text, want) {
				t.Errorf("%q, want %q", e.Text, want)
			}
		}
	})
}

// ask proposes and approves the n-th run, as an incident of its own.
func (w *world) ask(n int) {
	w.t.Helper()
	w.do(pointsman.Request{
		Key: fmt.Sprintf("yard-%d", n), By: pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}, Reason: "test",
		Offer: pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: pointsman.Target{Kind: "yard", Name: "north"}, Params: map[string]string{"yard": "north"}},
	})
	synctest.Wait()
	w.approve(w.ledger.state(fmt.Sprintf("INC-%d", n)).Proposals[0])
}
