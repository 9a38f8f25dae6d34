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
	t.again(p, engine, fmt.Sprintf("%s is checked again: %s", p.ID, c.Why))
	return Answer{Code: CodeAccepted, Text: "the checks of " + p.ID + " run again", ID: p.ID}
}

// tellHold puts the beginning or the end of a freeze into the incident of a run that is open, so that its card shows it.
func (t *turn) tellHold(c TellHold) Answer {
	r := t.run(c.Run)
	switch {
	case r == nil:
		return answer(CodeNotFound, "there is no run %s", c.Run)
	case r.State.Terminal():
		return answer(CodeDuplicate, "%s is %s; nothing holds it", r.ID, r.State)
	}
	t.say(EvRunHeld, engine, fmt.Sprintf("%s: %s", r.ID, c.Text), aboutRun(r))
	return Answer{Code: CodeAccepted, Text: "told", ID: r.ID}
}
