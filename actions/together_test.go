package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// arms is a kind whose steps are independent of each other: each sets the signal that its line names.
type arms struct {
	mu      sync.Mutex
	at      map[string]*arm
	keys    []string // with which Apply was called, in order
	atOnce  int
	most    int           // Apply calls at the same time
	release chan struct{} // Apply waits for it where it is not nil
}

type arm struct {
	set, deaf    bool // deaf: Apply says no
	refuse       string
	blind        error
	takes        time.Duration
	applied      int
	refused      int // how many connections are refused before one is taken
	from, to     time.Time
	undone       time.Time
	neverSettles bool // Apply ends, and the effect is not there
}

func (k *arms) Kind() string { return "yard.signal" }

func lineOf(in Input) (string, error) {
	var a struct {
		Line string `json:"line"`
	}
	err := in.Args(&a)
	return a.Line, err
}

func (k *arms) Describe(in Input) (string, error) {
	line, err := lineOf(in)
	return "set signal " + line, err
}

func (k *arms) Beside(in Input) (pointsman.Target, error) {
	line, err := lineOf(in)
	return pointsman.Target{Kind: "signal", Name: line}, err
}

func (k *arms) of(in Input) *arm {
	line, _ := lineOf(in)
	if k.at[line] == nil {
		k.at[line] = &arm{}
	}
	return k.at[line]
}

func (k *arms) Check(_ context.Context, in Input) (pointsman.Evidence, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	f := pointsman.Fact{Guard: "T1", Kind: pointsman.Hard, Name: "signal " + string(in.With), Value: "ok", At: time.Now(), Result: pointsman.Pass}
	if a.refuse != "" && in.Phase != Propose {
		f.Result, f.Text = pointsman.Fail, a.refuse
	}
	return pointsman.Evidence{Already: a.set, Facts: []pointsman.Fact{f}}, a.blind
}

func (k *arms) Apply(ctx context.Context, in Input) (Outcome, error) {
	k.mu.Lock()
	a := k.of(in)
	a.applied++
	a.from = time.Now()
	k.keys = append(k.keys, in.Key)
	if a.refused > 0 {
		a.refused--
		k.mu.Unlock()
		return Outcome{}, NotSent(errors.New("connection refused"))
	}
	k.atOnce++
	k.most = max(k.most, k.atOnce)
	takes, release, deaf := a.takes, k.release, a.deaf
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		a.set, a.to = !deaf && !a.neverSettles, time.Now()
		k.atOnce--
		k.mu.Unlock()
	}()
	if deaf {
		return Outcome{}, Refuse("the arm does not move")
	}
	if release != nil {
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	return Outcome{Note: "set"}, pause(ctx, takes)
}

func (k *arms) Verify(_ context.Context, in Input) (pointsman.Evidence, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	return pointsman.Evidence{Holds: a.set, Facts: []pointsman.Fact{{Name: "signal " + string(in.With), Value: fmt.Sprint(a.set), Result: pointsman.Pass}}}, a.blind
}

func (k *arms) Undo(_ context.Context, in Input) (Outcome, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.of(in)
	a.set, a.undone = false, time.Now()
	return Outcome{}, pause(context.Background(), time.Millisecond)
}

func (k *arms) arm(line string, f func(*arm)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at[line] == nil {
		k.at[line] = &arm{}
	}
	f(k.at[line])
}

// times is how often the signal was asked for.
func (k *arms) times(line string) (n int) {
	k.arm(line, func(a *arm) { n = a.applied })
	return n
}

// grouped is a yard whose runbook fences, then sets the named signals at once, then throws.
func grouped(t *testing.T, lines []string, f func(w *world, k *arms)) {
	t.Helper()
	story(t, func(w *world) {
		k := &arms{at: map[string]*arm{}}
		var err error
		if w.kinds, err = NewRegistry(NewMetrics(nil), w.fence, w.throw, k); err != nil {
			t.Fatal(err)
		}
		steps := w.cat.runbook.Steps
		members := []pointsman.RunbookStep{steps[0]}
		for _, line := range lines {
			members = append(members, pointsman.RunbookStep{
				Name: "set-" + line, Kind: "yard.signal", With: map[string]any{"line": line}, Timeout: 10 * time.Second, Group: pointsman.Group{Name: "signals"}, SkipBy: []string{"dba"},
			})
		}
		w.cat.runbook.Steps = append(members, steps[1])
		f(w, k)
	})
}

// states are those of the run's steps.
func states(r pointsman.Run) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, string(s.State))
	}
	return strings.Join(out, " ")
}

func (w *world) steer(verb pointsman.Verb) {
	w.t.Helper()
	if ans := w.do(pointsman.Steer{Run: "INC-1/R1", Verb: verb, Reason: "test", By: pointsman.Actor{Person: ana, Door: pointsman.DoorCLI}}); !ans.OK() {
		w.t.Fatal(ans)
	}
}

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

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
