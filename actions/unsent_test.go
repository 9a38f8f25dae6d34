package actions

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// waits are the times between the calls of Apply.
func (p *points) waits() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(p.tried); i++ {
		out = append(out, p.tried[i].Sub(p.tried[i-1]).Round(100*time.Millisecond))
	}
	return out
}

// unsent is a story in which nobody takes the call of the fence's first n attempts; it goes on when the first has failed.
func unsent(t *testing.T, n int, f func(w *world)) {
	t.Helper()
	story(t, func(w *world) {
		w.fence.change(func(p *points) { p.refused = n })
		defer w.work("a")()
		w.approve(w.propose())
		settle(500 * time.Millisecond)
		f(w)
	})
}

func TestWhatWasNotSentIsTriedAgain(t *testing.T) {
	unsent(t, 2, func(w *world) {
		r := w.wantRun(pointsman.RunRunning, "")
		if told := r.Steps[0].Trying(); told != "nothing was sent in attempt 1 (1 of 4): connection refused; the next one comes in 1.0 s" {
			t.Errorf("told %q", told)
		}
		time.Sleep(10 * time.Second)
		r = w.wantRun(pointsman.RunDone, "all 2 steps done")
		if want := []time.Duration{time.Second, 2 * time.Second}; !slices.Equal(w.fence.waits(), want) {
			t.Errorf("waited %v, want %v", w.fence.waits(), want)
		}
		if n := w.ledger.count(pointsman.EvStepUnsent); n != 2 || r.Steps[0].Attempt != 3 {
			t.Errorf("told %d times, attempt %d", n, r.Steps[0].Attempt)
		}
		if keys := slices.Compact(slices.Clone(w.fence.keys)); len(keys) != 1 {
			t.Errorf("idempotency keys %v, want one", keys)
		}
	})
}

func TestWhatIsNeverSentEndsAsFailed(t *testing.T) {
	for name, tc := range map[string]struct {
		timeout time.Duration
		waits   []time.Duration
	}{
		"after four attempts":     {time.Minute, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		"when its time would end": {5 * time.Second, []time.Duration{time.Second, 2 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				w.cat.runbook.Steps[0].Timeout = tc.timeout
				w.fence.change(func(p *points) { p.refused = 100 })
				defer w.work("a")()
				w.approve(w.propose())
				time.Sleep(2 * time.Minute)
				note := fmt.Sprintf("nothing was sent in %d attempts, so nothing was done: connection refused", len(tc.waits)+1)
				r := w.wantRun(pointsman.RunParked, note)
				if !slices.Equal(w.fence.waits(), tc.waits) {
					t.Errorf("waited %v, want %v", w.fence.waits(), tc.waits)
				}
				if r.Steps[0].State != pointsman.StepFailed || w.throw.times() != 0 {
					t.Errorf("%s, and the next step was applied %d times", r.Steps[0].State, w.throw.times())
				}
				w.fence.change(func(p *points) { p.refused = 1 })
				w.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbRetry, Mark: r.Mark(), Reason: "the network is back", By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}})
				time.Sleep(time.Minute)
				w.wantRun(pointsman.RunDone, "") // a person's retry has its own time and attempts
			})
		})
	}
}

func TestBetweenAttemptsTheWorldIsLookedAtAgain(t *testing.T) {
	unsent(t, 100, func(w *world) {
		w.fence.change(func(p *points) { p.refuse = "a train is on the points" })
		time.Sleep(time.Minute)
		w.wantRun(pointsman.RunParked, "a train is on the points")
		if n := w.fence.times(); n != 1 {
			t.Errorf("applied %d times, want once: refused is never tried again", n)
		}
	})
}

func TestAnAttemptThatCannotLookSendsNothingEither(t *testing.T) {
	unsent(t, 1, func(w *world) {
		w.fence.change(func(p *points) { p.checkErr = errors.New("no route to host") })
		time.Sleep(1500 * time.Millisecond) // the second attempt sees nothing
		w.fence.change(func(p *points) { p.checkErr = nil })
		time.Sleep(time.Minute)
		w.wantRun(pointsman.RunDone, "")
		if n := w.ledger.count(pointsman.EvStepUnsent); n != 2 || w.fence.times() != 2 {
			t.Errorf("told %d times, applied %d times", n, w.fence.times())
		}
	})
}

// Nothing was sent before a person said retry, and the look before the repetition sees nothing: that is no outcome that
// somebody has to find out.
func TestARetryThatCannotLookHasSentNothing(t *testing.T) {
	story(t, func(w *world) {
		w.fence.change(func(p *points) { p.refused = 100 })
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Minute)
		w.wantRun(pointsman.RunParked, "nothing was sent in")
		w.fence.change(func(p *points) { p.checkErr = errors.New("no route to host") })
		w.steer(pointsman.VerbRetry)
		settle(time.Minute)
		tried := w.fence.times()
		if r := w.wantRun(pointsman.RunParked, "nothing was sent in 4 attempts, so nothing was done"); r.Steps[0].State != pointsman.StepFailed || r.Steps[0].Touched || tried != DefaultTries {
			t.Errorf("%s, touched %t, applied %d times", r.Steps[0].State, r.Steps[0].Touched, tried)
		}
		w.fence.change(func(p *points) { p.checkErr, p.refused = nil, 0 })
		w.steer(pointsman.VerbRetry)
		settle(time.Minute)
		w.wantRun(pointsman.RunDone, "")
	})
}

func TestAPauseOrAnAbortStopsTheAttempts(t *testing.T) {
	for verb, want := range map[pointsman.Verb]pointsman.RunState{pointsman.VerbPause: pointsman.RunPaused, pointsman.VerbAbort: pointsman.RunAborted} {
		t.Run(string(verb), func(t *testing.T) {
			unsent(t, 1, func(w *world) {
				r := w.wantRun(pointsman.RunRunning, "")
				w.do(pointsman.Steer{Run: r.ID, Verb: verb, Mark: r.Mark(), Reason: "wait", By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}})
				time.Sleep(time.Minute)
				if r = w.wantRun(want, ""); w.fence.times() != 1 {
					t.Errorf("applied %d times after %s", w.fence.times(), verb)
				}
				if s := r.Steps[0]; s.Touched {
					t.Errorf("%+v: nothing was sent, so there is nothing to undo", s)
				}
				if verb == pointsman.VerbAbort {
					return
				}
				w.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbResume, Mark: r.Mark(), Reason: "go on", By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}})
				time.Sleep(time.Minute)
				w.wantRun(pointsman.RunDone, "")
			})
		})
	}
}

func TestAProcessThatDiesBetweenAttemptsIsObserved(t *testing.T) {
	story(t, func(w *world) {
		w.fence.change(func(p *points) { p.refused = 1 })
		crash := w.work("a")
		w.approve(w.propose())
		time.Sleep(500 * time.Millisecond)
		crash()
		defer w.work("b")()
		time.Sleep(time.Minute)
		r := w.wantRun(pointsman.RunDone, "")
		if r.Steps[0].Attempt != 2 || w.fence.times() != 2 || w.ledger.count(pointsman.EvRunTaken) != 1 {
			t.Errorf("attempt %d, applied %d times", r.Steps[0].Attempt, w.fence.times())
		}
	})
}

func TestAMemberOfAGroupIsTriedAgainBesideTheOthers(t *testing.T) {
	grouped(t, []string{"a", "b", "c"}, func(w *world, k *arms) {
		k.arm("b", func(a *arm) { a.refused = 2 })
		k.arm("c", func(a *arm) { a.takes = 9 * time.Second })
		defer w.work("a")()
		w.approve(w.propose())
		settle(500 * time.Millisecond)
		if r := w.wantRun(pointsman.RunRunning, ""); !strings.HasPrefix(r.Steps[2].Trying(), "nothing was sent in attempt 1 (1 of 4)") || r.Steps[3].Trying() != "" {
			t.Errorf("%q, %q", r.Steps[2].Trying(), r.Steps[3].Trying())
		}
		settle(time.Minute)
		r := w.wantRun(pointsman.RunDone, "all 3 steps done")
		if r.Steps[1].Attempt != 1 || r.Steps[2].Attempt != 3 || r.Steps[3].Attempt != 1 || w.ledger.count(pointsman.EvStepUnsent) != 2 {
			t.Errorf("attempts %d, %d, %d", r.Steps[1].Attempt, r.Steps[2].Attempt, r.Steps[3].Attempt)
		}
		if took := r.Steps[2].EndedAt.Sub(r.Steps[1].StartedAt); took > 5*time.Second {
			t.Errorf("the member waited %s; the others take their time beside it", took)
		}
	})
}

func TestAMemberThatNeverReachesAnybodyEndsAlsoWhileAPauseIsWanted(t *testing.T) {
	grouped(t, []string{"a", "b"}, func(w *world, k *arms) {
		k.arm("b", func(a *arm) { a.refused = 100 })
		defer w.work("a")()
		w.approve(w.propose())
		settle(500 * time.Millisecond)
		w.steer(pointsman.VerbPause)
		settle(2 * time.Minute)
		r := w.wantRun(pointsman.RunParked, "nothing was sent in")
		if got := states(r); got != "done done failed pending" || r.Steps[2].Attempt > DefaultTries {
			t.Errorf("%s after %d attempts", got, r.Steps[2].Attempt)
		}
	})
}

func TestAnErrorThatProvesNothingIsNotTriedAgain(t *testing.T) {
	story(t, func(w *world) {
		w.fence.change(func(p *points) { p.lose = errors.New("connection reset") })
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.ledger.count(pointsman.EvStepUnsent) != 0 || w.fence.times() != 1 {
			t.Errorf("told %d times, applied %d times", w.ledger.count(pointsman.EvStepUnsent), w.fence.times())
		}
	})
}

func TestNoConnectionIsOnlyOneThatNeverCameAbout(t *testing.T) {
	t.Parallel()
	_, refused := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	for text, tc := range map[string]struct {
		err  error
		want bool
	}{
		"refused":     {refused, true},
		"wrapped":     {fmt.Errorf("pg-1: %w", refused), true},
		"no name":     {&net.DNSError{Err: "no such host", Name: "pg-1"}, true},
		"broken off":  {&net.OpError{Op: "read", Err: errors.New("reset")}, false},
		"not written": {&net.OpError{Op: "write", Err: errors.New("broken pipe")}, false},
		"any other":   {errors.New("dial"), false},
		"none":        {nil, false},
	} {
		if got := NoConnection(tc.err); got != tc.want {
			t.Errorf("%s (%v): %t", text, tc.err, got)
		}
	}
	if e := NotSent(refused); !errors.Is(e, refused) || !strings.Contains(e.Error(), "refused") {
		t.Errorf("%v", e)
	}
}
