package storetest

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// reports: ten watches of ten replicas see the same two primaries at the same moment. It is one incident, one alarm and one
// page.
func reports(t *testing.T, s *story) {
	alarm := pointsman.Report{
		Key: pointsman.Offer{Target: target("orders")}.Key(), Target: target("orders"), What: pointsman.SeenAlarm, Title: "Two primaries in orders",
		Text: "split brain: 2 nodes take writes, limit 1", Severity: "critical", Offer: pointsman.Offer{Runbook: "postgres-split-brain", Target: target("orders")},
	}
	atOnce(10, func(int) { s.do(alarm) })
	count := func(what pointsman.EventType) (n int) {
		for _, ev := range s.events("INC-1") {
			if ev.Type == what {
				n++
			}
		}
		return n
	}
	for _, what := range []pointsman.EventType{pointsman.EvIncidentOpened, pointsman.EvTargetAlarm, pointsman.EvPageTriggered, pointsman.EvProposalRequested} {
		if n := count(what); n != 1 {
			t.Errorf("%d times %s, want once", n, what)
		}
	}
	if st := s.state("INC-1"); st.Incident.Alarm != alarm.Text || st.Incident.State != pointsman.IncidentOpen {
		t.Errorf("incident %s with the alarm %q", st.Incident.State, st.Incident.Alarm)
	}
	over := alarm
	over.What, over.Text = pointsman.SeenOver, "one node takes writes again"
	if ans := s.do(over).Answer; ans.Code != pointsman.CodeAccepted {
		t.Errorf("the end answered %+v", ans)
	}
	if st := s.state("INC-1"); st.Incident.State != pointsman.IncidentResolved {
		t.Errorf("incident %s, want resolved", st.Incident.State)
	}
	before := len(s.events("INC-1"))
	if ans := s.do(over).Answer; ans.Code != pointsman.CodeDuplicate || len(s.events("INC-1")) != before {
		t.Errorf("where no alarm stands its end answered %+v and left %d events, want none", ans, len(s.events("INC-1"))-before)
	}
	s.intact()
}
