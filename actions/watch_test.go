package actions

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// withWatch lets the runbook end with a watch over the points.
func withWatch(w *world, with map[string]any) {
	args := map[string]any{"kind": "yard.throw", "with": map[string]any{"line": "${candidate}"}}
	for k, v := range with {
		args[k] = v
	}
	w.cat.runbook.Steps = append(w.cat.runbook.Steps, pointsman.RunbookStep{Name: "stays", Kind: KindWatch, With: args})
}

func (w *world) counted() string { return w.ledger.run("INC-1/R1").Steps[2].Note }

func TestAWatchPassesAfterItsTimeWithEnoughGoodInARow(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "2m", "every": "5s", "good": 4, "bad": 10})
		defer w.work("a")()
		p := w.propose()
		plan, _ := pointsman.DecodePlan(p.Plan)
		if want := "watch for 2m, every 5s, until 4 good in a row; 10 bad fail: set points track-2"; len(plan.Steps) < 3 || plan.Steps[2].Summary != want {
			t.Fatalf("%s: %+v", p.Problem, plan.Steps)
		}
		w.approve(p)
		time.Sleep(112 * time.Second)
		w.throw.change(func(p *points) { p.set = false }) // two bad samples right before the end
		time.Sleep(10 * time.Second)
		w.throw.change(func(p *points) { p.set = true })
		time.Sleep(10 * time.Second)
		if r := w.wantRun(pointsman.RunRunning, ""); !strings.Contains(w.counted(), "2 bad (limit 10), the last bad one: it does not hold") {
			t.Fatalf("%s: %s", r.State, w.counted())
		}
		time.Sleep(9 * time.Second)
		r := w.wantRun(pointsman.RunDone, "all 3 steps done")
		if took := r.Steps[2].EndedAt.Sub(r.Steps[2].StartedAt); took < 2*time.Minute || !strings.Contains(w.counted(), "4 good in a row, 2 bad") {
			t.Fatalf("%s: %s", took, w.counted())
		}
		if n := w.ledger.count(pointsman.EvStepProgress); n < 4 || n > 9 || w.throw.times() != 1 {
			t.Fatalf("told %d times, applied %d times", n, w.throw.times())
		}
	})
}

func TestAWatchFailsAtItsLimitOfBadSamples(t *testing.T) {
	for name, bad := range map[string]func(*points){
		"it does not hold":      func(p *points) { p.set = false },
		"it could not be told:": func(p *points) { p.blind = errors.New("no route to host") },
	} {
		story(t, func(w *world) {
			withWatch(w, map[string]any{"for": "30m", "bad": 2})
			defer w.work("a")()
			w.approve(w.propose())
			time.Sleep(time.Minute)
			w.throw.change(bad)
			time.Sleep(11 * time.Second)
			w.wantRun(pointsman.RunParked, "2 bad samples, limit 2: "+name)
		})
	}
}

// Whoever aborts after it has to look after what was done, and not for what a watch did.
func TestAWatchThatFailedLeavesNothingToLookFor(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "30m", "bad": 2})
		s := w.cat.runbook.Steps
		w.cat.runbook.Steps = []pointsman.RunbookStep{s[0], s[2], s[1]}
		w.cat.runbook.Steps[1].With["kind"] = "yard.fence"
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(time.Minute)
		w.fence.change(func(p *points) { p.set = false })
		time.Sleep(11 * time.Second)
		w.wantRun(pointsman.RunParked, "2 bad samples, limit 2")
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbAbort, Reason: "enough", By: pointsman.Actor{Person: ana}})
		if left := w.wantRun(pointsman.RunAborted, "").Left; len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestAWatchGivesItsWorkerBackAndCountsAcrossRestarts(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "5m", "every": "30s", "good": 3, "bad": 3})
		crash := w.work("a")
		w.approve(w.propose())
		time.Sleep(70 * time.Second)
		r := w.wantRun(pointsman.RunWaiting, "watched for 1m of 5m, 3 samples, 3 good in a row")
		if r.WakeAt.IsZero() || w.ledger.count(pointsman.EvRunWaiting) != 0 {
			t.Fatalf("wakes at %s, the thread was told %d times", r.WakeAt, w.ledger.count(pointsman.EvRunWaiting))
		}
		crash()
		time.Sleep(20 * time.Second)
		crash = w.work("b")
		time.Sleep(25 * time.Second)
		if !strings.Contains(w.counted(), "4 samples, 4 good in a row") {
			t.Fatal(w.counted())
		}
		crash()
		time.Sleep(3 * time.Minute) // longer than two samples: the row is broken, the count is not
		defer w.work("c")()
		time.Sleep(10 * time.Second)
		if !strings.Contains(w.counted(), " 1 good in a row, 0 bad") {
			t.Fatal(w.counted())
		}
		time.Sleep(2 * time.Minute)
		w.wantRun(pointsman.RunWaiting, "watched for 3m 30s of 5m") // the time in which nobody looked does not count
		time.Sleep(90 * time.Second)
		w.wantRun(pointsman.RunDone, "all 3 steps done")
	})
}

func TestAWatchTakenOverWhileItWorksGoesOnCounting(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "1m"})
		crash := w.work("a")
		w.approve(w.propose())
		time.Sleep(21 * time.Second)
		before := w.counted()
		crash()
		defer w.work("b")()
		time.Sleep(8 * time.Second)
		r := w.wantRun(pointsman.RunRunning, "")
		if r.Steps[2].Attempt != 1 || w.counted() == before || !strings.Contains(w.counted(), "6 samples, 6 good in a row") {
			t.Fatalf("attempt %d: %s, then %s", r.Steps[2].Attempt, before, w.counted())
		}
		time.Sleep(time.Minute)
		w.wantRun(pointsman.RunDone, "all 3 steps done")
	})
}

func TestAWatchMayLookWithTheCheck(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "1m", "look": "check", "bad": 1})
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(20 * time.Second)
		w.wantRun(pointsman.RunRunning, "")
		w.throw.change(func(p *points) { p.refuse = "a train is on the points" })
		time.Sleep(6 * time.Second)
		w.wantRun(pointsman.RunParked, "1 bad sample, limit 1: a train is on the points")
	})
}

func TestAWatchVerifiesWhatAnEarlierStepOfItsKindLeft(t *testing.T) {
	t.Parallel()
	plan := pointsman.Plan{Steps: []pointsman.PlanStep{{Kind: "a", With: []byte(`{"x":1}`)}, {Kind: "a", With: []byte(`{"x":2}`)}, {Kind: "b", With: []byte(`{"x":1}`)}, {Kind: KindWatch}}}
	run := pointsman.Run{Steps: []pointsman.RunStep{{Memo: []byte("1")}, {Memo: []byte("2")}, {Memo: []byte("3")}, {}}}
	w := watching{WatchArgs: WatchArgs{Kind: "a", With: []byte(`{"x":1}`)}}
	for want, step := range map[string]pointsman.RunStep{
		"1":         {Memo: []byte("1"), State: pointsman.StepDone},
		"the last":  {Memo: []byte("the last"), Earlier: []byte("the first"), State: pointsman.StepDone},
		"the first": {Earlier: []byte("the first"), State: pointsman.StepDone}, // a retry that found it done
		"":          {Earlier: []byte("the first"), State: pointsman.StepDone, MarkedBy: "Ana"},
	} {
		run.Steps[0] = step
		if got := left(run, plan, w, 3); string(got) != want {
			t.Errorf("%q is left, want %q", got, want)
		}
	}
}

func TestLintOfAWatch(t *testing.T) {
	t.Parallel()
	reg, err := NewRegistry(nil, &points{kind: "yard.fence"})
	if err != nil {
		t.Fatal(err)
	}
	for with, want := range map[string]string{
		`{"kind":"yard.fence","for":"1m"}`:                    "",
		`{"kind":"yard.fence","for":"1m","with":{"lin":"x"}}`: `with of yard.fence: arguments {"lin":"x"}: json: unknown field "lin", did you mean "line"?`,
		`{"kind":"yard.fenc","for":"1m"}`:                     `kind "yard.fenc": unknown action kind, did you mean "yard.fence"?`,
		`{"kind":"wait","for":"1m"}`:                          `kind "wait": it looks at nothing`,
		`{"kind":"yard.fence"}`:                               `for "" is no duration; write a number with a unit, for example 30s or 5m`,
		`{"kind":"yard.fence","for":"1m","evry":"5s"}`:        `unknown field "evry", did you mean "every"?`,
		`{"kind":"yard.fence","for":"1m","every":"5ms"}`:      `every "5ms": outside 1s to 10m`,
		`{"kind":"yard.fence","for":"48h"}`:                   `for "48h": outside 5.0 s (every) to 24h`,
		`{"kind":"yard.fence","for":"1m","good":-1}`:          `good -1, bad 3: each must be at least 1`,
		`{"kind":"yard.fence","for":"1m","good":13}`:          `good 13: so many samples take 1m 5s, longer than for "1m"`,
		`{"kind":"yard.fence","for":"1m","look":"apply"}`:     `look "apply": want verify or check`,
	} {
		_, err := reg.describePause(pointsman.RunbookStep{Kind: KindWatch}, Input{With: []byte(with)})
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", with, got, want)
		}
	}
}

// A watch lasts half an hour and changes nothing: an abort need not wait for its end.
func TestAnAbortEndsAWatch(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "30m"})
		w.cat.runbook.Steps[1].Irreversible = false
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(12 * time.Second)
		w.wantRun(pointsman.RunRunning, "")
		w.steer(pointsman.VerbAbort)
		time.Sleep(7 * time.Second)
		w.wantRun(pointsman.RunAborted, "aborted by")
	})
}

// Samples of a server that nobody approved prove nothing about the one that was acted on.
func TestAWatchDoesNotLookAtTargetsThatWereChanged(t *testing.T) {
	story(t, func(w *world) {
		withWatch(w, map[string]any{"for": "1m"})
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(12 * time.Second)
		w.cat.digest.Store("other")
		time.Sleep(2 * time.Minute)
		w.wantRun(pointsman.RunParked, "the targets were changed since the approval")
	})
}
