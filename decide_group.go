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
		r.Steps[m].State, r.Steps[m].Tries = StepPending, Tries{} // a person let the group go on; what is done stays done
	}
	t.fillGroup(r, i, -1, "")
}

// timeGroup lets the time of the group begin; the evidence from here on is its members'.
func (t *turn) timeGroup(r *Run, i int) {
	r.Facts, r.GroupUntil = nil, time.Time{}
	if limit := r.Steps[i].Group.Timeout; limit > 0 {
		r.GroupUntil = t.now.Add(limit)
	}
}

// fillGroup begins members that have not begun, as far as AtOnce allows. note says why member again begins once more.
func (t *turn) fillGroup(r *Run, i, again int, note string) {
	room := AtOnce - len(r.AtWork())
	for _, m := range r.remaining(i) {
		if room <= 0 {
			return
		}
		if r.Steps[m].State != StepPending {
			continue
		}
		why := ""
		if m == again {
			why = note
		}
		t.attempt(r, m, why)
		room--
	}
}

// endMember goes on with a group of which a member has ended, or is to begin once more. What is at work is never
// cancelled; a further member begins only while none has ended badly, and the group ends when none is at work.
func (t *turn) endMember(r *Run, i, again int, note string) Answer {
	left := r.remaining(i)
	if len(left) == 0 {
		return t.passOn(r)
	}
	stop := t.groupStop(r, i)
	switch {
	case stop == "":
		r.clear(again)
		t.fillGroup(r, i, again, note)
	case again >= 0:
		t.endUndone(r, again, note, stop)
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

// clear makes member i, which was seen not to have happened, one that has not begun; none where i is negative.
func (r *Run) clear(i int) {
	if i < 0 {
		return
	}
	s := &r.Steps[i]
	s.Touched = s.mayHold()
	if s.State != StepStarted {
		s.Tries = Tries{} // it was looked at: its time begins anew
	}
	s.State = StepPending
}

// endUndone ends a member of which the last attempt did nothing, because no further one may begin now. Left pending it
// would begin by itself as soon as the reason is over, after people were told that it does not.
func (t *turn) endUndone(r *Run, i int, note, stop string) {
	t.moveStep(r, i, EvStepFailed)
	s := &r.Steps[i]
	s.EndedAt, s.Note = t.now, fmt.Sprintf("%s, and it does not begin again: %s", note, stop)
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
