package actions

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// resolved asks for the world's runbook and resolves it once.
func (w *world) resolved(change ...func(*pointsman.Proposal)) Resolution {
	w.t.Helper()
	prop := pointsman.Proposal{
		ID: "INC-1/P1", Runbook: "switch-track", Target: pointsman.Target{Kind: "yard", Name: "north"}, Params: map[string]string{"yard": "north"},
		Requester: pointsman.Actor{Door: pointsman.DoorAlertmanager},
	}
	for _, f := range change {
		f(&prop)
	}
	r := &Resolver{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Warden: w.warden(), Log: slog.New(slog.DiscardHandler)}
	return r.Resolve(w.t.Context(), prop, Propose)
}

func (w *world) wantProblem(res Resolution, says string) {
	w.t.Helper()
	if !strings.Contains(res.Problem, says) || res.Plan != nil {
		w.t.Fatalf("problem is %q, want %q; plan %s", res.Problem, says, res.Plan)
	}
}

// handy are points that a person may set, once it is known which.
type handy struct{ *points }

func (handy) ByHand(in Input) (do, undo []string) {
	return []string{"set " + in.Pins["candidate"]}, nil
}

func TestResolver(t *testing.T) {
	t.Run("the commands for a person name what the check of the same step chose", func(t *testing.T) {
		story(t, func(w *world) {
			w.fence.pin = "track-2"
			var err error
			if w.kinds, err = NewRegistry(NewMetrics(nil), handy{w.fence}, w.throw); err != nil {
				t.Fatal(err)
			}
			plan, err := pointsman.DecodePlan(w.resolved().Plan)
			if err != nil || len(plan.Steps) == 0 || len(plan.Steps[0].ByHand) != 1 || plan.Steps[0].ByHand[0] != "set track-2" {
				t.Fatalf("%+v, error %v", plan.Steps, err)
			}
		})
	})
	t.Run("the same situation has the same digest", func(t *testing.T) {
		story(t, func(w *world) {
			w.fence.lag, w.throw.lag = 100, 90
			first := w.resolved()
			for range 50 {
				if again := w.resolved(); pointsman.Digest(again.Plan) != pointsman.Digest(first.Plan) {
					t.Fatal(cmp.Diff(string(first.Plan), string(again.Plan)))
				}
				time.Sleep(time.Second)
			}
			plan, _ := pointsman.DecodePlan(first.Plan)
			if b, _ := plan.Bound("lag"); b.Max != 90 {
				t.Fatalf("of two accepted bounds the smaller counts: %v", b)
			}
		})
	})
	t.Run("a parameter that the runbook does not declare cannot take a pin's place", func(t *testing.T) {
		story(t, func(w *world) {
			w.wantProblem(w.resolved(func(p *pointsman.Proposal) { p.Params["candidate"] = "track-9" }), "has no parameter candidate")
		})
	})
	t.Run("a check cannot choose what was given as a parameter", func(t *testing.T) {
		story(t, func(w *world) {
			w.cat.runbook.Params = append(w.cat.runbook.Params, pointsman.Param{Name: "candidate", Type: "enum"})
			w.wantProblem(w.resolved(func(p *pointsman.Proposal) { p.Params["candidate"] = "track-9" }), "chose candidate track-2, but it was given as track-9")
		})
	})
	t.Run("two checks that choose differently make no plan", func(t *testing.T) {
		story(t, func(w *world) {
			w.throw.pin = "track-3" // a later wave, after track-2 was filled into its own arguments
			w.wantProblem(w.resolved(), "step 2 (throw) chose candidate track-3, an earlier choice is track-2")
		})
	})
	t.Run("the target that is locked is the target that the steps act on", func(t *testing.T) {
		story(t, func(w *world) {
			w.wantProblem(w.resolved(func(p *pointsman.Proposal) { p.Params["yard"] = "south" }), `parameter yard is "south", but the target is "north"`)
		})
	})
	t.Run("a step without a timeout makes no plan", func(t *testing.T) {
		story(t, func(w *world) {
			w.cat.runbook.Steps[1].Timeout = 0
			w.wantProblem(w.resolved(), "step 2 (throw): it has no timeout")
		})
	})
	t.Run("a name that no check chooses makes no plan, and only that name is blamed", func(t *testing.T) {
		story(t, func(w *world) {
			w.cat.runbook.Steps[1].With = map[string]any{"line": "${yard}-${junction}"}
			w.wantProblem(w.resolved(), "step 2 (throw) needs [junction], which no check could choose")
		})
	})
	t.Run("a runbook without steps makes no plan", func(t *testing.T) {
		story(t, func(w *world) {
			w.cat.runbook.Steps = nil
			w.wantProblem(w.resolved(), "has no steps")
		})
	})
	t.Run("a risk asks for one more approver, and the quorum is counted with them", func(t *testing.T) {
		story(t, func(w *world) {
			w.throw.risk = "track 3 cannot be seen from here"
			plan, err := pointsman.DecodePlan(w.resolved().Plan)
			if err != nil || plan.Policy.Needed() != 2 || plan.Acknowledge[0] != w.throw.risk || plan.Policy.Require[1].Why != w.throw.risk {
				t.Fatalf("%v %+v", err, plan.Policy)
			}
			w.cat.people = w.cat.people[:1]
			if no := pointsman.Refusals(w.resolved().Facts); len(no) != 1 || !strings.Contains(no[0].Text, "needs 2 of dba, but only 1 of 2") {
				t.Fatalf("%v", no)
			}
		})
	})
	t.Run("a check that does not come back is unknown, and the others answer", func(t *testing.T) {
		story(t, func(w *world) {
			w.fence.stuck = make(chan struct{})
			defer close(w.fence.stuck)
			start := time.Now()
			res := w.resolved()
			if took := time.Since(start); took != 4*time.Second {
				t.Fatalf("it took %s, want the deadline of one check and a second's grace", took)
			}
			w.wantProblem(res, "check of step 1 (fence) could not tell")
		})
	})
}

// A person's answer to the card must never be stopped by a planner that waits for a dead server.
func TestPlannerChecksTheNewestGeneration(t *testing.T) {
	story(t, func(w *world) {
		w.fence.change(func(p *points) { p.checkErr = errors.New("no route to host") })
		defer w.work("a")()
		p := w.propose()
		if p.State != pointsman.ProposalRefused {
			t.Fatalf("%s: a check that could not tell stands in the way", p.State)
		}
		w.fence.change(func(p *points) { p.checkErr = nil })
		w.do(pointsman.Recheck{Proposal: p.ID, By: pointsman.Actor{Person: ana}})
		synctest.Wait()
		if p = w.ledger.states["INC-1"].Proposals[0]; p.State != pointsman.ProposalReady || p.Generation != 2 {
			t.Fatalf("%s, generation %d", p.State, p.Generation)
		}
	})
}

func TestFill(t *testing.T) {
	t.Parallel()
	values := map[string]string{"node": "pg-1", "evil": `"},"x":{"${node}`}
	for name, tc := range map[string]struct {
		args map[string]any
		want string
		err  string
	}{
		"whole value":                {map[string]any{"n": "${node}"}, `{"n":"pg-1"}`, ""},
		"within text":                {map[string]any{"n": "host ${node}:5432"}, `{"n":"host pg-1:5432"}`, ""},
		"nested":                     {map[string]any{"a": []any{map[string]any{"b": "${node}"}}, "i": 3}, `{"a":[{"b":"pg-1"}],"i":3}`, ""},
		"a value stays a value":      {map[string]any{"n": "${evil}"}, `{"n":"\"},\"x\":{\"${node}"}`, ""},
		"keys are never filled":      {map[string]any{"${node}": "x"}, `{"${node}":"x"}`, ""},
		"what is no reference stays": {map[string]any{"n": "$node ${} ${a-b} {{node}}"}, `{"n":"$node ${} ${a-b} {{node}}"}`, ""},
		"no value":                   {map[string]any{"n": "${node}${gone}${lost}${gone}"}, "", "no value for [gone lost]"},
		"nothing":                    {nil, `{}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := fill(tc.args, values)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Fatalf("error is %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil || string(got) != tc.want {
				t.Fatalf("%s %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestLintFindsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	reg, err := NewRegistry(nil, &points{kind: "yard.fence"})
	if err != nil {
		t.Fatal(err)
	}
	faults := reg.Check(pointsman.Runbook{File: "x.yaml", Line: 1, Target: "yard", Lock: true, Params: []pointsman.Param{{Name: "yard"}}, Steps: []pointsman.RunbookStep{
		{Name: "a", Line: 10, Kind: "yard.fence", Timeout: time.Second, With: map[string]any{"line": "${gone}"}},
		{Name: "b", Line: 11, Kind: "yard.fenc", Timeout: time.Second},
		{Name: "c", Line: 12, Kind: "moon.landing", Timeout: time.Second},
		{Name: "d", Line: 13, Kind: "yard.fence", With: map[string]any{"lines": "${yard}"}},
		{Name: "e", Line: 14, Kind: KindWait, With: map[string]any{"for": "-3s"}},
		{Name: "f", Line: 15, Kind: KindManual, With: map[string]any{"owner": "dba"}},
		{Name: "a", Line: 16, Kind: KindWait, With: map[string]any{"for": "3s"}},
		{Name: "g", Line: 17, Kind: KindManual, With: map[string]any{"text": "x", "ownr": "dba"}},
		{Name: "h", Line: 18, Kind: KindManual, With: map[string]any{"text": "x", "owner": "${yard}"}},
		{Name: "i", Line: 19, Kind: KindManual, With: map[string]any{"text": "x", "due": "30m"}},
		{Name: "j", Line: 20, Kind: KindManual, With: map[string]any{"text": "x", "owner": "dba", "due": "soon"}},
		{Name: "l", Line: 22, Kind: KindGate, With: map[string]any{"text": "look"}},
		{Name: "m", Line: 23, Kind: KindGate, With: map[string]any{"txt": "look"}, Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}}},
		{Name: "k", Line: 21, Kind: KindManual, With: map[string]any{"text": "x", "owner": "dba", "due": "5s"}},
	}})
	want := []string{
		`x.yaml:10: steps[0].with: ${gone} is no parameter of this runbook; it has yard`,
		`x.yaml:11: steps[1].kind: unknown action kind "yard.fenc", did you mean "yard.fence"?`,
		`x.yaml:12: steps[2].kind: unknown action kind "moon.landing"; known are gate, manual.task, wait, watch, yard.fence`,
		`x.yaml:13: steps[3].timeout: a step of kind yard.fence needs a timeout, for example 30s`,
		`x.yaml:13: steps[3].with: arguments {"lines":"${yard}"}: json: unknown field "lines", did you mean "line"?`,
		`x.yaml:14: steps[4].with: for "-3s": must be positive`,
		`x.yaml:15: steps[5].with: text is empty: say what the person has to do`,
		`x.yaml:16: steps[6].name: another step is called a; a person must know which one is meant`,
		`x.yaml:17: steps[7].with: arguments {"ownr":"dba","text":"x"}: json: unknown field "ownr", did you mean "owner"?`,
		`x.yaml:18: steps[8].with: owner "${yard}": want one role or one person's id`,
		`x.yaml:19: steps[9].with: due "30m": nobody is named who could be late; add owner`,
		`x.yaml:20: steps[10].with: due "soon" is no duration; write a number with a unit, for example 30s or 5m`,
		`x.yaml:22: steps[11].with: nobody could open this gate; add approval: {require: [1 of dba]} to the step`,
		`x.yaml:23: steps[12].with: arguments {"txt":"look"}: json: unknown field "txt", did you mean "text"?`,
		`x.yaml:21: steps[13].with: due "5s": outside 1m to 7d`,
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if none := reg.Check(pointsman.Runbook{File: "y.yaml", Line: 3}); len(none) != 1 {
		t.Fatal(none)
	}
}

func TestRegistryRefusesTwoActionsOfOneKind(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][]Action{
		{&points{kind: "yard.fence"}, &points{kind: "yard.fence"}},
		{&points{kind: KindWait}},
		{&points{kind: KindManual}},
		{&points{kind: KindGate}},
	} {
		if _, err := NewRegistry(nil, kinds...); err == nil {
			t.Fatalf("%s was taken", kinds[0].Kind())
		}
	}
}

// A verb that ignores its context must not hold a run for ever, with a live lease, neither ended nor parked.
func TestApplyThatNeverComesBackParksAndPages(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.fence.blind, w.fence.stuckApply = nil, make(chan struct{})
		defer close(w.fence.stuckApply)
		w.approve(w.propose())
		time.Sleep(time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunParked, "may still be at work")
		if r.Steps[0].State != pointsman.StepUnknown || w.ledger.count(pointsman.EvPageTriggered) != 1 || w.fence.times() != 1 {
			t.Fatalf("step %s, %d page(s), %d call(s)", r.Steps[0].State, w.ledger.count(pointsman.EvPageTriggered), w.fence.times())
		}
	})
}

func TestVerbsAreGivenTheirOwnContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := observed{Action: &points{kind: "yard.fence", panics: true}}
	if _, err := o.Apply(ctx, Input{}); err == nil || !strings.Contains(err.Error(), "yard.fence apply panicked: points jammed") {
		t.Fatal(err)
	}
}
