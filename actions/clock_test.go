package actions

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// onAnotherClock runs a story in which the wall clock of the process is an hour ahead of the store's, or behind it.
func onAnotherClock(t *testing.T, f func(w *world)) {
	t.Helper()
	for name, ahead := range map[string]time.Duration{"behind": time.Hour, "ahead": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				w.ledger.ahead, w.kinds.Clock = ahead, w.ledger.now
				f(w)
			})
		})
	}
}

func TestAnotherWallClockTakesNoTimeFromAStepAndGivesItNone(t *testing.T) {
	onAnotherClock(t, func(w *world) {
		wait := pointsman.RunbookStep{Name: "settle", Kind: KindWait, With: map[string]any{"for": "30s"}}
		watch := pointsman.RunbookStep{Name: "stays", Kind: KindWatch, With: map[string]any{"kind": "yard.throw", "with": map[string]any{"line": "${candidate}"}, "for": "1m"}}
		w.cat.runbook.Steps = append(w.cat.runbook.Steps, wait, watch)
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(29 * time.Second)
		if r := w.wantRun(pointsman.RunWaiting, ""); r.Current() != 2 {
			t.Fatalf("at step %d after 29 s: %s", r.Current()+1, r.Note)
		}
		time.Sleep(2 * time.Minute)
		r := w.wantRun(pointsman.RunDone, "all 4 steps done")
		for i, want := range []time.Duration{0, 0, 30 * time.Second, time.Minute} {
			if took := r.Steps[i].EndedAt.Sub(r.Steps[i].StartedAt); took < want || took > want+20*time.Second {
				t.Errorf("step %d took %s, want about %s", i+1, took, want)
			}
		}
	})
}

func TestAnotherWallClockMovesNoDeadline(t *testing.T) {
	onAnotherClock(t, func(w *world) {
		stuck := make(chan struct{})
		defer close(stuck)
		w.throw.change(func(p *points) { p.stuckApply = stuck })
		crash := w.work("a")
		began := time.Now()
		w.approve(w.propose())
		time.Sleep(3 * time.Second)
		crash()
		w.throw.change(func(p *points) { p.stuckApply = nil })
		defer w.work("b")()
		for w.throw.times() < 2 && time.Since(began) < 2*time.Minute {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		// Begun again after the ten seconds that the first attempt had, by whatever clock.
		if took := time.Since(began); took < 10*time.Second || took > 30*time.Second {
			t.Errorf("%d attempts after %s", w.throw.times(), took)
		}
	})
}

// TestFactsAreStampedByTheStoresClock is told outside of a bubble, where times have a monotonic reading.
func TestFactsAreStampedByTheStoresClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
		w := newWorld(t)
		w.ledger.ahead, w.kinds.Clock = ahead, w.ledger.now
		fresh := func(where string, facts []pointsman.Fact) {
			t.Helper()
			if len(facts) == 0 {
				t.Errorf("%s: no facts", where)
			}
			for _, f := range facts {
				if age := w.ledger.now().Sub(f.At); age < 0 || age > time.Minute {
					t.Errorf("%s: %s is %s old", where, f.Name, age)
				}
			}
		}
		act, _ := w.kinds.Find("yard.throw")
		ev, err := act.Check(t.Context(), Input{With: []byte(`{"line": "track-2"}`)})
		fresh("check", ev.Facts)
		no := w.kinds.clock().stampedError(fmt.Errorf("wrapped: %w", &RefusedError{Facts: []pointsman.Fact{{Name: "late", At: time.Now()}}}))
		r, ok := errors.AsType[*RefusedError](no)
		if !ok || err != nil {
			t.Fatal(no, err)
		}
		fresh("refusal", r.Facts)
	}
}

func TestStoredLeavesATimeFromElsewhereAlone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := Clock(func() time.Time { return now.Add(time.Hour).Round(0) })
	if got := c.Stored(now).Sub(now); got < 59*time.Minute || got > time.Hour {
		t.Errorf("our own time is moved by %s, want an hour less its age", got)
	}
	for _, elsewhere := range []time.Time{{}, now.Round(0), now.UTC().Truncate(time.Microsecond)} {
		if got := c.Stored(elsewhere); !got.Equal(elsewhere) {
			t.Errorf("%s became %s", elsewhere, got)
		}
	}
}
