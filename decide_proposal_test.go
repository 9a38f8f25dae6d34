package pointsman

import (
	"strings"
	"testing"
	"time"
)

// At night the question is whether something has to be done. That too few could approve it is no answer to that.
func TestWhatHasHappenedIsToldBeforeWhatWouldStandInItsWay(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	few := Fact{Guard: "G12", Kind: Hard, Name: "approvers", Result: Fail, Text: "approval needs 2 of dba, but only 1 is there"}
	ready := Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 2, "pg-2"), Facts: []Fact{few}, Already: "pg-2 was promoted by somebody else"}
	s.want(s.do(ready), CodeAccepted, "postgres-failover has nothing to do: pg-2 was promoted by somebody else")
	p := s.state.Proposals[0]
	if p.State != ProposalReady || s.count(EvProposalRefused) != 0 {
		t.Fatalf("the proposal is %s", p.State)
	}
	s.want(s.cast2(p, dbaA, Approve), CodeInvalid, "there is nothing to do: pg-2 was promoted by somebody else")
	s.now = s.now.Add(10 * time.Minute)
	s.do(Tick{Incident: "INC-1"})
	if says := s.last(EvIncidentUpdate); !strings.Contains(says, "Fail over has nothing to do: pg-2 was promoted by somebody else.") {
		t.Errorf("the update says %q", says)
	}

	s.want(s.do(Recheck{Proposal: p.ID, By: dbaA}), CodeAccepted, "run again")
	ready.Generation, ready.Already = 2, "" // pg-2 is gone again
	s.want(s.do(ready), CodeAccepted, "approval needs 2 of dba, but only 1 is there")
	if p := s.state.Proposals[0]; p.State != ProposalRefused {
		t.Fatalf("the proposal is %s, and what stands in its way counts again", p.State)
	}
}

// A request that was made by a clock that was ahead lasts longer than its votes may.
func TestNoVoteCountsForLongerThanAnApprovalLasts(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.ready(2)
	s.state.Proposals[0].ExpiresAt = p.ExpiresAt.Add(time.Hour)
	s.want(s.cast(dbaA, Approve, p.Digest), CodeCounted, "1 of 2")
	s.now = s.now.Add(p.Policy.Lasts())
	s.want(s.cast(dbaB, Approve, p.Digest), CodeExpired, "INC-1/P1 expired")
	if s.count(EvRunQueued) != 0 {
		t.Error("a vote counted that was too old")
	}
}
