package actions

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

var cleo = pointsman.Person{ID: "cleo", Name: "Cleo", Roles: []string{"dba"}}

// midway lets the run come to its point of no return while the world moves on behind its back: ben asked, ana approved a
// lag of 100, and the fence, which takes a while, has been done.
func (w *world) midway(moved func(*points)) pointsman.Run {
	w.t.Helper()
	w.throw.lag, w.fence.takes = 100, 5*time.Second
	w.approve(w.propose())
	<-time.After(time.Second)
	w.throw.change(moved)
	<-time.After(20 * time.Second)
	synctest.Wait()
	return w.ledger.run("INC-1/R1")
}

func (w *world) accept(who pointsman.Person, q *pointsman.Question) pointsman.Answer {
	w.t.Helper()
	return w.do(pointsman.Steer{
		Run: "INC-1/R1", Verb: pointsman.VerbAccept, Mark: w.ledger.run("INC-1/R1").Mark(), Digest: q.Digest, Reason: "nothing of worth",
		By: pointsman.Actor{Person: who, Door: pointsman.DoorSlack}, People: w.people(),
	})
}

func (w *world) asks(says string) *pointsman.Question {
	w.t.Helper()
	r := w.wantRun(pointsman.RunParked, says)
	if r.Question == nil || w.throw.times() != 0 {
		w.t.Fatalf("asked is %+v, thrown %d times: %s", r.Question, w.throw.times(), r.Note)
	}
	return r.Question
}

// The figure grows while the old track is closed already. Instead of an abort and a new plan it is asked again where it
// stands, and once more when it grows while people read.
func TestAFigureThatGrowsWithinARunIsAskedAgainAndHoldsInApply(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.midway(func(p *points) { p.lag = 250 })
		old := w.asks("it would now be lag <= 250, approved was lag <= 100")
		for _, who := range []pointsman.Person{ana, ben} { // who approved it, who asked for it
			if ans := w.accept(who, old); ans.Code != pointsman.CodeNotAllowed {
				t.Fatalf("%s: %+v", who.Name, ans)
			}
		}
		w.throw.change(func(p *points) { p.lag = 300 })
		if ans := w.accept(cleo, old); !ans.OK() {
			t.Fatal(ans)
		}
		synctest.Wait()
		again := w.asks("it would now be lag <= 300, approved was lag <= 250")
		if ans := w.accept(cleo, old); ans.Code != pointsman.CodeChanged {
			t.Fatalf("yes to the older figure: %+v", ans)
		}
		if ans := w.accept(cleo, again); !ans.OK() {
			t.Fatal(ans)
		}
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "all 2 steps done")
		if !slices.Equal(w.throw.limits, []float64{300}) || w.fence.times() != 1 || r.Steps[1].Attempt != 3 || len(r.Granted) != 2 {
			t.Fatalf("thrown within %v, fenced %d times, attempt %d, granted %+v", w.throw.limits, w.fence.times(), r.Steps[1].Attempt, r.Granted)
		}
		if n := w.ledger.count(pointsman.EvRunAccepted); n != 2 {
			t.Errorf("%d decisions are on record", n)
		}
	})
}

func TestARiskThatAppearsWithinARunIsAskedToo(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.midway(func(p *points) { p.risk = "only one vantage point sees the track" })
		q := w.asks("a new risk: only one vantage point sees the track")
		if ans := w.accept(cleo, q); !ans.OK() {
			t.Fatal(ans)
		}
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
	})
}

// The process dies between the acceptance and the new attempt: the successor finds both on record, and looks for itself.
func TestAnAcceptanceOutlivesTheProcess(t *testing.T) {
	for name, lag := range map[string]float64{"as accepted": 250, "grown meanwhile": 251} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				crash := w.work("a")
				w.midway(func(p *points) { p.lag = 250 })
				q := w.asks("lag <= 250")
				crash()
				w.accept(cleo, q)
				w.throw.change(func(p *points) { p.lag = lag })
				defer w.work("b")()
				<-time.After(30 * time.Second)
				synctest.Wait()
				if lag > 250 {
					w.asks("it would now be lag <= 251, approved was lag <= 250")
					return
				}
				w.wantRun(pointsman.RunDone, "")
			})
		})
	}
}

func TestWhatIsNotOnlyMoreThanApprovedIsNoQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		moved func(*points)
		says  string
	}{
		"it cannot be told":     {func(p *points) { p.lag, p.checkErr = 250, errors.New("no answer") }, "could not tell: no answer"},
		"a hard guard beside":   {func(p *points) { p.lag, p.refuse = 250, "a train is on the points" }, "a train is on the points"},
		"it has happened":       {func(p *points) { p.lag, p.set = 250, true }, "has happened already"},
		"another one is chosen": {func(p *points) { p.lag, p.pin = 250, "track-3" }, "now it would be track-3"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				defer w.work("a")()
				if r := w.midway(c.moved); r.State != pointsman.RunParked || r.Question != nil || !strings.Contains(r.Note, c.says) || w.throw.times() != 0 {
					t.Fatalf("%s, asked %+v, %q", r.State, r.Question, r.Note)
				}
			})
		})
	}
}

// A person halts it right after the acceptance; the look at its resumption counts with what was accepted.
func TestWhatWasAcceptedHoldsAlsoWhenARunIsResumed(t *testing.T) {
	story(t, func(w *world) {
		crash := w.work("a")
		w.midway(func(p *points) { p.lag = 250 })
		q := w.asks("lag <= 250")
		crash()
		by := pointsman.Actor{Person: cleo, Door: pointsman.DoorSlack}
		w.accept(cleo, q)
		for _, verb := range []pointsman.Verb{pointsman.VerbPause, pointsman.VerbResume} {
			if ans := w.do(pointsman.Steer{Run: "INC-1/R1", Verb: verb, Reason: "a moment", By: by}); !ans.OK() {
				t.Fatal(ans)
			}
		}
		defer w.work("b")()
		<-time.After(30 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
	})
}

// A yes is to figures of the servers that were approved: when the configuration is another one by then, the new attempt is
// refused, and that is no question.
func TestAnAcceptanceDoesNotReachOtherServers(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.midway(func(p *points) { p.lag = 250 })
		q := w.asks("lag <= 250")
		w.cat.digest.Store("other")
		if ans := w.accept(cleo, q); !ans.OK() {
			t.Fatal(ans)
		}
		synctest.Wait()
		if r := w.wantRun(pointsman.RunParked, reconfigured); r.Question != nil || w.throw.times() != 0 {
			t.Fatalf("asked %+v, thrown %d times", r.Question, w.throw.times())
		}
	})
}

// The guards of a step with a condition are put off until it begins, so there it is asked, too; what was accepted there for
// all that is left is not asked once more at the point of no return.
func TestAFigureThatGrowsBeforeAStepWithAConditionIsAskedOnce(t *testing.T) {
	story(t, func(w *world) {
		onlyIf(w, pointsman.Condition{Fact: "yard.throw guard", Is: "==", Value: "ok"})
		w.cat.runbook.Steps = slices.Insert(w.cat.runbook.Steps, 0, pointsman.RunbookStep{Name: "settle", Kind: KindWait, With: map[string]any{"for": "3s"}})
		defer w.work("a")()
		w.midway(func(p *points) { p.lag = 250 })
		q := w.asks("it would now be lag <= 250, approved was lag <= 100")
		if w.fence.times() != 0 {
			t.Fatal("the step with a condition was carried out beforehand")
		}
		w.accept(cleo, q)
		<-time.After(time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "")
		if len(r.Granted) != 1 || !slices.Equal(w.throw.limits, []float64{250}) {
			t.Fatalf("granted %+v, thrown within %v", r.Granted, w.throw.limits)
		}
	})
}

// The figure grows while the run is paused: at its resumption it asks, and does not stand still for ever.
func TestAFigureThatGrowsDuringAPauseIsAskedWhenTheRunIsResumed(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.throw.lag, w.fence.takes = 100, 5*time.Second
		w.approve(w.propose())
		<-time.After(time.Second)
		w.steer(pointsman.VerbPause)
		<-time.After(20 * time.Second)
		w.throw.change(func(p *points) { p.lag = 250 })
		w.steer(pointsman.VerbResume)
		<-time.After(5 * time.Second)
		synctest.Wait()
		q := w.asks("not resumed, because what was approved is not what is there now: it would now be lag <= 250, approved was lag <= 100")
		if ans := w.accept(cleo, q); !ans.OK() {
			t.Fatal(ans)
		}
		<-time.After(5 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "")
	})
}
