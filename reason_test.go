package pointsman

import (
	"testing"
	"time"
)

// TestAnApprovalThatLacksItsReasonIsAskedForIt: a click brings none, so the door asks for it and votes again. Until then
// nothing is counted, nothing is refused on record, and nobody is let off the page.
func TestAnApprovalThatLacksItsReasonIsAskedForIt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	plan, err := DecodePlan(planBytes(t, 1, "pg-2"))
	if err != nil {
		t.Fatal(err)
	}
	plan.Policy.ReasonRequired = true
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
	s.want(s.cast(eve, Approve, Digest(raw)), CodeNotAllowed, "none of the roles")
	refused := s.count(EvVoteRefused)
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeInvalid, "postgres-failover needs a reason")
	if p := s.state.Proposals[0]; len(p.Votes) > 0 || p.State != ProposalReady || s.count(EvVoteRefused) != refused {
		t.Fatalf("%s with %d votes, %d more refusals", p.State, len(p.Votes), s.count(EvVoteRefused)-refused)
	}
	s.want(s.do(CastVote{Proposal: "INC-1/P1", Digest: Digest(raw), Verdict: Approve, Reason: "pg-1 is gone", By: dbaA}), CodeAccepted, "approved")
}

func TestAGateThatWantsAReasonOpensWithNoneForNobody(t *testing.T) {
	t.Parallel()
	s := atGate(t)
	s.state.Runs[0].Steps[1].Gate.Policy = Policy{Require: []Requirement{{Count: 1, Role: "dba"}}, Expires: 10 * time.Minute, ReasonRequired: true}
	s.want(s.gate(dbaB, Approve), CodeInvalid, "the gate of INC-1/R1 needs a reason")
	s.stands(RunWaiting, StepStarted)
	if n := len(s.state.Runs[0].Steps[1].Gate.Votes); n > 0 || s.count(EvVoteRefused) > 0 {
		t.Fatalf("%d votes, %d refusals", n, s.count(EvVoteRefused))
	}
	r := s.state.Runs[0]
	s.want(s.do(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest[:12], Verdict: Approve, Reason: "the lag is gone", By: dbaB}), CodeAccepted, "the gate is open")
}
