package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// history: two runs on one target and one on another; what a person marked done is no measure.
func history(t *testing.T, s *story) {
	for i, name := range []string{"a", "b", "a"} {
		c := s.running(name, "w")
		s.now.pass(time.Duration(i+1) * time.Second)
		s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, State: pointsman.StepDone})
		s.do(pointsman.NoteMemo{Run: c.Run.ID, Epoch: c.Epoch, Step: 1, Note: "the first step is done, and is not counted again"})
		s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 1, State: pointsman.StepFailed})
		s.do(pointsman.Steer{Run: c.Run.ID, Verb: pointsman.VerbDone, Reason: "seen", By: ana})
		s.now.pass(2 * time.Hour)
		s.do(s.over(name))
		s.now.pass(2 * time.Hour)
	}
	took := func(name, step string, limit int) []time.Duration {
		return must(s.Took(t.Context(), "failover", target(name), "test.nothing", step, limit))(t)
	}
	for _, c := range []struct {
		name, step string
		limit      int
		want       []time.Duration
	}{
		{"a", "step-1", 10, []time.Duration{3 * time.Second, time.Second}},
		{"a", "step-1", 1, []time.Duration{3 * time.Second}},
		{"b", "step-1", 10, []time.Duration{2 * time.Second}},
		{"a", "step-2", 10, []time.Duration{}},
		{"c", "step-1", 10, []time.Duration{}},
	} {
		if diff := cmp.Diff(c.want, took(c.name, c.step, c.limit)); diff != "" {
			t.Errorf("%s of %s, at most %d (-want +got):\n%s", c.step, c.name, c.limit, diff)
		}
	}
}

// over is the end of the outage of the target.
func (s *story) over(name string) pointsman.ReceiveAlerts {
	s.tb.Helper()
	var at time.Time
	for _, id := range []string{"INC-1", "INC-2", "INC-3"} {
		st, err := s.State(s.tb.Context(), id)
		for _, a := range st.Alerts {
			if err == nil && st.Incident.State == pointsman.IncidentOpen && a.Fingerprint == "fp-"+name {
				at = a.StartsAt
			}
		}
	}
	a := s.alert("fp-" + name)
	a.StartsAt, a.EndsAt, a.Status = at, s.now.now(), pointsman.AlertResolved
	return s.webhook(name, a)
}
