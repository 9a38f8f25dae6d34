package pointsman

import (
	"fmt"
	"slices"
	"time"
)

var engine = Actor{Door: DoorEngine}

// owned finds the run of an engine's command. The store has already refused a stale epoch; here it is noted.
func (t *turn) owned(id string, epoch int64) (*Run, Answer, bool) {
	r := t.run(id)
	if r == nil {
		return nil, answer(CodeNotFound, "there is no run %s", id), false
	}
	if epoch < r.Epoch {
		return nil, answer(CodeConflict, "%s is owned under epoch %d, this write comes from epoch %d", id, r.Epoch, epoch), false
	}
	r.Epoch = epoch
	return r, Answer{}, true
}

// startRun lets a queued run begin if the approval still stands and the fresh facts lie within it; else nothing is
// done, the lock is free and the new card shows the difference.
func (t *turn) startRun(c StartRun) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	r.Facts = c.Facts
	r.learn(c.Facts)
	if why := t.voidedBy(r, c); why != "" {
		return t.void(r, why)
	}
	t.moveRun(r, EvRunStarted)
	r.StartedAt, r.Until = t.now, t.deadline(r)
	t.state.Incident.Marks.Started = t.now
	t.say(EvRunStarted, engine, fmt.Sprintf("%s started: %s, plan %s", r.ID, r.Title, ShortDigest(r.Digest)), aboutRun(r), with(c.Facts))
	t.begin(r, "")
	return Answer{Code: CodeAccepted, Text: r.ID + " started", ID: r.ID}
}

func (t *turn) voidedBy(r *Run, c StartRun) string {
	if why := t.heldBack(r); why != "" {
		return why
	}
	if no := Refusals(c.Facts); len(no) > 0 {
		return sentences(no)
	}
	p := t.proposal(r.Proposal)
	if p == nil || p.Digest != r.Digest || Digest(r.Plan) != r.Digest {
		return "the plan of the run is not the approved one"
	}
	if until := p.DecidedAt.Add(p.Policy.Lasts()); !t.now.Before(until) {
		return fmt.Sprintf("the approval of %s lasted until %s and the run had not begun", Clock(p.DecidedAt), Clock(until))
	}
	// Somebody who left or lost the role between the click and now does not count any more.
	var still []Person
	for _, v := range p.Approvers() {
		if now, known := c.People[v.ID]; known {
			still = append(still, now)
		}
	}
	if st := p.Policy.Count(still); !st.Met {
		return fmt.Sprintf("only %s of the needed approvals still stand with today's roles", st)
	}
	if inc := t.state.Incident; !p.Requester.Known() && !inc.Burning() {
		return "every alert resolved before the start"
	}
	return ""
}

func (t *turn) void(r *Run, why string) Answer {
	t.moveRun(r, EvRunVoided)
	r.EndedAt, r.Note = t.now, why
	t.say(EvRunVoided, engine, fmt.Sprintf("%s was not started and nothing was changed: %s", r.ID, why), aboutRun(r), reason(why), with(r.Facts))
	t.unapprove(r, why)
	if inc := &t.state.Incident; inc.Escalate.After > 0 && !t.quiet(r) {
		inc.EscalateAt = t.now.Add(inc.Escalate.After) // the decision that had stopped the clock is gone
	}
	t.settleIncident(engine)
	return Answer{Code: CodeChanged, Text: why, ID: r.ID}
}

// unapprove: the approval is used up by a run that is not carried out. The plan is checked again and needs every vote anew.
func (t *turn) unapprove(r *Run, why string) {
	p := t.proposal(r.Proposal)
	if p == nil {
		return
	}
	p.Votes, p.ExpiresAt, p.Run, p.Changed = nil, time.Time{}, "", []string{why}
	p.DecidedBy, p.DecidedAt = "", time.Time{}
	t.again(p, engine, fmt.Sprintf("%s is checked again; its approval is void", p.ID))
}

// begin commits the intent of the current step, or of the members of its group.
func (t *turn) begin(r *Run, note string) {
	if t.halted(r) {
		return
	}
	i := r.Current()
	if i >= len(r.Steps) {
		t.finish(r, engine)
		return
	}
	if why := t.late(r); why != "" {
		t.park(r, fmt.Sprintf("%s was not begun: %s", r.whole(i), why))
		return
	}
	why := t.heldBack(r)
	if r.Halt != "" {
		why = r.Halt
	}
	if why != "" {
		t.park(r, fmt.Sprintf("%s was not begun: %s; after that, retry goes on", r.whole(i), why))
		return
	}
	if !t.decideWhen(r, i) {
		return
	}
	if r.Steps[i].Group.Name != "" {
		t.enterGroup(r, i)
		return
	}
	t.attempt(r, i, note)
}

// attempt commits the intent of one step.
func (t *turn) attempt(r *Run, i int, note string) {
	s := &r.Steps[i]
	s.Touched = s.mayHold()
	if s.State == StepFailed || !s.Unsent() {
		s.Tries = Tries{}
	}
	t.moveStep(r, i, EvStepStarted)
	s.Attempt++
	s.Slow, s.Lost = false, false
	if len(s.Memo) > 0 {
		s.Earlier = s.Memo // what it did stays to be undone, also where this attempt finds it done
	}
	s.StartedAt, s.EndedAt, s.Memo, s.Note, s.Duty = t.now, time.Time{}, nil, "", Duty{}
	s.Gate = Gate{Policy: s.Gate.Policy}
	if s.Harder() {
		s.Summary = r.harderSummary(i)
	}
	text := r.Nth(i) + ": " + s.Summary
	if s.Attempt > 1 {
		text = fmt.Sprintf("%s, attempt %d: %s", r.Nth(i), s.Attempt, s.Summary)
	}
	if note != "" {
		text += " (" + note + ")"
	}
	t.say(EvStepStarted, engine, text, atStep(r, i))
}

func (t *turn) finish(r *Run, by Actor) {
	t.moveRun(r, EvRunDone)
	r.EndedAt = t.now
	t.state.Incident.Marks.Ended = t.now
	from := r.StartedAt
	if from.IsZero() {
		from = r.QueuedAt
	}
	r.Note = fmt.Sprintf("all %d steps done%s in %s", Positions(r.Steps), r.seen(), Span(t.now.Sub(from)))
	t.say(EvRunDone, by, fmt.Sprintf("%s done: %s, %s", r.ID, r.Title, r.Note), aboutRun(r), with(r.Facts))
	t.remember(r)
	for i := range t.state.Proposals {
		p := &t.state.Proposals[i]
		instead := r.Mode != ModeDrill || p.Mode == ModeDrill // what fires beside an exercise still has no decision
		if p.ID != r.Proposal && (p.Open() || p.State == ProposalExpired) && p.Target == r.Target && r.Holds && instead {
			t.withdraw(p, by, r.Runbook+" was carried out instead")
		}
	}
	t.settleIncident(by)
	t.stillUndecided()
}

// seen says how it is known that the steps are done.
func (r Run) seen() string {
	n, skipped := 0, 0
	for _, s := range r.Steps {
		if s.MarkedBy != "" {
			n++
		}
		if s.State == StepSkipped {
			skipped++
		}
	}
	switch {
	case n == 0 && skipped == 0:
		return " and verified"
	case skipped == 0:
		return fmt.Sprintf(", %d of them on a person's word,", n)
	case n == 0:
		return fmt.Sprintf(" but %d skipped", skipped)
	}
	return fmt.Sprintf(" but %d skipped, %d on a person's word,", skipped, n)
}

// current checks that a command speaks of a step that is at work.
func (t *turn) current(r *Run, step int) (Answer, bool) {
	if !slices.Contains(r.AtWork(), step) {
		return answer(CodeConflict, "step %s of %s is not at work: the run is %s at step %d", r.At(step), r.ID, r.State, r.At(r.Current()).N), false
	}
	return Answer{}, true
}

// endStep takes the outcome of a step and, when it is done, commits the intent of the next one in the same turn.
func (t *turn) endStep(c EndStep) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	if n := r.Steps[c.Step].Attempt; c.Attempt > 0 && c.Attempt != n {
		return answer(CodeConflict, "step %s of %s is at attempt %d, not %d", r.At(c.Step), r.ID, n, c.Attempt)
	}
	events := map[StepState]EventType{StepDone: EvStepDone, StepRefused: EvStepRefused, StepFailed: EvStepFailed, StepUnknown: EvStepUnknown}
	ev, known := events[c.State]
	if !known {
		return answer(CodeInvalid, "%q is no outcome of a step", c.State)
	}
	if c.State == StepDone && r.Steps[c.Step].Kind == KindGate {
		return answer(CodeInvalid, "step %s of %s is a gate; only votes open it", r.At(c.Step), r.ID)
	}
	s := &r.Steps[c.Step]
	own := s.State == StepStarted // of what was taken over nobody knows that nothing was sent
	t.moveStep(r, c.Step, ev)
	if c.Unsent && own && c.State == StepFailed {
		s.sentNothing()
	}
	s.EndedAt, s.Note, r.Facts = t.now, c.Note, r.evidence(*s, c.Facts)
	r.learn(c.Facts)
	took := Span(t.now.Sub(s.StartedAt))
	t.say(ev, engine, fmt.Sprintf("%s, %s: %s after %s%s", r.Nth(c.Step), s.Name, c.State, took, because(c.Note)), atStep(r, c.Step), with(c.Facts))
	if s.Group.Name != "" {
		return t.endMember(r, c.Step, nil)
	}
	if c.State == StepFailed && s.HarderFrom == s.Attempt+1 && r.Wish.Verb == "" {
		t.begin(r, "ungraceful now")
		return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
	}
	if c.State != StepDone && r.Wish.Verb == VerbAbort {
		return t.abort(r, r.Wish.By, r.Wish.Reason)
	}
	if c.State != StepDone {
		t.parkAsking(r, c.State == StepRefused, r.ended(c.Step), because(c.Note), c.Facts)
		return Answer{Code: CodeAccepted, Text: r.Note, ID: r.ID}
	}
	return t.passOn(r)
}

// overtaken: the alerts that asked for the run are gone while its first point of no return still lies ahead. Behind it
// a halt would leave the work half done, which is worse than either end.
func (t *turn) overtaken(r *Run) bool {
	p := t.proposal(r.Proposal)
	if p == nil || p.Requester.Known() || t.state.Incident.Burning() || r.Regardless {
		return false
	}
	ahead := false
	for i, s := range r.Steps {
		if s.Irreversible && s.mayHold() {
			return false
		}
		ahead = ahead || s.Irreversible && i >= r.Current()
	}
	return ahead
}

func (t *turn) park(r *Run, why string) {
	t.moveRun(r, EvRunParked)
	r.Note, r.WakeAt = why, time.Time{}
	if r.Wish.Verb != VerbAbort {
		r.Wish = Wish{} // a parked run waits for a person, as the pause wanted
	}
	t.say(EvRunParked, engine, fmt.Sprintf("%s is parked and needs a person: %s", r.ID, why), aboutRun(r), reason(why), with(r.Facts))
	t.pageFor(r, engine, fmt.Sprintf("%s is parked and needs a person: %s", r.ID, why))
}
