package pointsman

import (
	"fmt"
	"strings"
)

// steer carries out an operator's decision on a run that waits for one.
func (t *turn) steer(c Steer) Answer {
	r := t.run(c.Run)
	if r == nil {
		return answer(CodeNotFound, "there is no run %s", c.Run)
	}
	if ans, ok := t.maySteer(r, c); !ok {
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s of %s by %s does not count: %s", c.Verb, r.ID, c.By, ans.Text), aboutRun(r), reason(c.Reason))
		ans.ID = r.ID
		return ans
	}
	t.acknowledgePage(c.By)
	r.Halt = "" // they know why it stood still
	i := r.Current()
	switch c.Verb {
	case VerbAbort:
		t.moveRun(r, EvRunAborted)
		r.EndedAt, r.Note = t.now, fmt.Sprintf("aborted by %s%s", c.By, because(c.Reason))
		t.say(EvRunAborted, c.By, fmt.Sprintf("%s %s; steps done: %d of %d", r.ID, r.Note, i, len(r.Steps)), aboutRun(r), reason(c.Reason))
		t.remember(r)
		t.settleIncident(c.By)
		return Answer{Code: CodeAccepted, Text: r.ID + " is aborted; nothing further runs", ID: r.ID}
	case VerbDone:
		if i < len(r.Steps) {
			t.moveStep(r, i, EvStepDone)
			s := &r.Steps[i]
			s.EndedAt, s.MarkedBy, s.Note = t.now, c.By.String(), fmt.Sprintf("marked done by %s%s", c.By, because(c.Reason))
			s.Result = strings.TrimSpace(c.Reason)
			t.say(EvStepDone, c.By, fmt.Sprintf("step %d of %d, %s: %s", i+1, len(r.Steps), s.Name, s.Note), atStep(r, i), reason(c.Reason))
		}
		if r.Current() >= len(r.Steps) {
			t.finish(r, c.By)
			return Answer{Code: CodeAccepted, Text: r.ID + " is done", ID: r.ID}
		}
	case VerbRetry:
		if r.Steps[i].State == StepPending && t.overtaken(r) {
			r.Regardless = true // it was parked before this step because the alerts were gone
		}
		r.Steps[i].State = StepPending // a person's decision begins the step anew, as its own recorded attempt
	}
	t.moveRun(r, EvRunWaiting)
	r.WakeAt, r.Note = t.now, fmt.Sprintf("%s by %s%s", c.Verb, c.By, because(c.Reason))
	t.say(EvRunWaiting, c.By, fmt.Sprintf("%s goes on: %s", r.ID, r.Note), aboutRun(r), reason(c.Reason))
	return Answer{Code: CodeAccepted, Text: r.ID + " goes on", ID: r.ID}
}

func (t *turn) maySteer(r *Run, c Steer) (Answer, bool) {
	p := t.proposal(r.Proposal)
	switch {
	case c.Verb != VerbRetry && c.Verb != VerbDone && c.Verb != VerbAbort:
		return answer(CodeInvalid, "%q is neither retry, done nor abort", c.Verb), false
	case r.State.Terminal():
		return answer(CodeDecided, "%s is already %s: %s", r.ID, r.State, r.Note), false
	case c.Mark != "" && c.Mark != r.Mark():
		return answer(CodeChanged, "what you saw was older than the run: %s now; look at the card again", r.Standing()), false
	case r.State == RunQueued && c.Verb != VerbAbort, r.State == RunRunning:
		return answer(CodeInvalid, "%s is %s; it takes decisions when it waits or is parked", r.ID, r.State), false
	case r.State == RunWaiting && c.Verb == VerbRetry:
		return answer(CodeInvalid, "%s waits for step %d; there is nothing to retry", r.ID, r.Current()+1), false
	case r.State == RunWaiting && c.Verb == VerbDone && !r.WakeAt.IsZero():
		return answer(CodeInvalid, "%s goes on by itself at %s", r.ID, Clock(r.WakeAt)), false
	case c.Verb == VerbDone && r.Steps[r.Current()].Kind == KindGate:
		return answer(CodeInvalid, "step %d (%s) of %s is a gate: it needs %s, who approve it on the card", r.Current()+1, r.Steps[r.Current()].Name, r.ID, r.Steps[r.Current()].Gate.Policy), false
	case r.State == RunParked && c.Verb == VerbDone && r.Steps[r.Current()].State == StepPending:
		return answer(CodeInvalid, "step %d (%s) of %s has not begun; retry goes on with it, abort ends the run", r.Current()+1, r.Steps[r.Current()].Name, r.ID), false
	case c.Verb == VerbRetry && t.heldBack(r) != "":
		return answer(CodeLocked, "%s may not go on: %s", r.ID, t.heldBack(r)), false
	case p == nil:
		return answer(CodeNotFound, "the proposal of %s is gone", r.ID), false
	}
	if i, owed := r.owed(); owed && c.Verb == VerbDone && r.Steps[i].Duty.Of(c.By) {
		return Answer{}, true // whose task it is may say that it is done, without a voice in the rest of the run
	}
	pol := p.Policy
	pol.RequesterMayApprove = true // whoever asked may carry on what others approved
	if ok, why := pol.Eligible(c.By, p.Requester); !ok {
		return answer(CodeNotAllowed, "%s", strings.Replace(why, "decide here", "steer this run", 1)), false
	}
	return Answer{}, true
}
