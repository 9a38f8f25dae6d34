package pointsman

import (
	"strings"
	"testing"
	"time"
)

// two brings the story to two proposals of the alert that wait, each for need approvals.
func (s *story) two(need int) (failover, other Proposal) {
	s.t.Helper()
	alert := webhook(primaryDown("f1", night, AlertFiring))
	second := alert.Offers[0]
	second.Runbook, second.Title, second.Priority = "postgres-replica-recovery", "Recover the replica", 20
	alert.Offers = append(alert.Offers, second)
	s.do(alert)
	for _, id := range []string{"INC-1/P1", "INC-1/P2"} {
		s.want(s.do(Ready{Proposal: id, Generation: 1, Plan: planBytes(s.t, need, "pg-2")}), CodeAccepted, "ready for approval")
	}
	return s.state.Proposals[0], s.state.Proposals[1]
}

func (s *story) tick(at time.Time) {
	s.t.Helper()
	s.now = at
	s.do(Tick{Incident: "INC-1"})
}

// pagedBecause checks why somebody was woken last.
func (s *story) pagedBecause(says string) {
	s.t.Helper()
	if got := s.last(EvPageTriggered); !strings.Contains(got, says) {
		s.t.Errorf("paged because %q, want %q", got, says)
	}
}

// Two people are needed, also at night: the first of them must not end the search for the second.
func TestTheSecondApproverIsChased(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return night.Add(time.Duration(n) * time.Minute) }
	t.Run("a vote after the page acknowledges nothing, and pages again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.tick(minute(5))
		s.now = minute(6)
		s.want(s.cast(dbaA, Approve, p.Digest), CodeCounted, "1 of 2")
		s.paged("triggered 1@dba")
		s.tick(minute(11))
		s.paged("triggered 1@dba", "triggered 2@dba")
		s.pagedBecause("INC-1: Fail over has 1 of 2 and needs 2 of dba until 03:15:00")
		s.tick(minute(14))
		s.paged("triggered 1@dba", "triggered 2@dba")
		s.want(s.cast(dbaB, Approve, p.Digest), CodeAccepted, "starts now")
		s.paged("triggered 1@dba", "triggered 2@dba", "acknowledged 1@dba 2@dba")
		s.tick(minute(60))
		s.paged("triggered 1@dba", "triggered 2@dba", "acknowledged 1@dba 2@dba")
	})
	t.Run("a vote before the page keeps its time", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.now = minute(4)
		s.cast(dbaA, Approve, p.Digest)
		s.tick(minute(5))
		s.paged("triggered 1@dba")
		s.pagedBecause("has 1 of 2")
	})
	t.Run("an approval that expires while it burns is a page", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(2)
		s.tick(minute(5))
		s.tick(minute(15))
		s.paged("triggered 1@dba", "triggered 2@dba")
		s.pagedBecause("INC-1 has an approval that expired, and no decision")
		s.tick(minute(60))
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("also where a late click finds it expired", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.tick(minute(5))
		s.now = minute(15)
		s.want(s.cast(dbaA, Approve, p.Digest), CodeExpired, "expired")
		s.tick(minute(15))
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("two that expire one after the other are one page", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.two(2)
		s.tick(minute(5))
		s.state.Proposals[1].ExpiresAt = minute(16)
		s.tick(minute(15))
		s.paged("triggered 1@dba")
		s.tick(minute(16))
		s.tick(minute(60))
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("an expiry pages nobody before the route wants it", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		alert := webhook(primaryDown("f1", night, AlertFiring))
		alert.Escalate.After = 30 * time.Minute
		s.do(alert)
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 2, "pg-2")})
		s.tick(minute(15))
		s.paged()
		s.tick(minute(30))
		s.paged("triggered 1@dba")
	})
	t.Run("and nobody at all when nothing fires any more", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(Request{Key: "target:postgres/orders", Offer: webhook().Offers[0], By: dbaB}), CodeAccepted, "being checked")
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 2, "pg-2")})
		s.cast(dbaA, Approve, s.state.Proposals[0].Digest)
		s.tick(minute(15))
		s.paged()
	})
}

func TestADenialIsNoDecisionForWhatStillWaits(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return night.Add(time.Duration(n) * time.Minute) }
	deny := func(s *story, p Proposal) {
		s.t.Helper()
		s.want(s.do(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Deny, By: dbaA}), CodeAccepted, "you denied")
	}
	t.Run("the other one is chased as if nobody had come", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		_, other := s.two(2)
		s.now = minute(1)
		deny(s, other)
		s.tick(minute(5))
		s.paged("triggered 1@dba")
		s.pagedBecause("INC-1 has no decision after 5m")
	})
	t.Run("also after the page, which stays unacknowledged", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		_, other := s.two(2)
		s.tick(minute(5))
		s.now = minute(6)
		deny(s, other)
		s.paged("triggered 1@dba")
		s.tick(minute(11))
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("whoever denies the last one has the time for another way, and then somebody is paged", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.now = minute(4)
		deny(s, p)
		s.tick(minute(8))
		s.paged()
		s.tick(minute(9))
		s.paged("triggered 1@dba")
		s.pagedBecause("INC-1 has no runbook left, what was proposed is denied: PrimaryDown on orders")
		s.tick(minute(60))
		s.paged("triggered 1@dba")
	})
	t.Run("so it is when a denial takes back what was approved and has not begun", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.now = minute(4)
		s.want(s.cast(dbaA, Approve, p.Digest), CodeAccepted, "starts now")
		s.want(s.do(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Deny, By: dbaB}), CodeAccepted, "nothing will run")
		s.tick(minute(9))
		s.paged("triggered 1@dba")
	})
	t.Run("nobody is woken when it stops burning", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		deny(s, p)
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.tick(minute(60))
		s.paged()
	})
	t.Run("that of a drill says nothing of the outage", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(2)
		s.state.Proposals = append(s.state.Proposals, s.state.Proposals[0])
		drill := &s.state.Proposals[1]
		drill.ID, drill.Mode = "INC-1/P2", ModeDrill
		s.now = minute(4)
		deny(s, *drill)
		s.tick(minute(5))
		s.paged("triggered 1@dba")
	})
}

// Two databases fail; the runbook of the first takes a while, and the approval for the second expires meanwhile.
func TestWhatExpiresBesideAnOpenRunPagesAfterIt(t *testing.T) {
	minute := func(n int) time.Time { return night.Add(time.Duration(n) * time.Minute) }
	s := begin(t)
	alert := webhook(primaryDown("f1", night, AlertFiring), primaryDown("f2", night, AlertFiring))
	second := alert.Offers[0]
	second.Target = Target{Kind: "postgres", Name: "users"}
	alert.Offers = append(alert.Offers, second)
	s.do(alert)
	s.want(s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 1, "pg-2")}), CodeAccepted, "ready")
	s.want(s.do(Ready{Proposal: "INC-1/P2", Generation: 1, Plan: planBytes(t, 2, "pg-2")}), CodeAccepted, "ready")
	s.want(s.cast2(s.state.Proposals[0], dbaA, Approve), CodeAccepted, "starts now")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
	s.now = minute(1)
	s.want(s.cast2(s.state.Proposals[1], dbaA, Approve), CodeCounted, "1 of 2")
	s.tick(minute(16))
	for i := range 2 {
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: i, State: StepDone})
	}
	for n := 16; n < 300; n++ {
		s.tick(minute(n))
	}
	if s.count(EvPageTriggered) == 0 {
		t.Errorf("P2 is %s, %d alerts fire, and nobody is ever paged", s.state.Proposals[1].State, s.state.Incident.Firing)
	}
}

// Whoever is woken for what is left must hear that the failover was done, or looks for it first.
func TestThePageAfterARunSaysThatItRan(t *testing.T) {
	t.Parallel()
	s := begin(t)
	alert := webhook(primaryDown("f1", night, AlertFiring))
	second := alert.Offers[0]
	second.Target = Target{Kind: "postgres", Name: "users"}
	alert.Offers = append(alert.Offers, second)
	s.do(alert)
	for _, id := range []string{"INC-1/P1", "INC-1/P2"} {
		s.want(s.do(Ready{Proposal: id, Generation: 1, Plan: planBytes(t, 1, "pg-2")}), CodeAccepted, "ready for approval")
	}
	s.want(s.cast2(s.state.Proposals[0], dbaA, Approve), CodeAccepted, "starts now")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
	for i := range 2 {
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: i, State: StepDone})
	}
	s.state.Proposals[1].ExpiresAt = night.Add(20 * time.Minute)
	s.tick(night.Add(5 * time.Minute))
	s.pagedBecause("INC-1: Fail over on postgres/orders is done, and Fail over on postgres/users still waits for a decision: PrimaryDown on orders")
	s.tick(night.Add(20 * time.Minute))
	s.pagedBecause("INC-1: Fail over on postgres/orders is done, and another approval expired: PrimaryDown on orders")
}

// What has happened without us is no decision that somebody owes, and a denial of it none that somebody has made.
func TestNobodyIsPagedForAnApprovalThatThereIsNothingToDoFor(t *testing.T) {
	t.Parallel()
	minute := func(n int) time.Time { return night.Add(time.Duration(n) * time.Minute) }
	already := func(t *testing.T) *story {
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 2, "pg-2"), Already: "pg-2 was promoted by somebody else"})
		return s
	}
	deny := func(s *story) {
		p := s.state.Proposals[0]
		s.want(s.do(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Deny, By: dbaA}), CodeAccepted, "you denied")
	}
	t.Run("its expiry pages nobody", func(t *testing.T) {
		t.Parallel()
		s := already(t)
		s.tick(minute(5))
		s.pagedBecause("INC-1 has no decision after 5m")
		s.tick(minute(60))
		s.paged("triggered 1@dba")
	})
	t.Run("who denies it does not stop the clock of what still burns", func(t *testing.T) {
		t.Parallel()
		s := already(t)
		s.now = minute(1)
		deny(s)
		s.tick(minute(5))
		s.paged("triggered 1@dba")
		s.pagedBecause("INC-1 has no decision after 5m")
		s.tick(minute(60))
		s.paged("triggered 1@dba")
	})
	t.Run("and does not acknowledge the page", func(t *testing.T) {
		t.Parallel()
		s := already(t)
		s.tick(minute(5))
		s.now = minute(6)
		deny(s)
		s.tick(minute(60))
		s.paged("triggered 1@dba")
	})
}
