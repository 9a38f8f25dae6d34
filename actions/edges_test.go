package actions

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// lossy is a ledger whose answers get lost: what it was told is stored, but nobody hears of it.
type lossy struct {
	*ledger
	lose func(pointsman.Command) bool
}

func (l *lossy) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	res, err := l.ledger.Do(ctx, cmd)
	if l.lose(cmd) {
		return pointsman.Result{}, errDown
	}
	return res, err
}

func TestLostAnswersOfTheStoreCostMomentsNotATakeover(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("planner")
		p := w.propose()
		stop()
		w.approve(p)
		lost := map[string]bool{}
		l := &lossy{ledger: w.ledger, lose: func(cmd pointsman.Command) bool {
			kind := fmt.Sprintf("%T", cmd)
			first := !lost[kind]
			lost[kind] = true
			return first // the first answer of every kind of command
		}}
		start := time.Now()
		defer w.engine(l)()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "all 2 steps done")
		if took := r.EndedAt.Sub(start); took > time.Second || w.ledger.count(pointsman.EvRunTaken) != 0 || w.fence.times() != 1 || w.throw.times() != 1 {
			w.t.Fatalf("%s, %d takeovers, fence %d, throw %d times", took, w.ledger.count(pointsman.EvRunTaken), w.fence.times(), w.throw.times())
		}
	})
}

// engine starts an engine alone over the given ledger.
func (w *world) engine(l Ledger) (crash func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	e := &Engine{
		Ledger: l, Kinds: w.kinds, Catalog: w.cat, Owner: "e", Lease: 6 * time.Second, Beat: 2 * time.Second, Sweep: time.Second,
		CheckTimeout: 3 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
	done := make(chan struct{})
	go func() { _ = e.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func TestALaterStepThatHasHappenedDoesNotPassForThisOne(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Steps[0].Irreversible = true
		stop := w.work("planner")
		p := w.propose()
		stop()
		w.approve(p)
		w.throw.change(func(p *points) { p.set = true }) // by another, while the fence was about to be set
		e := &Engine{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Log: slog.New(slog.DiscardHandler)}
		run, end := w.ledger.run("INC-1/R1"), pointsman.EndStep{}
		plan, _ := pointsman.DecodePlan(run.Plan)
		if ended := e.before(w.t.Context(), run, plan, e.input(run, plan, 0, Start), &end, w.fence); !ended || end.State != pointsman.StepRefused {
			w.t.Fatalf("the fence is %q (%s) although nobody set it", end.State, end.Note)
		}
		w.fence.change(func(p *points) { p.set = true })
		w.throw.change(func(p *points) { p.set = false })
		if ended := e.before(w.t.Context(), run, plan, e.input(run, plan, 0, Start), &end, w.fence); !ended || end.State != pointsman.StepDone {
			w.t.Fatalf("the fence is %q (%s) although another has set it", end.State, end.Note)
		}
	})
}

// What is wrong after a planned move may be right after a failover, so what a kind judges right before its effect needs the steps
// that led there, and none that was left out.
func TestTheEffectKnowsTheStepsBeforeIt(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("planner")
		p := w.propose()
		stop()
		w.approve(p)
		defer w.work("a")()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		first, second := w.fence.promised, w.throw.promised
		if len(first) != 1 || len(first[0]) != 0 || len(second) != 1 || len(second[0]) != 1 || second[0][0].Kind != "yard.fence" || string(second[0][0].With) != w.fence.lines[0] {
			w.t.Fatalf("the first step knows %+v, the second %+v", first, second)
		}
	})
}

func TestARetryThatCannotSeeIsNotBlind(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.hang = true })
		defer w.work("a")()
		synctest.Wait()
		w.fence.change(func(p *points) { p.blind = errDown })
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "could not be told")
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbRetry, Reason: "seen on the console", By: pointsman.Actor{Person: ana}})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "cannot be told, so it was not repeated")
		w.fence.change(func(p *points) { p.blind = nil })
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbRetry, Reason: "seen on the console", By: pointsman.Actor{Person: ana}})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if n := w.fence.times(); n != 1 {
			w.t.Fatalf("fenced %d times", n)
		}
	})
}

func TestAStopDuringTheChecksVoidsNothing(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("planner")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.slow = time.Second })
		crash := w.work("a")
		time.Sleep(100 * time.Millisecond)
		crash() // while the checks under the lock are at work
		w.fence.change(func(p *points) { p.slow = 0 })
		defer w.work("b")()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
	})
}

func TestARunThatCannotBeReadIsParkedNotClaimedForEver(t *testing.T) {
	story(t, func(w *world) {
		w.cat.runbook.Steps[0] = pointsman.RunbookStep{Name: "fence", Kind: "yard.fence", Timeout: time.Second, With: map[string]any{"line": "1"}}
		w.cat.runbook.Steps[1].With = map[string]any{"line": "2"}
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.kinds, _ = NewRegistry(nil, w.fence) // an older version takes over
		defer w.work("b")()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "this version knows no action kind yard.throw")
	})
}
