package pointsman

import "testing"

// Two replicas notice the end of a lock; one of them is enough, and what was decided meanwhile stays decided.
func TestALookAgainCountsOncePerGeneration(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.ready(1)
	look := Relook{Proposal: p.ID, Generation: p.Generation, Why: "nothing holds it back any more"}
	s.want(s.do(look), CodeAccepted, "run again")
	if got := s.last(EvProposalRecheck); got != "INC-1/P1 is checked again: nothing holds it back any more" {
		t.Errorf("the log says %q", got)
	}
	s.want(s.do(look), CodeDuplicate, "is not as it was looked at any more")
	s.want(s.do(Relook{Proposal: "INC-1/P9", Generation: 1}), CodeNotFound, "there is no proposal")

	s = begin(t)
	s.approved()
	p = s.state.Proposals[0]
	s.want(s.do(Relook{Proposal: p.ID, Generation: p.Generation}), CodeDuplicate, "any more")
	if s.state.Proposals[0].State != ProposalApproved {
		t.Errorf("an approved proposal is %s", s.state.Proposals[0].State)
	}
}

// A run that waits shows a freeze at once; one that is over has nothing to show.
func TestAFreezeIsToldToOpenRuns(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.approved()
	before := s.state
	s.want(s.do(TellHold{Run: "INC-1/R1", Text: "the freeze is over"}), CodeAccepted, "told")
	if got := s.last(EvRunHeld); got != "INC-1/R1: the freeze is over" || !same(before, s.state) {
		t.Errorf("the log says %q, and the state changed: %t", got, !same(before, s.state))
	}
	s.want(s.do(TellHold{Run: "INC-1/R9", Text: "the freeze is over"}), CodeNotFound, "there is no run")
	s.want(s.cast(dbaB, Deny, s.state.Proposals[0].Digest), CodeAccepted, "nothing will run")
	s.want(s.do(TellHold{Run: "INC-1/R1", Text: "the freeze is over"}), CodeDuplicate, "is aborted; nothing holds it")
}
