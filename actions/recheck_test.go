package actions

import (
	"math"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// A person accepted 213,792 bytes. They did not accept more, and not "we do not know any more".
func TestAnAcceptedRiskMayNotGrow(t *testing.T) {
	t.Parallel()
	risk := func(measure ...float64) pointsman.Fact {
		f := pointsman.Fact{Guard: "G5", Kind: pointsman.Ack, Name: "lost bytes", Result: pointsman.Fail, Text: "213,792 B may be lost, limit 0 B"}
		if len(measure) > 0 {
			f.Measure = &measure[0]
		} else {
			f.Result = pointsman.Unknown
		}
		return f
	}
	accepted := func(f pointsman.Fact) pointsman.Plan {
		plan := pointsman.Plan{Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}}}
		withAcknowledgement(&plan, []pointsman.Fact{f})
		return plan
	}
	for _, c := range []struct {
		name      string
		then, now pointsman.Fact
		want      string
	}{
		{"the same figure", risk(213_792), risk(213_792), ""},
		{"a smaller one", risk(213_792), risk(1), ""},
		{"a greater one", risk(213_792), risk(213_793), "grown"},
		{"no figure any more", risk(213_792), risk(), "grown"},
		{"no number", risk(213_792), risk(math.NaN()), "grown"},
		{"unknown was accepted as unknown", risk(), risk(), ""},
		{"another risk", risk(213_792), pointsman.Fact{Guard: "G2", Kind: pointsman.Ack, Name: "vantage points", Result: pointsman.Fail}, "nobody accepted"},
		{"a risk that passed", risk(213_792), pointsman.Fact{Guard: "G2", Kind: pointsman.Ack, Name: "vantage points", Result: pointsman.Pass}, ""},
	} {
		plan := accepted(c.then)
		if plan.Policy.Needed() != 2 {
			t.Errorf("%s: %d approvers, want 2", c.name, plan.Policy.Needed())
		}
		if got := unaccepted(plan, c.now); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A run that has begun gets no other plan: who is told to approve one at 3 a.m. looks for a button that is not there.
func TestWhatIsOutsideTheApprovalSaysWhatCanBeDoneAboutIt(t *testing.T) {
	t.Parallel()
	plan := pointsman.Plan{
		Pins: map[string]string{"candidate": "pg-2"}, Bounds: []pointsman.Bound{{Name: "lost_bytes", Max: 1, Text: "loss <= 1 B"}},
		Steps: []pointsman.PlanStep{{Name: "promote", Kind: "postgres.promote", Summary: "promote pg-2", Irreversible: true}},
	}
	ev := pointsman.Evidence{
		Pins: map[string]string{"candidate": "pg-3"}, Already: true,
		Bounds: []pointsman.Bound{{Name: "lost_bytes", Max: 2, Text: "loss <= 2 B"}, {Name: "lost_seconds", Max: math.NaN(), Text: "loss unknown"}},
	}
	for begun, want := range map[bool][]string{false: {newPlan, newPlan, newPlan, newPlan}, true: {asPlanned, acceptMore, asPlanned, sayDone}} {
		facts := outside(plan, 0, ev, begun)
		for i, f := range facts {
			if len(facts) != len(want) || f.Clears != want[i] {
				t.Errorf("begun %t, %d facts: %q says %q", begun, len(facts), f.Text, f.Clears)
			}
		}
	}
}
