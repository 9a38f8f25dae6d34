package pointsman

import (
	"strings"
	"testing"
	"time"
)

// besideRefused is an approval for which two are needed, beside another runbook that a guard refuses.
func (s *story) besideRefused(need int) Proposal {
	s.t.Helper()
	c := webhook(primaryDown("f1", night, AlertFiring))
	other := c.Offers[0]
	other.Runbook, other.Title, other.Priority = "postgres-replica-recovery", "Recover a replica", 1
	c.Offers = append(c.Offers, other)
	s.do(c)
	for _, p := range s.state.Proposals {
		ready := Ready{Proposal: p.ID, Generation: 1, Plan: planBytes(s.t, need, "pg-2")}
		if p.Runbook == other.Runbook {
			ready.Facts = []Fact{{Guard: "G1", Kind: Hard, Name: "primary", Value: "gone", Result: Fail, Text: "there is no primary to follow"}}
		}
		s.do(ready)
	}
	p := s.state.Proposals[0]
	if p.State != ProposalReady || s.state.Proposals[1].State != ProposalRefused {
		s.t.Fatalf("%s is %s, the other %s", p.Runbook, p.State, s.state.Proposals[1].State)
	}
	return p
}

// A guard's refusal leaves nothing to decide; an approval that nobody gave in time does, and so it is what people are told of.
func TestAnApprovalThatExpiredComesBeforeWhatAGuardRefuses(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.besideRefused(2)
	s.cast(dbaA, Approve, p.Digest)
	s.now = night.Add(20 * time.Minute)
	s.do(Tick{Incident: "INC-1"})
	if first := Ranked(s.state.Proposals)[0]; first.ID != p.ID || first.State != ProposalExpired {
		t.Errorf("first is %s, which is %s", first.ID, first.State)
	}
	const says = "Fail over expired with 1 of 2 approvals; Check and ask again, on its card, starts anew."
	if got := s.last(EvIncidentUpdate); !strings.Contains(got, says) {
		t.Errorf("the update says %q", got)
	}
	s.want(s.cast(dbaB, Approve, p.Digest), CodeExpired, "which is not a denial; Check and ask again, on its card, starts anew")
}

// After the failover nobody must be offered to ask for the other one again, which they let expire.
func TestWhatExpiredIsWithdrawnWhenAnotherRunbookWasCarriedOut(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.besideRefused(1)
	s.now = night.Add(15 * time.Minute)
	s.do(Tick{Incident: "INC-1"})
	other := s.state.Proposals[1]
	s.do(Recheck{Proposal: other.ID, By: dbaB})
	s.do(Ready{Proposal: other.ID, Generation: 2, Plan: planBytes(t, 1, "pg-2")})
	s.want(s.cast2(s.state.Proposals[1], dbaA, Approve), CodeAccepted, "starts now")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
	for i := range 2 {
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: i, State: StepDone})
	}
	if r, old := s.state.Runs[0], s.state.Proposals[0]; r.State != RunDone || old.ID != p.ID || old.State != ProposalWithdrawn {
		t.Errorf("the run is %s, what expired is %s", r.State, old.State)
	}
}
