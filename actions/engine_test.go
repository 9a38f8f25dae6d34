package actions

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

type catalog struct {
	runbook pointsman.Runbook
	people  []pointsman.Person
	digest  atomic.Value // of the configuration; "cfg" unless a story says otherwise
}

func (c *catalog) Runbook(name string) (pointsman.Runbook, bool) {
	return c.runbook, name == c.runbook.Name
}
func (c *catalog) People() []pointsman.Person { return c.people }
func (c *catalog) Digest() string {
	if d, ok := c.digest.Load().(string); ok {
		return d
	}
	return "cfg"
}

var (
	ana = pointsman.Person{ID: "ana", Name: "Ana", Roles: []string{"dba"}}
	ben = pointsman.Person{ID: "ben", Name: "Ben", Roles: []string{"dba"}}
)

// world is one engine with everything around it, inside a synctest bubble.
type world struct {
	t      *testing.T
	ledger *ledger
	fence  *points
	throw  *points
	cat    *catalog
	kinds  *Registry
	drills bool   // whether the yard takes exercises
	guards Guards // as configured; none unless a story says so
	log    *slog.Logger
}

func (w *world) warden() *Warden {
	return &Warden{Records: w.ledger, Guards: func() Guards { return w.guards }, Drills: func(string) bool { return w.drills }, Kinds: w.kinds, CheckTimeout: 3 * time.Second}
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, log: slog.New(slog.DiscardHandler), ledger: newLedger(), fence: &points{kind: "yard.fence", pin: "track-2"}, throw: &points{kind: "yard.throw"}}
	w.cat = &catalog{people: []pointsman.Person{ana, ben}, runbook: pointsman.Runbook{
		Name: "switch-track", Title: "Switch the track", Lock: true, Target: "yard", Digest: "rb",
		Params: []pointsman.Param{{Name: "yard", Type: "target", Kind: "yard"}},
		Steps: []pointsman.RunbookStep{
			{Name: "fence", Kind: "yard.fence", With: map[string]any{"line": "${yard}"}, Timeout: 10 * time.Second},
			{Name: "throw", Kind: "yard.throw", With: map[string]any{"line": "${candidate}"}, Timeout: 10 * time.Second, Irreversible: true},
		},
		Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: 15 * time.Minute},
	}}
	var err error
	if w.kinds, err = NewRegistry(NewMetrics(nil), w.fence, w.throw); err != nil {
		t.Fatal(err)
	}
	return w
}

// work starts a planner and an engine; the returned function stops them as a crash would: at once, saying nothing.
func (w *world) work(owner string) (crash func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	log := w.log
	res := &Resolver{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Warden: w.warden(), Log: log}
	planner := &Planner{Desk: w.ledger, Resolver: res, Log: log}
	engine := &Engine{
		Ledger: w.ledger, Kinds: w.kinds, Catalog: w.cat, Warden: w.warden(), History: w.ledger, Owner: owner, Lease: 6 * time.Second, Beat: 2 * time.Second,
		Sweep: time.Second, CheckTimeout: 3 * time.Second, Log: log,
	}
	done := make(chan struct{}, 2)
	go func() { _ = planner.Run(ctx); done <- struct{}{} }()
	go func() { _ = engine.Run(ctx); done <- struct{}{} }()
	return func() { cancel(); <-done; <-done }
}

func (w *world) do(cmd pointsman.Command) pointsman.Answer {
	w.t.Helper()
	res, err := w.ledger.Do(w.t.Context(), cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.Answer
}

// propose asks for the runbook and waits until its checks have answered.
func (w *world) propose() pointsman.Proposal {
	w.t.Helper()
	w.do(pointsman.Request{
		Key: "yard", By: pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}, Reason: "test",
		Offer: pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: pointsman.Target{Kind: "yard", Name: "north"}, Params: map[string]string{"yard": "north"}},
	})
	synctest.Wait()
	return w.ledger.state("INC-1").Proposals[0]
}

func (w *world) approve(p pointsman.Proposal) pointsman.Answer {
	w.t.Helper()
	return w.do(pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: pointsman.Actor{Person: ana, Door: pointsman.DoorSlack}})
}

func story(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newWorld(t)) })
}

func (w *world) wantRun(state pointsman.RunState, note string) pointsman.Run {
	w.t.Helper()
	r := w.ledger.run("INC-1/R1")
	if r.State != state || !strings.Contains(r.Note, note) {
		w.t.Fatalf("run is %s (%s), want %s (%s)", r.State, r.Note, state, note)
	}
	return r
}

func TestApprovedPlanRunsEachStepOnceAndVerifies(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		p := w.propose()
		if p.State != pointsman.ProposalReady {
			t.Fatalf("proposal is %s: %s %v", p.State, p.Problem, p.Facts)
		}
		plan, _ := pointsman.DecodePlan(p.Plan)
		if string(plan.Steps[1].With) != `{"line":"track-2"}` {
			t.Fatalf("the pin of step 1 is not in step 2: %s", plan.Steps[1].With)
		}
		if ans := w.approve(p); ans.Code != pointsman.CodeAccepted {
			t.Fatal(ans)
		}
		synctest.Wait()
		w.throw.change(func(p *points) {})
		w.wantRun(pointsman.RunDone, "all 2 steps done")
		if w.fence.times() != 1 || w.throw.times() != 1 {
			t.Fatalf("fence ran %d times, throw %d times", w.fence.times(), w.throw.times())
		}
	})
}

func TestEvidenceThatMovedBeforeTheStartVoidsTheApproval(t *testing.T) {
	story(t, func(w *world) {
		w.throw.lag = 100
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.throw.change(func(p *points) { p.lag = 101 })
		defer w.work("b")()
		synctest.Wait()
		w.wantRun(pointsman.RunVoided, "approved was lag <= 100, now it is lag <= 101")
		again := w.ledger.states["INC-1"].Proposals[0]
		if again.State != pointsman.ProposalReady || len(again.Votes) != 0 || len(again.Changed) == 0 {
			t.Fatalf("the proposal must be asked again with the difference: %+v", again)
		}
		if w.fence.times()+w.throw.times() != 0 {
			t.Fatal("something ran although the approval was void")
		}
	})
}

func TestLostAnswerIsObservedNotRepeated(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.lose = errors.New("connection reset") }) // done, but answered with an error
		defer w.work("a")()
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "")
		if !strings.Contains(r.Steps[0].Note, "was then seen to hold") || w.fence.times() != 1 {
			t.Fatalf("%d times, %q", w.fence.times(), r.Steps[0].Note)
		}
	})
}

func TestRefusalAtAStepParksTheRunAndIsNeverRetried(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		p := w.propose()
		w.fence.change(func(p *points) { p.deny = "track is occupied" })
		w.approve(p)
		time.Sleep(time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "track is occupied")
		if r.Steps[0].State != pointsman.StepRefused || w.fence.times() != 1 || w.throw.times() != 0 {
			t.Fatalf("step is %s, fence %d, throw %d times", r.Steps[0].State, w.fence.times(), w.throw.times())
		}
	})
}

func TestOutcomeThatNobodyCanTellParksAndPages(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.hang = true }) // before anybody works on it
		defer w.work("a")()
		synctest.Wait()
		w.fence.change(func(p *points) { p.blind = errDown })
		time.Sleep(20 * time.Second)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "could not be told")
		if r.Steps[0].State != pointsman.StepUnknown || w.fence.times() != 1 {
			t.Fatalf("step is %s after %d attempts", r.Steps[0].State, w.fence.times())
		}
		if w.ledger.count(pointsman.EvPageTriggered) != 1 {
			t.Fatal("a parked run must page")
		}
		ans := w.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbDone, By: pointsman.Actor{Person: ana}, Reason: "seen on the console"})
		if !ans.OK() {
			t.Fatal(ans)
		}
		w.fence.change(func(p *points) { p.blind = nil })
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
	})
}

// A command that was killed at its deadline will not tell more however often one looks: the person is asked at once, not
// after one more check's time.
func TestOutcomeThatWillNeverBeToldIsAskedAtOnce(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		began := time.Now()
		w.fence.change(func(p *points) { p.takes, p.lose = 9500*time.Millisecond, errors.New("killed") })
		defer w.work("a")()
		synctest.Wait()
		w.fence.change(func(p *points) { p.blind = Untold(errDown) })
		time.Sleep(9600 * time.Millisecond)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "could not be told: "+errDown.Error())
		if took := time.Since(began); took >= 10*time.Second {
			t.Fatalf("a person was asked after %s", took)
		}
		if r.Steps[0].State != pointsman.StepUnknown || w.fence.times() != 1 {
			t.Fatalf("step is %s after %d attempts", r.Steps[0].State, w.fence.times())
		}
	})
}

func TestSuccessorObservesBeforeItActs(t *testing.T) {
	story(t, func(w *world) {
		first := w.work("a")
		p := w.propose()
		w.throw.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		first() // dies after the effect, before the outcome was known
		w.throw.change(func(p *points) { p.hang = false })
		defer w.work("b")()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "")
		if w.throw.times() != 1 {
			t.Fatalf("thrown %d times", w.throw.times())
		}
		if !strings.Contains(r.Steps[1].Note, "observed after a takeover") {
			t.Fatalf("note is %q", r.Steps[1].Note)
		}
	})
}

func TestSuccessorRepeatsOnlyWhatWasSeenNotToHaveHappenedAndOnlyAfterTheDeadline(t *testing.T) {
	story(t, func(w *world) {
		first := w.work("a")
		p := w.propose()
		w.throw.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		first()
		w.throw.change(func(p *points) { p.hang, p.set = false, false }) // as if the request had never arrived
		defer w.work("b")()
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if n := w.throw.times(); n != 1 {
			t.Fatalf("repeated before the first attempt's deadline: %d times", n)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if n := w.throw.times(); n != 2 {
			t.Fatalf("thrown %d times, want a second recorded attempt", n)
		}
	})
}

// A line a second, of a command that may run for ten minutes, buries what else happens that night.
func TestWhatIsLookedAtAgainAndAgainIsLoggedOnce(t *testing.T) {
	story(t, func(w *world) {
		first := w.work("a")
		p := w.propose()
		w.throw.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		first()
		w.throw.change(func(p *points) { p.hang, p.blind = false, errDown })
		var said bytes.Buffer
		w.log = slog.New(slog.NewTextHandler(&said, nil))
		second := w.work("b")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "cannot be observed")
		second()
		if n := strings.Count(said.String(), "verb=verify"); n != 1 {
			t.Errorf("%d lines say that nobody answers:\n%s", n, said.String())
		}
	})
}

func TestOutcomeIsKeptWhileTheStoreIsDown(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		p := w.propose()
		w.fence.change(func(p *points) { p.hang = true })
		w.approve(p)
		synctest.Wait()
		w.ledger.break_(errDown)
		time.Sleep(30 * time.Second) // the step ends by its deadline meanwhile, and its lease too
		w.ledger.break_(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
		if w.fence.times() != 1 || w.throw.times() != 1 {
			t.Fatalf("fence %d, throw %d times", w.fence.times(), w.throw.times())
		}
	})
}

func TestPanicInAKindIsAnUnknownOutcomeNotACrash(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.panics = true })
		defer w.work("a")()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "") // it had set the points before it panicked, and that was seen
	})
}
