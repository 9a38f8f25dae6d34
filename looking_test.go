package pointsman

import (
	"testing"
	"time"
)

// After a kill in the middle of a command of ten minutes the run stood as "running: -" for as long, and refused what its own log
// advised.
func TestAStepWhoseProcessStoppedSaysUntilWhenItIsLookedAt(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	plan, err := Plan{Version: 1, Runbook: "quick", Steps: []PlanStep{
		{Name: "restart", Kind: "exec.run", Timeout: 10 * time.Minute},
		{Name: "drain", Kind: "exec.run", Timeout: 10 * time.Minute, Group: Group{Name: "sides", Timeout: 4 * time.Minute}},
	}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	const says = "the process that carried it out has stopped; whether it was done is looked at until "
	const then = ", then it begins again or a person is asked"
	for name, c := range map[string]struct {
		run  Run
		step int
		want string
	}{
		"until its time is over":         {Run{State: RunRunning, Plan: plan, Steps: []RunStep{{State: StepUnknown, StartedAt: began}}}, 0, says + "03:10:00 UTC" + then},
		"or that of its group":           {Run{State: RunRunning, Plan: plan, GroupUntil: began.Add(4 * time.Minute), Steps: []RunStep{{State: StepDone}, {State: StepUnknown, StartedAt: began}}}, 1, says + "03:04:00 UTC" + then},
		"a plan that cannot be read":     {Run{State: RunRunning, Steps: []RunStep{{State: StepUnknown, StartedAt: began}}}, 0, says + "its time is over" + then},
		"one at work":                    {Run{State: RunRunning, Plan: plan, Steps: []RunStep{{State: StepStarted, StartedAt: began}}}, 0, ""},
		"one of which a person is asked": {Run{State: RunParked, Plan: plan, Steps: []RunStep{{State: StepUnknown, StartedAt: began, EndedAt: began.Add(time.Minute)}}}, 0, ""},
		"one in a run that is parked":    {Run{State: RunParked, Plan: plan, Steps: []RunStep{{State: StepUnknown, StartedAt: began}}}, 0, ""},
	} {
		if got := c.run.Looking(c.step); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
