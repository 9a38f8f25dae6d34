package pointsman

import "fmt"

// relook asks for fresh evidence because what holds runs back is different now. Each generation is looked at again once,
// whichever replica noticed it.
func (t *turn) relook(c Relook) Answer {
	p := t.proposal(c.Proposal)
	switch {
	case p == nil:
		return answer(CodeNotFound, "there is no proposal %s", c.Proposal)
	case p.Generation != c.Generation || p.State != ProposalReady && p.State != ProposalRefused:
		return answer(CodeDuplicate, "%s is not as it was looked at any more", p.ID)
	}
	t.again(p, Actor{Door: DoorEngine}, fmt.Sprintf("%s is checked again: %s", p.ID, c.Why))
	return Answer{Code: CodeAccepted, Text: "the checks of " + p.ID + " run again", ID: p.ID}
}
