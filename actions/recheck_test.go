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
