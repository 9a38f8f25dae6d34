package pointsman

import (
	"testing"
	"time"
)

// flap is one more firing of an alert beside the one that goes on, and what its checks find.
func (s *story) flap(after time.Duration, problem string, facts ...Fact) {
	s.t.Helper()
	s.now = s.now.Add(after)
	s.do(webhook(primaryDown("flapping", s.now, AlertFiring)))
	p := s.state.Proposals[len(s.state.Proposals)-1]
	ready := Ready{Proposal: p.ID, Generation: p.Generation, Problem: problem, Facts: facts}
	if problem == "" {
		ready.Plan = planBytes(s.t, 1, "pg-2")
	}
	s.want(s.do(ready), CodeAccepted, "")
	s.do(webhook(primaryDown("flapping", s.now, AlertResolved)))
}

// told wants that people were told so many refusals, and that the log has all of them.
func (s *story) told(told, inLog int) {
	s.t.Helper()
	if n, still := s.count(EvProposalRefused), s.count(EvProposalStill); n != told || n+still != inLog {
		s.t.Fatalf("%s: told %d times, want %d; the log has %d, want %d", Clock(s.now), n, told, n+still, inLog)
	}
}

func TestAFlappingAlertDoesNotRepeatTheSameRefusal(t *testing.T) {
	t.Parallel()
	lag := func(value string) Fact {
		return Fact{Guard: "G5", Kind: Hard, Name: "pg-2 replay lag", Value: value, Limit: "16 MB", Result: Fail}
	}
	t.Run("it is told once, whatever the figure, and again after the update", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("burning", night, AlertFiring)))
		s.flap(0, "", lag("48 MB"))
		s.told(1, 1)
		for i := range 8 {
			s.flap(time.Minute, "", lag("49 MB"))
			s.told(1, i+2)
		}
		s.now = s.state.Incident.NextUpdate
		s.do(Tick{Incident: "INC-1"})
		s.flap(time.Minute, "", lag("50 MB"))
		s.told(2, 10)
		s.flap(time.Minute, "", lag("50 MB"))
		s.told(2, 11)
	})
	t.Run("another reason is told at once, and so is the first one when it is back", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("burning", night, AlertFiring)))
		s.flap(0, "", lag("48 MB"))
		s.flap(time.Minute, "", lag("48 MB"), Fact{Guard: "G1", Kind: Hard, Name: "old primary", Result: Fail})
		s.told(2, 2)
		s.flap(time.Minute, "pg-2 answers nobody")
		s.told(3, 3)
		s.flap(time.Minute, "pg-2 answers nobody")
		s.told(3, 4)
		unknown := lag("")
		unknown.Result = Unknown
		s.flap(time.Minute, "", unknown)
		s.told(4, 5)
		s.flap(time.Minute, "", lag("48 MB"))
		s.told(5, 6)
	})
	t.Run("the incident that it closes and reopens each time goes on", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		for i := range 5 {
			s.flap(time.Minute, "", lag("48 MB"))
			if inc := s.state.Incident; inc.State != IncidentResolved || inc.Reopened != i {
				t.Fatalf("%s, reopened %d times", inc.State, inc.Reopened)
			}
			s.told(1, i+1)
		}
		s.flap(20*time.Minute, "", lag("48 MB"))
		s.told(2, 6)
	})
	t.Run("labels that select no target are told once as well", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		for range 3 {
			hook := webhook(primaryDown("flapping", s.now, AlertFiring))
			hook.Offers[0].Problem = "label cluster=ordres selects no target"
			s.do(hook)
			s.do(webhook(primaryDown("flapping", s.now, AlertResolved)))
			s.now = s.now.Add(time.Minute)
		}
		s.told(1, 3)
	})
	t.Run("what could have been carried out in between, or had happened, is news", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("burning", night, AlertFiring)))
		s.flap(0, "", lag("48 MB"))
		ask := func(r Ready) {
			s.do(Recheck{Proposal: "INC-1/P1", By: dbaA})
			r.Proposal, r.Generation, r.Plan = "INC-1/P1", s.state.Proposals[0].Generation, planBytes(t, 1, "pg-2")
			s.want(s.do(r), CodeAccepted, "")
		}
		ask(Ready{})
		ask(Ready{Facts: []Fact{lag("48 MB")}})
		s.told(2, 2)
		ask(Ready{Facts: []Fact{lag("48 MB")}, Already: "pg-2 is the primary"})
		ask(Ready{Facts: []Fact{lag("48 MB")}})
		s.told(3, 3)
	})
	t.Run("a person who asks anew is told anew", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("burning", night, AlertFiring)))
		s.flap(0, "", lag("48 MB"))
		s.do(webhook(primaryDown("burning", night, AlertResolved)))
		s.do(Request{Incident: "INC-1", Key: "target:postgres/orders", By: eve, Offer: webhook().Offers[0]})
		s.do(Ready{Proposal: "INC-1/P2", Generation: 1, Plan: planBytes(t, 1, "pg-2"), Facts: []Fact{lag("48 MB")}})
		s.told(2, 2)
	})
}
