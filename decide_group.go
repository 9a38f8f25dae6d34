package pointsman

import (
	"fmt"
	"slices"
	"time"
)

// enterGroup commits the first intents of the group at which the run stands, in one turn: members begin together.
func (t *turn) enterGroup(r *Run, i int) {
	t.timeGroup(r, i)
	for _, m := range r.remaining(i) {
		r.Steps[m].Touched = r.Steps[m].mayHold()
		r.Steps[m].restart() // a person let the group go on; what is done stays done
		r.Steps[m].Tries = Tries{}
	}
	t.fillGroup(r, i, nil)
}

// timeGroup lets the time of the group begin; the evidence from here on is its members'.
func (t *turn) timeGroup(r *Run, i int) {
	r.Facts, r.GroupUntil = nil, time.Time{}
	if limit := r.Steps[i].Group.Timeout; limit > 0 {
		r.GroupUntil = t.now.Add(limit)
	}
}

// fillGroup begins members that have not begun, as far as AtOnce allows. again says why one of them begins once more.
func (t *turn) fillGroup(r *Run, i int, again *RetryStep) {
	room := AtOnce - len(r.AtWork())
	for _, m := range r.remaining(i) {
		if room <= 0 {
			return
		}
		if r.Steps[m].State != StepPending {
			continue
		}
		why := ""
		if again != nil && m == again.Step {
			why = again.Note
		}
		t.attempt(r, m, why)
		room--
	}
}

// endMember goes on with a group of which a member has ended, or is to begin once more; again is nil where none is. What is
// at work is never cancelled; a further member begins only while none has ended badly, and the group ends when none is at work.
func (t *turn) endMember(r *Run, i int, again *RetryStep) Answer {
	left := r.remaining(i)
	if len(left) == 0 {
		return t.passOn(r)
	}
	stop := t.groupStop(r, i)
	switch {
	case stop == "":
		r.clear(again)
		t.fillGroup(r, i, again)
	case again != nil:
		t.endUndone(r, again, stop)
	}
	if len(r.AtWork()) > 0 {
		return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
	}
	if r.Wish.Verb == VerbAbort {
		return t.abort(r, r.Wish.By, r.Wish.Reason)
	}
	why := r.cameTo(i)
	if !slices.ContainsFunc(left, func(m int) bool { return r.Steps[m].State != StepPending }) {
		why = fmt.Sprintf("%s is not done: %s; retry goes on with what is left of it", r.whole(i), stop)
	}
	t.park(r, why)
	return Answer{Code: CodeAccepted, Text: r.Note, ID: r.ID}
}

// clear makes the step that is to begin once more one that has not begun. What an attempt of it may have touched is
// remembered, of this one or of an earlier one: an attempt that sent nothing takes nothing back.
func (r *Run) clear(again *RetryStep) {
	if again == nil {
		return
	}
	s := &r.Steps[again.Step]
	nothing := again.sentNothing(*s)
	s.Touched = s.Touched || !nothing && s.mayHold()
	if s.State != StepStarted || nothing {
		s.Tries = Tries{} // it was looked at, or its time was over: that begins anew
	}
	s.restart()
}

// sentNothing reports whether the attempt is known to have sent nothing. A process that died may have sent it before it
// could say so; whoever took the step over cannot know.
func (c *RetryStep) sentNothing(s RunStep) bool { return c.Unsent && s.State == StepStarted }

// endUndone ends a member of which the last attempt did nothing, because no further one may begin now. Left pending it
// would begin by itself as soon as the reason is over, after people were told that it does not.
func (t *turn) endUndone(r *Run, again *RetryStep, stop string) {
	i := again.Step
	s := &r.Steps[i]
	if again.sentNothing(*s) {
		s.sentNothing()
	}
	t.moveStep(r, i, EvStepFailed)
	s.EndedAt, s.Note = t.now, fmt.Sprintf("%s, and it does not begin again: %s", again.Note, stop)
	t.say(EvStepFailed, engine, fmt.Sprintf("%s, %s: %s after %s%s", r.Nth(i), s.Name, s.State, Span(t.now.Sub(s.Began())), because(s.Note)), atStep(r, i))
}

// groupStop says why no further member of the group begins; empty where one may.
func (t *turn) groupStop(r *Run, i int) string {
	for _, m := range r.remaining(i) {
		if s := r.Steps[m]; s.State != StepPending && !s.open() {
			return r.one(m) + " is " + string(s.State)
		}
	}
	if r.Wish.Verb == VerbAbort { // a pause waits for the group, which is one step
		return "the run is being aborted"
	}
	if !r.GroupUntil.IsZero() && !t.now.Before(r.GroupUntil) {
		return fmt.Sprintf("its time of %s was over", Span(r.Steps[i].Group.Timeout))
	}
	if why := t.late(r); why != "" {
		return why
	}
	if r.Halt != "" {
		return r.Halt
	}
	return t.heldBack(r)
}

// underWay reports whether an attempt at the position where the run stands waits for its outcome or to be observed.
func (r Run) underWay() bool {
	return slices.ContainsFunc(r.remaining(r.Current()), func(i int) bool { return r.Steps[i].open() })
}

// evidence is what is known after a step has ended; members of a group add theirs to each other's.
func (r Run) evidence(s RunStep, found []Fact) []Fact {
	if s.Group.Name == "" {
		return found
	}
	return slices.Concat(r.Facts, found)
}

// passOn goes on after a step that is done, or a group of which every member is.
func (t *turn) passOn(r *Run) Answer {
	if r.Wish.Verb == "" && t.overtaken(r) {
		t.park(r, "every alert resolved during the run, before anything irreversible was done; a person decides whether to go on")
		return Answer{Code: CodeAccepted, Text: r.Note, ID: r.ID}
	}
	if r.Wish.Verb == "" {
		t.goTo(r)
	} else {
		t.begin(r, "")
	}
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

// ended says how a step ended that is not done.
func (r Run) ended(i int) string {
	switch r.Steps[i].State {
	case StepUnknown:
		return "the outcome of " + r.one(i) + " is unknown"
	case StepRefused:
		return r.one(i) + " was refused"
	}
	return r.one(i) + " " + string(r.Steps[i].State)
}
