package pointsman

import (
	"strings"
	"testing"
	"time"
)

// What a person asked for on a healthy evening must not stand in the way of the outage that follows.
func TestAlertsJoinAnIncidentThatAPersonOpened(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		s.do(Request{Incident: "INC-1", Key: "target:postgres/orders", By: eve, Offer: webhook().Offers[0]})
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 1, "pg-2"), Facts: []Fact{{Guard: "G1", Kind: Hard, Name: "old primary", Result: Fail, Text: "pg-1 takes writes"}}})
		if p := s.state.Proposals[0]; p.State != ProposalRefused {
			t.Fatalf("the proposal is %s, want it refused while the primary lives", p.State)
		}
		s.now = s.now.Add(time.Minute)
		return s
	}
	t.Run("what was refused is checked again when the alert fires", func(t *testing.T) {
		t.Parallel()
		s := refused(t)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if p := s.state.Proposals[0]; len(s.state.Proposals) != 1 || p.State != ProposalChecking || p.Generation != 2 {
			t.Fatalf("%d proposals, the first is %s in generation %d", len(s.state.Proposals), p.State, p.Generation)
		}
		if says := s.last(EvProposalRecheck); says != "INC-1/P1 is checked again: PrimaryDown fires" {
			t.Fatal(says)
		}
	})
	t.Run("the same alert told again does not check again", func(t *testing.T) {
		t.Parallel()
		s := refused(t)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		s.do(Ready{Proposal: "INC-1/P1", Generation: 2, Problem: "pg-2 answers nobody"})
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if n := s.count(EvProposalRecheck); n != 1 {
			t.Fatalf("checked again %d times for one alert", n)
		}
		s.do(webhook(primaryDown("f1", s.now, AlertFiring), primaryDown("f2", s.now, AlertFiring)))
		if n := s.count(EvProposalRecheck); n != 2 {
			t.Fatalf("checked again %d times for two alerts", n)
		}
	})
	t.Run("it has the alert's name, its updates and its page", func(t *testing.T) {
		t.Parallel()
		s := refused(t)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		inc := s.state.Incident
		if inc.First.Name() != "PrimaryDown" || inc.Severity != "critical" || !inc.Marks.Alerted.Equal(s.now) {
			t.Fatalf("%+v", inc)
		}
		if !inc.EscalateAt.Equal(s.now.Add(5*time.Minute)) || !inc.NextUpdate.Equal(s.now.Add(10*time.Minute)) {
			t.Fatalf("page at %s, update at %s", inc.EscalateAt, inc.NextUpdate)
		}
		s.now = inc.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		if !strings.Contains(s.last(EvPageTriggered), "no decision after 5m") {
			t.Fatalf("nobody was paged: %q", s.last(EvPageTriggered))
		}
	})
	t.Run("an approval that ran out unseen is asked for again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.asked(dbaB)
		s.now = p.ExpiresAt
		s.do(Tick{Incident: "INC-1"})
		s.do(webhook(primaryDown("f2", s.now, AlertFiring)))
		if p := s.state.Proposals[0]; p.State != ProposalChecking {
			t.Fatalf("the proposal is %s while the primary is down", p.State)
		}
	})
	t.Run("during the person's run nobody is paged for a decision that was made", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.asked(dbaB)
		s.cast2(p, dbaA, Approve)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
		s.do(webhook(primaryDown("f2", s.now, AlertFiring)))
		if inc := s.state.Incident; !inc.EscalateAt.IsZero() || inc.NextUpdate.IsZero() || s.count(EvProposalRequested) != 1 {
			t.Fatalf("page at %s, update at %s, %d proposals", inc.EscalateAt, inc.NextUpdate, s.count(EvProposalRequested))
		}
	})
}

func TestAlertsThatComeBackAreNotMistakenForKnown(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.ready(1)
	other := webhook().Offers[0]
	other.Runbook = "postgres-repoint"
	s.do(Request{Incident: "INC-1", By: dbaB, Offer: other}) // keeps the incident open
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	if p := s.state.Proposals[0]; p.State != ProposalWithdrawn || !s.state.Incident.EscalateAt.IsZero() {
		t.Fatalf("the alerts' proposal is %s, page at %s", p.State, s.state.Incident.EscalateAt)
	}
	s.now = s.now.Add(time.Minute)
	s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
	if n := len(s.state.Proposals); n != 3 || s.state.Proposals[2].Runbook != "postgres-failover" || s.state.Proposals[2].State != ProposalChecking {
		t.Fatalf("%d proposals; the withdrawn one must not hide that the primary is down again", n)
	}
	if s.state.Incident.EscalateAt.IsZero() {
		t.Fatal("nobody would be paged for the second outage")
	}
}

// The request of a person keeps the incident open, and the alerts that come back are told to nobody on time any more. The
// clock must not go on asking for the update that the first alerts had promised.
func TestAlertsThatComeBackUnderARouteWithoutUpdatesEndThem(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	s.do(Request{Incident: "INC-1", By: dbaB, Reason: "later", Offer: Offer{Runbook: "postgres-switchover", Title: "Switch over", Target: orders, Mode: ModePlanned}})
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	again := webhook(primaryDown("f2", s.now, AlertFiring))
	again.Update, again.Escalate = 0, Escalation{}
	s.do(again)
	s.now = s.now.Add(time.Hour)
	s.do(Tick{Incident: "INC-1"})
	if due := s.state.Incident.NextUpdate; !due.IsZero() || s.count(EvIncidentUpdate) != 0 || s.count(EvPageTriggered) != 0 {
		t.Errorf("the next update is due at %s, %d were written, %d paged", due, s.count(EvIncidentUpdate), s.count(EvPageTriggered))
	}
}

// Under an alarm a person closed the incident. The alert that opens it again began this outage, and by it the card is called.
func TestAnAlertThatReopensAnIncidentThatWasClosedUnderAnAlarmBeganIt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	s.do(splitBrain())
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	s.want(s.do(CloseIncident{Incident: "INC-1", Reason: "pg-1 is off", By: dbaA}), CodeAccepted, "closed")
	s.now = s.now.Add(5 * time.Minute)
	s.do(webhook(primaryDown("f2", s.now, AlertFiring)))
	if inc := s.state.Incident; inc.State != IncidentOpen || inc.First.Fingerprint != "f2" {
		t.Errorf("it is %s, and %s began it", inc.State, inc.First.Fingerprint)
	}
}

// What was cut from a message of the outage before is not missing from this one.
func TestAReopenedIncidentHasNothingLeftOut(t *testing.T) {
	t.Parallel()
	s := begin(t)
	cut := webhook(primaryDown("f1", night, AlertFiring))
	cut.Cut, cut.Truncated = true, 3
	s.do(cut)
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	s.now = s.now.Add(5 * time.Minute)
	s.do(webhook(primaryDown("f2", s.now, AlertFiring)))
	if inc := s.state.Incident; inc.State != IncidentOpen || inc.Cut || inc.Truncated != 0 {
		t.Errorf("it is %s, cut %t, %d left out", inc.State, inc.Cut, inc.Truncated)
	}
}
