package pointsman

import (
	"testing"
	"time"
)

func ended(a Alert, at time.Time) Alert {
	a.Status, a.EndsAt = AlertResolved, at
	return a
}

func (s *story) at(after time.Duration) time.Time {
	s.now = night.Add(after)
	return s.now
}

// resolved fails unless the incident is over, with nothing left that fires.
func (s *story) resolved(alerts int) {
	s.t.Helper()
	inc := s.state.Incident
	if inc.State != IncidentResolved || inc.Firing != 0 || inc.Total != alerts {
		s.t.Fatalf("%s is %s with %d of %d alerts firing, want it resolved with none of %d", inc.ID, inc.State, inc.Firing, inc.Total, alerts)
	}
}

// burns fails unless the incident is open with so many alerts firing.
func (s *story) burns(firing int) {
	s.t.Helper()
	if inc := s.state.Incident; inc.State != IncidentOpen || inc.Firing != firing {
		s.t.Fatalf("%s is %s with %d alerts firing, want it open with %d", inc.ID, inc.State, inc.Firing, firing)
	}
}

// Alertmanager keeps the last firing of an alert. Of one that flaps faster than its group_interval it tells a firing, and
// then the end of another one.
func TestAnAlertThatFlapsBetweenTwoMessagesLeavesNothingBurning(t *testing.T) {
	t.Parallel()
	t.Run("the end of a later firing is told, and it was never told to fire", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(webhook(ended(primaryDown("f1", s.at(3*time.Minute), AlertFiring), s.at(4*time.Minute))))
		s.resolved(2)
	})
	t.Run("a later firing is told while the earlier one burns", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		again := primaryDown("f1", s.at(3*time.Minute), AlertFiring)
		s.do(webhook(again))
		s.burns(1)
		if a := s.state.Alerts[0]; a.Status != AlertResolved || !a.EndsAt.Equal(again.StartsAt) {
			t.Fatalf("the earlier firing is %s until %s", a.Status, a.EndsAt)
		}
		s.do(webhook(ended(again, s.at(9*time.Minute))))
		s.resolved(2)
	})
	t.Run("both in one message", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		again := primaryDown("f1", night.Add(time.Minute), AlertFiring)
		s.do(webhook(again, primaryDown("f1", night, AlertFiring), primaryDown("f2", night, AlertFiring)))
		s.burns(2)
		s.do(webhook(ended(again, s.at(5*time.Minute)), ended(primaryDown("f2", night, AlertFiring), s.now)))
		s.resolved(3)
	})
	t.Run("a state from before has both burning", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		again := primaryDown("f1", s.at(3*time.Minute), AlertFiring)
		s.state.Alerts = append(s.state.Alerts, again)
		s.state.Incident.Firing, s.state.Incident.Total = 2, 2
		s.do(webhook(again)) // a repetition
		s.burns(1)
		s.do(webhook(ended(again, s.at(9*time.Minute))))
		s.resolved(2)
	})
}

// Two servers of Prometheus see the same outage some seconds apart, and Alertmanager keeps the earlier start as soon as
// it knows it.
func TestAnAlertWhoseStartIsToldDifferentlyIsOne(t *testing.T) {
	t.Parallel()
	s := begin(t)
	seen, told := primaryDown("f1", night, AlertFiring), primaryDown("f1", night.Add(-7*time.Second), AlertFiring)
	s.do(webhook(seen))
	s.want(s.do(webhook(told)), CodeDuplicate, "known already")
	s.burns(1)
	s.do(webhook(ended(told, s.at(5*time.Minute))))
	s.resolved(2)
}

func TestTheLateEndOfAnEarlierFiringEndsNothingElse(t *testing.T) {
	t.Parallel()
	s := begin(t)
	now := primaryDown("f1", s.at(10*time.Minute), AlertFiring)
	s.do(webhook(now))
	earlier := primaryDown("f1", night, AlertFiring)
	s.do(webhook(ended(earlier, night.Add(5*time.Minute))))
	s.burns(1)
	s.do(webhook(earlier)) // and its beginning, later still
	s.burns(1)
	s.do(webhook(ended(now, s.at(20*time.Minute))))
	s.resolved(2)
}

// Prometheus cannot reach Alertmanager for some minutes, as in a partition: Alertmanager takes the alert as over, and has
// it back with the same start.
func TestAFiringThatWasTakenAsOverBurnsAgain(t *testing.T) {
	t.Parallel()
	alert := primaryDown("f1", night, AlertFiring)
	t.Run("after a while", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(alert))
		s.do(webhook(ended(alert, s.at(5*time.Minute))))
		s.resolved(1)
		s.at(5*time.Minute + late)
		s.do(webhook(alert))
		s.burns(1)
		if inc := s.state.Incident; inc.Total != 1 || inc.Reopened != 1 || !inc.Marks.Alerted.Equal(night.Add(5*time.Minute)) {
			t.Fatalf("%+v", inc)
		}
		if says := s.last(EvAlertFiring); says != "PrimaryDown fires again, or never stopped, since "+Clock(night) {
			t.Fatal(says)
		}
		if p := s.state.Proposals[len(s.state.Proposals)-1]; p.State != ProposalChecking {
			t.Fatalf("the failover is %s", p.State)
		}
		s.do(webhook(ended(alert, s.at(20*time.Minute))))
		s.resolved(1)
	})
	t.Run("not at once, because that is an old message that was on its way", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(alert))
		s.do(webhook(ended(alert, s.at(5*time.Minute))))
		s.at(5*time.Minute + late - time.Second)
		s.do(webhook(alert))
		s.resolved(1)
	})
	t.Run("not where it fired again since", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(alert))
		s.do(webhook(ended(primaryDown("f1", s.at(3*time.Minute), AlertFiring), s.at(4*time.Minute))))
		s.at(time.Hour)
		s.do(webhook(alert))
		s.resolved(2)
	})
	t.Run("not where a person took it as over", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(alert))
		s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaA, Reason: "silenced for good"}), CodeAccepted, "")
		s.at(time.Hour)
		s.do(webhook(alert))
		s.resolved(1)
	})
}

func TestAMoreUrgentAlertBringsItsPageAlong(t *testing.T) {
	t.Parallel()
	with := func(esc Escalation, a Alert) ReceiveAlerts {
		w := webhook(a)
		w.Escalate = esc
		return w
	}
	lag, down := primaryDown("lag", night, AlertFiring), primaryDown("down", night.Add(time.Minute), AlertFiring)
	urgent := Escalation{After: 5 * time.Minute, Service: "dba"}
	t.Run("into an outage for which nobody is paged", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(with(Escalation{}, lag))
		s.at(time.Minute)
		s.do(with(urgent, down))
		if inc := s.state.Incident; inc.Escalate != urgent || !inc.EscalateAt.Equal(night.Add(6*time.Minute)) {
			t.Fatalf("pages %+v at %s", inc.Escalate, inc.EscalateAt)
		}
	})
	t.Run("into one for which somebody is paged later", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(with(Escalation{After: time.Hour}, lag))
		s.at(time.Minute)
		s.do(with(urgent, down))
		if inc := s.state.Incident; inc.Escalate != urgent || !inc.EscalateAt.Equal(night.Add(6*time.Minute)) {
			t.Fatalf("pages %+v at %s", inc.Escalate, inc.EscalateAt)
		}
	})
	t.Run("a less urgent one changes nothing", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(with(urgent, lag))
		s.at(time.Minute)
		s.do(with(Escalation{After: time.Hour}, down))
		s.do(with(Escalation{}, primaryDown("info", s.now, AlertFiring)))
		if inc := s.state.Incident; inc.Escalate != urgent || !inc.EscalateAt.Equal(night.Add(5*time.Minute)) {
			t.Fatalf("pages %+v at %s", inc.Escalate, inc.EscalateAt)
		}
	})
}

// What opened the outage an hour ago is not what people read on the card when another alert opens it again.
func TestAnOutageThatBeginsAgainIsCalledByWhatFires(t *testing.T) {
	t.Parallel()
	s := begin(t)
	lag := primaryDown("lag", night, AlertFiring)
	lag.Labels = map[string]string{"alertname": "ReplicationLagCritical"}
	first := webhook(lag)
	first.Title = "ReplicationLagCritical: 4 minutes behind"
	s.do(first)
	s.do(webhook(ended(lag, s.at(5*time.Minute))))
	s.resolved(1)
	s.do(webhook(primaryDown("down", s.at(20*time.Minute), AlertFiring)))
	s.burns(1)
	if inc := s.state.Incident; inc.First.Name() != "PrimaryDown" || inc.Title != "PrimaryDown on orders" {
		t.Fatalf("it is called %q after %s", inc.Title, inc.First.Name())
	}
}

func TestAnAlertThatComesToAnAlarmGivesTheIncidentItsName(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(splitBrain())
	s.do(webhook(primaryDown("f1", s.at(time.Minute), AlertFiring)))
	if first := s.state.Incident.First; first.Name() != "PrimaryDown" {
		t.Fatalf("the first alert is %+v", first)
	}
}
