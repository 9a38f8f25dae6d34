package pointsman

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// conditionsRule: a step with a condition begins only where it is true, or where a person said so although it cannot be
// told; the engine leaves a step out only where it is false.
func conditionsRule(m move) error {
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		for i, s := range r.Steps {
			if !existed || s.When == nil {
				continue
			}
			is, _ := s.When.Holds(r.Known)
			begun, left := s.Attempt == 1 && old.Steps[i].Attempt == 0, s.State == StepSkipped && old.Steps[i].State != StepSkipped
			_, steered := m.cmd.(Steer)
			switch {
			case begun && (is == False || is == NotKnown && s.Despite == ""):
				return fmt.Errorf("step %d of %s began while %q is %s", i+1, r.ID, s.When, is)
			case begun && s.Despite != "" && s.Despite != "ana" && s.Despite != "ben":
				return fmt.Errorf("step %d of %s began because of %s", i+1, r.ID, s.Despite)
			case left && !steered && is != False:
				return fmt.Errorf("step %d of %s was left out while %q is %s", i+1, r.ID, s.When, is)
			case s.Undecided && !old.Steps[i].Undecided && (is != NotKnown || r.State != RunParked):
				return fmt.Errorf("step %d of %s is undecided while %q is %s and the run %s", i+1, r.ID, s.When, is, r.State)
			}
		}
	}
	return nil
}

func measured(name, value string, m float64) Fact {
	return Fact{Name: name, Value: value, Measure: &m, Result: Pass}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	lag, stopped := measured("pg-2 lag", "48 MB", 48e6), Fact{Name: "pg-1", Value: "stopped", Result: Fail}
	for name, tc := range map[string]struct {
		c     Condition
		facts []Fact
		want  Truth
		says  string
	}{
		"a number below its limit":              {Condition{"pg-2 lag", "<", "5e7"}, []Fact{lag}, True, "pg-2 lag is 48 MB"},
		"a number above its limit":              {Condition{"pg-2 lag", "<=", "16777216"}, []Fact{lag}, False, "pg-2 lag is 48 MB"},
		"at least":                              {Condition{"pg-2 lag", ">=", "48000000"}, []Fact{lag}, True, ""},
		"more than":                             {Condition{"pg-2 lag", ">", "48000000"}, []Fact{lag}, False, ""},
		"the same word, also of a failed guard": {Condition{"pg-1", "==", "stopped"}, []Fact{lag, stopped}, True, "pg-1 is stopped"},
		"another word":                          {Condition{"pg-1", "!=", "stopped"}, []Fact{stopped}, False, ""},
		"nobody looked":                         {Condition{"pg-3", "==", "stopped"}, []Fact{stopped}, NotKnown, "nothing was found out about pg-3"},
		"unknown is neither":                    {Condition{"pg-1", "!=", "x"}, []Fact{{Name: "pg-1", Value: "y", Result: Unknown}}, NotKnown, "says nothing: unknown"},
		"later is not now":                      {Condition{"pg-1", "!=", "x"}, []Fact{{Name: "pg-1", Value: "y", Result: Later}}, NotKnown, "later"},
		"a word is no number":                   {Condition{"pg-1", "<", "3"}, []Fact{stopped}, NotKnown, "no number"},
		"not a number at all":                   {Condition{"x", "<", "3"}, []Fact{measured("x", "?", math.NaN())}, NotKnown, "no number"},
		"two that contradict each other":        {Condition{"pg-1", "==", "stopped"}, []Fact{stopped, {Guard: "G2", Name: "pg-1", Value: "up", Result: Pass}}, NotKnown, "contradicts itself"},
		"one that is unknown spoils both":       {Condition{"pg-1", "==", "stopped"}, []Fact{stopped, {Guard: "G2", Name: "pg-1", Result: Unknown}}, NotKnown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if is, says := tc.c.Holds(tc.facts); is != tc.want || !strings.Contains(says, tc.says) {
				t.Fatalf("%s is %s (%s), want %s (%s)", tc.c, is, says, tc.want, tc.says)
			}
		})
	}
}

// onlyIf brings the story to a run whose promotion waits for the lag to be small, with these facts at its start.
func onlyIf(t *testing.T, facts ...Fact) *story {
	t.Helper()
	s := begin(t)
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	plan, err := DecodePlan(planBytes(t, 1, "pg-2"))
	if err != nil {
		t.Fatal(err)
	}
	plan.Steps[1].When = &Condition{"lag", "<=", "3"}
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "approved")
	s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: crew, Facts: facts}), CodeAccepted, "started")
	return s
}

func TestAStepWithACondition(t *testing.T) {
	t.Parallel()
	end := EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone}
	t.Run("true: it begins, and the answer is on record", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t, measured("lag", "2 B", 2))
		s.do(end)
		if st := s.state.Runs[0].Steps[1]; st.State != StepStarted || !strings.Contains(s.last(EvStepCondition), `the condition "lag <= 3" is true: lag is 2 B`) {
			t.Fatalf("%s, %s", st.State, s.last(EvStepCondition))
		}
	})
	t.Run("false: it is left out with the reason, and the run goes on", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t, measured("lag", "9 B", 9))
		s.do(end)
		if r := s.state.Runs[0]; r.State != RunDone || r.Steps[1].State != StepSkipped || r.Steps[1].Note != "left out, because lag is 9 B" || s.count(EvStepSkipped) != 1 {
			t.Fatalf("%s %+v", r.State, r.Steps[1])
		}
	})
	t.Run("what an earlier step found counts, the newest first", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t, measured("lag", "9 B", 9))
		found := end
		found.Facts = []Fact{measured("lag", "1 B", 1), measured("something else", "x", 1)}
		s.do(found)
		if r := s.state.Runs[0]; r.Steps[1].State != StepStarted || len(r.Known) != 1 {
			t.Fatalf("%s %v", r.Steps[1].State, r.Known)
		}
	})
	t.Run("unknown: the run is parked, and only a person's word begins the step", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t)
		s.do(end)
		if r := s.state.Runs[0]; r.State != RunParked || r.Steps[1].State != StepPending || !strings.Contains(r.Note, "nothing was found out about lag") || s.count(EvPageTriggered) != 1 {
			t.Fatalf("%s %s", r.State, r.Note)
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: eve}), CodeNotAllowed, "none of the roles")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaB}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if st := s.state.Runs[0].Steps[1]; st.State != StepStarted || st.Despite != "ben" {
			t.Fatalf("%+v", st)
		}
	})
	t.Run("a person's word is for what cannot be told: found out to be false since then, it is left out", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t)
		s.do(end)
		s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaB})
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2, Checked: true, Facts: []Fact{measured("lag", "9 B", 9)}})
		if r := s.state.Runs[0]; r.State != RunDone || r.Steps[1].State != StepSkipped {
			t.Fatalf("%s %+v", r.State, r.Steps[1])
		}
	})
	t.Run("a new owner answers it with what its predecessor had found out", func(t *testing.T) {
		t.Parallel()
		s := onlyIf(t, measured("lag", "9 B", 9))
		stored, err := json.Marshal(s.state.Runs[0])
		if err != nil {
			t.Fatal(err)
		}
		s.state.Runs[0] = Run{}
		if err := json.Unmarshal(stored, &s.state.Runs[0]); err != nil {
			t.Fatal(err)
		}
		s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		end := end
		end.Epoch = 2
		s.do(end)
		if r := s.state.Runs[0]; r.State != RunDone || r.Steps[1].Note != "left out, because lag is 9 B" {
			t.Fatalf("%s %+v", r.State, r.Steps[1])
		}
	})
}
