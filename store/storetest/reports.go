package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

func splitBrain(name string) pointsman.Report {
	return pointsman.Report{
		Key: pointsman.Offer{Target: target(name)}.Key(), Target: target(name), What: pointsman.SeenAlarm, Title: "Two primaries in " + name,
		Text: "split brain: 2 nodes take writes, limit 1", Severity: "critical", Offer: pointsman.Offer{Runbook: "postgres-split-brain", Target: target(name)},
	}
}

// reports: ten watches of ten replicas see the same two primaries at the same moment. It is one incident, one alarm and one
// page.
func reports(t *testing.T, s *story) {
	alarm := splitBrain("orders")
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

// elsewhere brings an outage that has the key of its route, not of its target, to a run that owner carries out.
func (s *story) elsewhere(name, owner string) pointsman.Claim {
	s.tb.Helper()
	w := s.webhook(name, s.alert("fp-"+name))
	w.Key = "team:" + name
	res := s.do(w)
	p := res.State.Proposals[0]
	res = s.do(pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan(p, true, 2, pointsman.Requirement{Count: 1, Role: "dba"})})
	s.do(vote(res.State.Proposals[0], ana))
	c := s.claim(owner)
	s.do(pointsman.StartRun{Run: c.Run.ID, Epoch: c.Epoch, People: people()})
	return c
}

// alarms: the run is of one incident and the alarm is told in another. What the target remembers outlasts the process.
func alarms(t *testing.T, s *story) {
	c := s.elsewhere("orders", "one")
	s.do(splitBrain("orders"))
	if a := s.protection("orders").Alarm; !a.Stands() || a.Incident != "INC-2" || a.N != 1 {
		t.Fatalf("the target remembers %+v", a)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.now.pass(2 * lease)
	c = s.claim("two")
	s.do(pointsman.TakeOver{Run: c.Run.ID, Epoch: c.Epoch, Owner: "two"})
	r := s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, State: pointsman.StepDone}).State.Runs[0]
	if r.State != pointsman.RunParked || !strings.Contains(r.Note, "split brain: 2 nodes take writes, limit 1 (alarm on postgres/orders since") {
		t.Fatalf("the run is %s: %s", r.State, r.Note)
	}
	over := splitBrain("orders")
	over.What, over.Text = pointsman.SeenOver, "one node takes writes again"
	s.do(over)
	if a := s.protection("orders").Alarm; a.Stands() || a.N != 1 {
		t.Errorf("after its end the target remembers %+v", a)
	}
	s.do(splitBrain("orders")) // within the time in which the incident opens again
	if a := s.protection("orders").Alarm; a.N != 2 || a.Incident != "INC-2" {
		t.Errorf("the second alarm is remembered as %+v", a)
	}
	if ans := s.do(pointsman.Steer{Run: r.ID, Verb: pointsman.VerbRetry, Reason: "seen on the console", By: ana}).Answer; !ans.OK() {
		t.Fatalf("a person's word: %+v", ans)
	}
	c = s.claim("two")
	if r = s.do(pointsman.WakeRun{Run: r.ID, Epoch: c.Epoch}).State.Runs[0]; r.State != pointsman.RunRunning || r.Steps[1].State != pointsman.StepStarted {
		t.Errorf("after it the run is %s: %s", r.State, r.Note)
	}
	s.do(pointsman.CloseIncident{Incident: "INC-2", Reason: "pg-1 is off", By: ben})
	if s.protection("orders").Alarm.Stands() {
		t.Error("the alarm of an incident that a person closed stands")
	}
	s.intact()
}

// alarmAndSteps gives the alarm while runs of other incidents go from step to step.
func alarmAndSteps(t *testing.T, s *story) {
	const runs = 4
	var claims [runs]pointsman.Claim
	for i := range claims {
		claims[i] = s.elsewhere(fmt.Sprintf("db-%d", i), "w")
	}
	atOnce(2*runs, func(i int) {
		if c := claims[i/2]; i%2 == 0 {
			s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, State: pointsman.StepDone})
		} else {
			s.do(splitBrain(c.Run.Target.Name))
		}
	})
	alarmed, parked := map[string]bool{}, 0
	for _, ev := range s.events("") {
		switch {
		case ev.Type == pointsman.EvTargetAlarm:
			alarmed[ev.Target] = true
		case ev.Type == pointsman.EvRunParked:
			parked++
		case ev.Type == pointsman.EvStepStarted && alarmed[ev.Target]:
			t.Errorf("step %d of %s at %d, behind the alarm", ev.StepN, ev.Run, ev.Seq)
		}
	}
	if len(alarmed) != runs {
		t.Errorf("%d alarms in the log, want %d", len(alarmed), runs)
	}
	t.Logf("%d of %d runs were caught between their steps", parked, runs)
}
