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
