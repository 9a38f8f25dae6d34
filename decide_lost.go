package pointsman

import (
	"fmt"
	"time"
)

// leap is by how much numbers leap after a loss of the log's end: more than were given out in it. What had one of them, a
// run that works under its name, a card, a page, a lock, must not meet another thing of the same name.
const leap = 1000

// leap is by how much the numbers leap after this loss.
func (c LoseEnd) leap() int64 { return leap * max(c.Leaps, 1) }

// loseEnd is for an incident of which the record may be older than the world. What ran may have gone further than the
// record says, or may be over; nothing of it is begun again until a person has looked, and no vote that was cast before
// counts for what happens after. One that is over may be opened again, so its numbers leap as well.
func (t *turn) loseEnd(c LoseEnd) Answer {
	inc := &t.state.Incident
	switch {
	case c.Incident == "":
		return t.loseTokens(c)
	case inc.State == "":
		return answer(CodeNotFound, "there is no incident %s", c.Incident)
	}
	inc.Proposals += int(c.leap())
	inc.RunCount += int(c.leap())
	inc.Paged = inc.lastPage() + int(c.leap()) // a page of the lost part may be acknowledged
	if inc.State != IncidentOpen {
		text := fmt.Sprintf("%s is %s; should it be opened again, its next proposal is P%d and its next run R%d: %s", inc.ID, inc.State, inc.Proposals+1, inc.RunCount+1, c.Text)
		t.say(EvServerState, engine, text)
		return Answer{Code: CodeAccepted, Text: text, ID: inc.ID}
	}
	for i := range t.state.Runs {
		t.loseRun(&t.state.Runs[i], c)
	}
	for i := range t.state.Proposals {
		t.loseVotes(&t.state.Proposals[i], c.Text)
	}
	if _, open := t.state.OpenRun(); !open && !inc.Burning() {
		t.withdrawUnasked(engine) // the incident stays open: what was given up may have been begun, and a person must look
	}
	t.page(engine, fmt.Sprintf("%s needs a person: %s", inc.ID, c.Text))
	return Answer{Code: CodeAccepted, Text: c.Text, ID: inc.ID}
}

// loseVotes: a vote may have been used up in the part that is lost, or taken back, also one on a proposal that was just being
// checked or refused. So may the answer be that is awaited: only one that is asked for from now on is taken.
func (t *turn) loseVotes(p *Proposal, why string) {
	if !p.Open() { // the votes on one that has expired count for nothing
		return
	}
	votes := p.Votes
	p.Votes, p.ExpiresAt = nil, time.Time{}
	switch {
	case p.State == ProposalReady:
		t.again(p, engine, fmt.Sprintf("%s is checked again and its votes are gone: %s", p.ID, why))
		return
	case len(votes) > 0:
		t.say(EvVotesVoided, engine, fmt.Sprintf("the votes on %s are gone: %s", p.ID, why), about(p), with(votes))
	}
	p.Generation++
}

// loseTokens lets the fencing token of a target leap, or that of the freeze. Where a run holds the target, that is done with
// the run: each may have no other token than its target.
func (t *turn) loseTokens(c LoseEnd) Answer {
	if l, held := t.holder(c.Target); held {
		return answer(CodeDuplicate, "%s", l.Sentence())
	}
	p := t.protection(c.Target)
	p.Token += c.leap()
	text := fmt.Sprintf("the fencing token of %s goes on after %d: %s", orEverything(c.Target), p.Token, c.Text)
	t.say(EvServerState, engine, text, func(ev *Event) { ev.Incident, ev.Target = "", c.Target })
	return Answer{Code: CodeAccepted, Text: text, ID: c.Target}
}

func orEverything(target string) string {
	if target == Everything {
		return "everything"
	}
	return target
}

// loseRun takes a run out of the engine's hands until a person has looked: one that was not begun is given up and its plan
// checked again, any other that is not at its end is parked, also one that stood still, because a person may have let it
// go on in the part that is lost.
func (t *turn) loseRun(r *Run, c LoseEnd) {
	why := c.Text
	if r.Holds && r.Token > 0 && !r.State.Terminal() {
		p := t.protection(r.Target.Key())
		p.Token += c.leap()
		r.Token = p.Token // whether somebody held the target since, a person says who lets the run go on
	}
	switch {
	case r.State.Terminal():
		return
	case r.State == RunQueued:
		t.moveRun(r, EvRunVoided)
		r.EndedAt, r.Note = t.now, why
		look := fmt.Sprintf("look before you approve again, %s may have been begun in the part that is lost: %s", r.ID, why) // a card cuts the end
		t.say(EvRunVoided, engine, fmt.Sprintf("%s is given up; %s", r.ID, look), aboutRun(r), reason(why))
		t.unapprove(r, look)
		return
	case r.Wish.Verb == VerbAbort && (r.State == RunUndoing || r.State == RunParked):
		// It only goes back from here, so no step can have begun; the wish stays, and with it abort as the only decision.
		t.loseUndoing(r)
	default:
		r.loseDone()
		t.loseSteps(r)
		r.Wish = Wish{} // it may have been carried out, or taken back
	}
	t.moveRun(r, EvRunParked)
	r.Note, r.WakeAt = why, time.Time{}
	t.say(EvRunParked, engine, fmt.Sprintf("%s is parked and needs a person: %s", r.ID, why), aboutRun(r), reason(why))
}

// loseSteps: also the steps after the one at work may have been carried out. Each counts as attempted, so that whoever
// begins it, on a person's word or after the step before it, looks first whether it has happened.
func (t *turn) loseSteps(r *Run) {
	for at := r.Current(); at < len(r.Steps); at++ {
		s := &r.Steps[at]
		if s.over() {
			continue
		}
		s.Touched, s.Tries = s.Kind != KindGate, Tries{} // what is refused on record, or was not sent, may have been tried again with more luck
		if s.State != StepPending && s.State != StepStarted {
			continue
		}
		t.moveStep(r, at, EvStepUnknown)
		s.Lost = s.Lost || s.Attempt == 0
		s.Attempt, s.EndedAt, s.Gate = max(s.Attempt, 1), time.Time{}, Gate{Policy: s.Gate.Policy}
		if s.StartedAt.IsZero() {
			s.StartedAt = t.now // the latest moment at which it may have begun; its deadline is counted from here
		}
		t.say(EvStepUnknown, engine, fmt.Sprintf("%s, %s: whether it was done is not on record", r.Nth(at), s.Name), atStep(r, at))
	}
}

// loseDone: a person may have aborted the run in the lost part, and what is done on record may have been undone since. Undone
// once more it could take back what somebody did after that, so it is left to a person, who looks first.
func (r *Run) loseDone() {
	plan, err := DecodePlan(r.Plan)
	for i := range r.Steps {
		if s := &r.Steps[i]; s.State == StepDone && (err != nil || i < len(plan.Steps) && plan.Steps[i].Undo) {
			s.MaybeUndone = true
		}
	}
}

func (t *turn) loseUndoing(r *Run) {
	at := r.Undoing()
	if at < 0 {
		return
	}
	t.moveStep(r, at, EvStepNotUndone)
	s := &r.Steps[at]
	s.Note = "whether it was undone is not on record"
	t.say(EvStepNotUndone, engine, fmt.Sprintf("%s, %s: %s", r.Nth(at), s.Name, s.Note), atStep(r, at))
}

// goTo goes on with the position at which the run stands. What is under way there is observed, not begun. What only counts
// as attempted since the log lost its end is asked for its condition first, and a group then has its time.
func (t *turn) goTo(r *Run) {
	i := r.Current()
	switch {
	case !r.underWay():
		t.begin(r, "")
	case r.Steps[i].Lost && t.decideWhen(r, i) && r.Steps[i].Group.Name != "":
		t.timeGroup(r, i)
	}
}
