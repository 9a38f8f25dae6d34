package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

func TestMembersOfAGroupAreAtWorkAtTheSameTimeAtMostSoMany(t *testing.T) {
	grouped(t, []string{"a", "b", "c", "d", "e", "f"}, func(w *world, k *arms) {
		k.release = make(chan struct{})
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Second)
		r := w.wantRun(pointsman.RunRunning, "")
		if got := states(r); got != "done started started started started pending pending pending" {
			t.Fatal(got)
		}
		if want := "Switch the track is running at step 2 of 3 (signals, 0 of 6 done)"; r.Standing() != want {
			t.Errorf("%q, want %q", r.Standing(), want)
		}
		close(k.release)
		settle(time.Second)
		w.wantRun(pointsman.RunDone, "all 3 steps done and verified")
		slices.Sort(k.keys)
		if diff := cmp.Diff([]string{"INC-1/R1/2/1", "INC-1/R1/2/2", "INC-1/R1/2/3", "INC-1/R1/2/4", "INC-1/R1/2/5", "INC-1/R1/2/6"}, k.keys); diff != "" || k.most != pointsman.AtOnce {
			t.Errorf("%d at once; keys: %s", k.most, diff)
		}
	})
}

func TestEachMemberHasItsOwnEvents(t *testing.T) {
	grouped(t, []string{"a", "b"}, func(w *world, _ *arms) {
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Second)
		w.wantRun(pointsman.RunDone, "")
		var got []string
		for _, ev := range w.ledger.events {
			if strings.HasPrefix(string(ev.Type), "step.") {
				got = append(got, fmt.Sprintf("%d.%d %s %s", ev.StepN, ev.Member, ev.Type, strings.SplitAfter(ev.Text, " after")[0]))
			}
		}
		slices.Sort(got[2:6]) // which of the two ends first is nobody's business
		want := []string{
			"1.0 step.started step 1 of 3: set points north", "1.0 step.done step 1 of 3, fence: done after",
			"2.1 step.done step 2.1 of 3, set-a: done after", "2.1 step.started step 2.1 of 3: set signal a",
			"2.2 step.done step 2.2 of 3, set-b: done after", "2.2 step.started step 2.2 of 3: set signal b",
			"3.0 step.started step 3 of 3: set points track-2", "3.0 step.done step 3 of 3, throw: done after",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAFailedMemberCancelsNoneAndLetsNoFurtherOneBegin(t *testing.T) {
	grouped(t, []string{"a", "b", "c", "d", "e"}, func(w *world, k *arms) {
		k.arm("a", func(a *arm) { a.deaf = true })
		for _, line := range []string{"b", "c", "d"} {
			k.arm(line, func(a *arm) { a.takes = 5 * time.Second })
		}
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Minute)
		r := w.wantRun(pointsman.RunParked, "step 2 (signals) failed: 2.1 (set-a) refused: the arm does not move; 2.2 (set-b) done; 2.3 (set-c) done; 2.4 (set-d) done; 2.5 (set-e) not begun")
		if w.throw.times() != 0 || r.Mark() != "2.4" {
			t.Fatalf("thrown %d times, mark %s", w.throw.times(), r.Mark())
		}
		if names := len(r.Facts); names < 3 {
			t.Errorf("evidence of %d members: %v", names, r.Facts)
		}
		k.arm("a", func(a *arm) { a.deaf = false })
		w.steer(pointsman.VerbRetry)
		settle(time.Minute)
		w.wantRun(pointsman.RunDone, "")
		for line, times := range map[string]int{"a": 2, "b": 1, "c": 1, "d": 1, "e": 1} {
			if got := k.at[line].applied; got != times {
				t.Errorf("signal %s was set %d times, want %d: what is done is never repeated", line, got, times)
			}
		}
	})
}

func TestAGroupIsRefusedAsAWholeBeforeAnythingIsSent(t *testing.T) {
	grouped(t, []string{"a", "b"}, func(w *world, k *arms) {
		stop := w.work("a")
		p := w.propose()
		stop()
		w.approve(p)
		w.fence.change(func(p *points) { p.takes = 2 * time.Second })
		defer w.work("b")()
		settle(time.Second)
		k.arm("b", func(a *arm) { a.refuse = "a train stands there" })
		settle(time.Minute)
		w.wantRun(pointsman.RunParked, "step 2 (signals) was refused: 2.1 (set-a) refused: a train stands there; 2.2 (set-b) refused: a train stands there")
		if len(k.keys) != 0 {
			t.Errorf("sent %v", k.keys)
		}
	})
}

func TestASuccessorObservesEachMemberAndThenGoesOnWithTheRest(t *testing.T) {
	grouped(t, []string{"a", "b", "c", "d", "e"}, func(w *world, k *arms) {
		k.release = make(chan struct{})
		first := w.work("a")
		w.approve(w.propose())
		settle(time.Second)
		first() // dies with four members at work, of which one has had its effect and one has not
		k.arm("b", func(a *arm) { a.set, k.release = false, nil })
		defer w.work("b")()
		settle(8 * time.Second)
		w.wantRun(pointsman.RunRunning, "")
		if n := k.times("b"); n != 1 {
			t.Fatalf("repeated before its deadline: %d times", n)
		}
		settle(time.Minute)
		w.wantRun(pointsman.RunDone, "")
		for line, times := range map[string]int{"a": 1, "b": 2, "c": 1, "d": 1, "e": 1} {
			if got := k.times(line); got != times {
				t.Errorf("signal %s was set %d times, want %d", line, got, times)
			}
		}
	})
}

func TestAMemberThatNobodyCanTellParksTheGroup(t *testing.T) {
	grouped(t, []string{"a", "b"}, func(w *world, k *arms) {
		k.arm("b", func(a *arm) { a.takes = 2 * time.Second })
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Second)
		k.arm("b", func(a *arm) { a.blind = errDown })
		settle(time.Minute)
		r := w.wantRun(pointsman.RunParked, "the outcome of step 2 (signals) is unknown: 2.1 (set-a) done; 2.2 (set-b) unknown: ")
		if got := states(r); got != "done done unknown pending" {
			t.Fatal(got)
		}
		w.steer(pointsman.VerbDone)
		settle(time.Minute)
		if r := w.wantRun(pointsman.RunDone, "1 of them on a person's word"); r.Steps[1].MarkedBy != "" || r.Steps[2].MarkedBy == "" {
			t.Errorf("%q %q", r.Steps[1].MarkedBy, r.Steps[2].MarkedBy)
		}
	})
}

func TestDoneMembersAreUndoneInReverseOrder(t *testing.T) {
	grouped(t, []string{"a", "b", "c"}, func(w *world, k *arms) {
		k.arm("b", func(a *arm) { a.deaf = true })
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Minute)
		w.wantRun(pointsman.RunParked, "")
		w.steer(pointsman.VerbAbort)
		settle(time.Minute)
		r := w.wantRun(pointsman.RunAborted, "")
		if got := states(r); got != "done undone refused undone pending" {
			t.Fatal(got)
		}
		if !k.at["c"].undone.Before(k.at["a"].undone) || !k.at["b"].undone.IsZero() {
			t.Errorf("undone: a %s, b %s, c %s", k.at["a"].undone, k.at["b"].undone, k.at["c"].undone)
		}
	})
}

func TestAPauseWaitsForTheWholeGroupAndAnAbortOnlyForWhatIsAtWork(t *testing.T) {
	for verb, want := range map[pointsman.Verb]struct {
		state  pointsman.RunState
		states string
	}{
		pointsman.VerbStop:  {pointsman.RunPaused, "done done done done done done pending"},
		pointsman.VerbAbort: {pointsman.RunAborted, "done undone undone undone undone pending pending"},
	} {
		grouped(t, []string{"a", "b", "c", "d", "e"}, func(w *world, k *arms) {
			k.release = make(chan struct{})
			defer w.work("a")()
			w.approve(w.propose())
			settle(time.Second)
			w.steer(verb)
			close(k.release)
			settle(time.Minute)
			if r := w.wantRun(want.state, ""); states(r) != want.states {
				t.Errorf("after %s: %s, want %s", verb, states(r), want.states)
			}
		})
	}
}

func TestTheGroupsTimeEndsItsMembersAndLetsNoneBegin(t *testing.T) {
	grouped(t, []string{"a", "b", "c", "d", "e"}, func(w *world, k *arms) {
		for i := range w.cat.runbook.Steps {
			if s := &w.cat.runbook.Steps[i]; s.Group.Name != "" {
				s.Group.Timeout = 4 * time.Second
			}
		}
		for _, line := range []string{"a", "b", "c", "d"} {
			k.arm(line, func(a *arm) { a.takes = 4*time.Second - time.Millisecond })
		}
		k.arm("d", func(a *arm) { a.takes, a.neverSettles = time.Minute, true })
		k.arm("e", func(a *arm) { a.takes = time.Minute })
		defer w.work("a")()
		w.approve(w.propose())
		settle(time.Minute)
		r := w.wantRun(pointsman.RunParked, "step 2 (signals)")
		for _, s := range r.Steps[1:6] {
			if took := s.EndedAt.Sub(s.StartedAt); took > 8*time.Second { // one look more after the deadline
				t.Errorf("%s took %s", s.Name, took)
			}
		}
		if k.at["d"].to.Sub(k.at["d"].from) > 5*time.Second {
			t.Errorf("set-d was at work for %s", k.at["d"].to.Sub(k.at["d"].from))
		}
	})
}

func TestTwoMembersNeverHaveOneTarget(t *testing.T) {
	grouped(t, []string{"a", "b"}, func(w *world, _ *arms) {
		faults := w.kinds.Check(w.cat.runbook)
		if len(faults) != 0 {
			t.Fatal(faults)
		}
		rb := w.cat.runbook
		rb.Steps = slices.Clone(rb.Steps)
		rb.Steps[2].With = map[string]any{"line": "a"}
		rb.Steps[1].Kind, rb.Steps[1].With = "yard.fence", map[string]any{"line": "x"}
		rb.Steps = append(rb.Steps, pointsman.RunbookStep{Name: "again", Kind: "yard.signal", With: map[string]any{"line": "a"}, Timeout: time.Second, Group: rb.Steps[1].Group})
		rb.Steps[3], rb.Steps[4] = rb.Steps[4], rb.Steps[3]
		var got []string
		for _, f := range w.kinds.Check(rb) {
			got = append(got, f.Path+": "+f.Text)
		}
		want := []string{
			"steps[1].parallel[0].kind: a step of kind yard.fence has its position to itself; members of a group are of the kinds yard.signal",
			"steps[1].parallel[2].with: set-b and again both work on signal/a; members of a group are independent, so put one of them into a step of its own",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		// A reference is known only when the plan is made.
		w.cat.runbook.Steps[2].With = map[string]any{"line": "${yard}"}
		w.cat.runbook.Steps[1].With = map[string]any{"line": "north"}
		defer w.work("a")()
		if p := w.propose(); !strings.Contains(p.Problem, "both work on signal/north") {
			t.Errorf("%s: %q", p.State, p.Problem)
		}
	})
}

func TestAPlanWithoutGroupsKeepsItsBytes(t *testing.T) {
	story(t, func(w *world) {
		stop := w.work("a")
		p := w.propose()
		stop()
		if strings.Contains(string(p.Plan), "group") {
			t.Errorf("%s", p.Plan)
		}
	})
}
