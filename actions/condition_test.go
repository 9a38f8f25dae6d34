package actions

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// onlyIf puts a condition before the fence: the fact is the guard of the points that are thrown later.
func onlyIf(w *world, c pointsman.Condition) {
	w.cat.runbook.Steps[0].When = &c
}

func TestADryRunShowsWhatAConditionWouldAnswerNow(t *testing.T) {
	story(t, func(w *world) {
		onlyIf(w, pointsman.Condition{Fact: "yard.throw guard", Is: "!=", Value: "${yard}"})
		defer w.work("a")()
		p := w.propose()
		plan, _ := pointsman.DecodePlan(p.Plan)
		if len(plan.Steps) != 2 || plan.Steps[0].When.Value != "north" || plan.Steps[0].Summary != "set points north, only if yard.throw guard != north" {
			t.Fatalf("%s %+v", p.Problem, plan.Steps)
		}
		last := p.Facts[len(p.Facts)-1]
		if last.Value != "true" || last.Text != "step 1 (fence) only if yard.throw guard != north: true now, yard.throw guard is ok" {
			t.Fatalf("%+v", last)
		}
	})
}

func TestAStepWhoseConditionIsFalseIsLeftOut(t *testing.T) {
	story(t, func(w *world) {
		onlyIf(w, pointsman.Condition{Fact: "yard.throw guard", Is: "==", Value: "jammed"})
		defer w.work("a")()
		w.approve(w.propose())
		synctest.Wait()
		if r := w.wantRun(pointsman.RunDone, ""); r.Steps[0].State != pointsman.StepSkipped || w.fence.times() != 0 || w.throw.times() != 1 {
			t.Fatalf("%s, fenced %d times, thrown %d times", r.Steps[0].State, w.fence.times(), w.throw.times())
		}
	})
}

func TestAConditionThatCannotBeToldParks(t *testing.T) {
	story(t, func(w *world) {
		onlyIf(w, pointsman.Condition{Fact: "weather", Is: "==", Value: "fair"})
		defer w.work("a")()
		w.approve(w.propose())
		time.Sleep(time.Minute)
		w.wantRun(pointsman.RunParked, "nothing was found out about weather")
		if w.fence.times()+w.throw.times() != 0 {
			t.Fatal("something was done")
		}
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbRetry, Reason: "seen on the console", By: pointsman.Actor{Person: ana, Door: pointsman.DoorSlack}})
		time.Sleep(time.Minute)
		if r := w.wantRun(pointsman.RunDone, ""); r.Steps[0].Despite != "Ana" || w.fence.times() != 1 {
			t.Fatalf("%+v", r.Steps[0])
		}
	})
}

func TestTheGuardsOfAStepWithAConditionAreDueWhenItBegins(t *testing.T) {
	story(t, func(w *world) {
		w.fence.refuse = "a train is on the points"
		onlyIf(w, pointsman.Condition{Fact: "yard.throw guard", Is: "==", Value: "ok"})
		defer w.work("a")()
		p := w.propose()
		if p.State != pointsman.ProposalReady || p.Facts[0].Result != pointsman.Later || p.Facts[0].BeforeN != 1 {
			t.Fatalf("%s %+v", p.State, p.Facts)
		}
		w.approve(p)
		time.Sleep(time.Minute)
		w.wantRun(pointsman.RunParked, "a train is on the points")
		if w.fence.times() != 0 {
			t.Fatal("done against its guard")
		}
	})
}

func TestLintOfAConditionsReferences(t *testing.T) {
	t.Parallel()
	reg, err := NewRegistry(nil, &points{kind: "yard.fence"})
	if err != nil {
		t.Fatal(err)
	}
	faults := reg.Check(pointsman.Runbook{File: "x.yaml", Target: "yard", Lock: true, Steps: []pointsman.RunbookStep{{
		Name: "a", Line: 7, Kind: "yard.fence", Timeout: time.Second, When: &pointsman.Condition{Fact: "${gone} lag", Is: "<", Value: "3"},
	}}})
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), "x.yaml:7: steps[0].when: ${gone} is no parameter of this runbook") {
		t.Fatal(faults)
	}
}
