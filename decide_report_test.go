package pointsman

import (
	"strings"
	"testing"
	"time"
)

const bothPrimary = "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2"

func splitBrain() Report {
	return Report{
		Key: "target:postgres/orders", Target: orders, What: SeenAlarm, Title: "Two primaries in orders", Text: bothPrimary, Severity: "critical",
		Escalate: Escalation{After: 5 * time.Minute, Service: "dba"},
		Offer:    Offer{Runbook: "postgres-split-brain", Title: "Two primaries", Target: orders, Params: map[string]string{"cluster": "orders"}},
	}
}

func note(text string) Report {
	return Report{Key: "target:postgres/orders", Target: orders, What: SeenNote, Text: text}
}

func TestReports(t *testing.T) {
	t.Parallel()

	t.Run("an alarm opens an incident, pages, and offers its runbook, once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(splitBrain()), CodeAccepted, bothPrimary)
		s.want(s.do(splitBrain()), CodeDuplicate, "known already")
		if s.count(EvIncidentOpened) != 1 || s.count(EvTargetAlarm) != 1 || s.count(EvPageTriggered) != 1 || s.count(EvProposalRequested) != 1 {
			t.Errorf("opened %d, alarms %d, pages %d, proposals %d; want one each", s.count(EvIncidentOpened), s.count(EvTargetAlarm), s.count(EvPageTriggered), s.count(EvProposalRequested))
		}
		s.do(Tick{Incident: "INC-1"})
		if s.state.Incident.State != IncidentOpen || s.state.Proposals[0].State != ProposalChecking {
			t.Errorf("incident %s, proposal %s: no alert fires, but the alarm stands", s.state.Incident.State, s.state.Proposals[0].State)
		}
	})

	t.Run("an alarm keeps the open run from its next step until a person says so", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.cast(dbaA, Approve, p.Digest)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}})
		s.do(splitBrain())
		if got := s.state.Runs[0].State; got != RunRunning {
			t.Fatalf("run %s; the step at work ends by itself", got)
		}
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		r := s.state.Runs[0]
		if r.State != RunParked || !strings.Contains(r.Note, "step 2 (promote) was not begun: "+bothPrimary) {
			t.Errorf("run %s: %s", r.State, r.Note)
		}
		if s.count(EvStepStarted) != 1 {
			t.Errorf("%d steps began, want 1", s.count(EvStepStarted))
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if s.count(EvStepStarted) != 2 {
			t.Errorf("%d steps began after the person's word, want 2", s.count(EvStepStarted))
		}
	})

	t.Run("when it is over the incident closes, and nobody closes it before without a reason", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(splitBrain())
		s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaA}), CodeInvalid, "give a reason")
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		s.want(s.do(over), CodeAccepted, over.Text)
		if s.state.Incident.State != IncidentResolved || s.count(EvPageResolved) != 1 {
			t.Errorf("incident %s, pages resolved %d", s.state.Incident.State, s.count(EvPageResolved))
		}
		s.want(s.do(over), CodeDuplicate, "known already")
		s.do(splitBrain())
		if s.count(EvIncidentReopened) != 1 || s.count(EvTargetAlarm) != 2 {
			t.Errorf("it did not come back: reopened %d, alarms %d", s.count(EvIncidentReopened), s.count(EvTargetAlarm))
		}
	})

	t.Run("a note is an update of an incident that there is, once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(note("orders runs without a standby")), CodeNotFound, "no incident of postgres/orders is open")
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.want(s.do(note("orders runs without a standby")), CodeAccepted, "without a standby")
		s.want(s.do(note("orders runs without a standby")), CodeDuplicate, "known already")
		s.want(s.do(note("pg-3 follows pg-2")), CodeAccepted, "follows")
		if s.count(EvIncidentUpdate) != 2 {
			t.Errorf("%d updates, want 2", s.count(EvIncidentUpdate))
		}
	})

	t.Run("the end of the alerts does not stop the run against a split brain", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.do(splitBrain())
		s.cast(dbaA, Approve, p.Digest)
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}}), CodeAccepted, "started")
	})
}
