package pointsman

import (
	"fmt"
	"time"
)

// What the owner of a running run says between the beginning of a step and its end.

// noteMemo keeps what Apply left, so that a successor can verify it.
func (t *turn) noteMemo(c NoteMemo) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	r.Steps[c.Step].Memo, r.Steps[c.Step].Note = c.Memo, c.Note
	if c.Tell {
		t.progress(r, c.Step, c.Note)
	}
	return answer(CodeAccepted, "noted")
}

func (t *turn) waitStep(c WaitStep) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	if r.Wish.Verb == VerbAbort { // said in the moment before: nothing is at work any more that it would have to wait for
		return t.abort(r, r.Wish.By, r.Wish.Reason)
	}
	if r.Steps[c.Step].Kind == KindGate {
		return t.ask(r, c.Step, c.Note)
	}
	if r.Steps[c.Step].Group.Name != "" {
		return answer(CodeInvalid, "%s of %s is a member of a group, which waits for nothing while others are at work", r.one(c.Step), r.ID)
	}
	t.moveRun(r, EvRunWaiting)
	r.WakeAt, r.Note, r.Steps[c.Step].Note = c.Until.UTC().Truncate(time.Microsecond), c.Note, c.Note
	r.Steps[c.Step].Duty = Duty{Owner: c.Owner, Due: c.Due.UTC().Truncate(time.Microsecond)}
	if c.Progress {
		t.progress(r, c.Step, c.Note)
		return Answer{Code: CodeAccepted, Text: c.Note, ID: r.ID}
	}
	t.say(EvRunWaiting, engine, fmt.Sprintf("%s, %s: %s", r.Nth(c.Step), r.Steps[c.Step].Name, c.Note), atStep(r, c.Step))
	return Answer{Code: CodeAccepted, Text: c.Note, ID: r.ID}
}

func (t *turn) progress(r *Run, i int, note string) {
	t.say(EvStepProgress, engine, fmt.Sprintf("%s, %s: %s", r.Nth(i), r.Steps[i].Name, note), atStep(r, i))
}

// wakeRun gives a waiting run back to a worker.
func (t *turn) wakeRun(c WakeRun) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if r.Fresh && !c.Checked {
		return answer(CodeConflict, "%s was halted by a person; what is left must be checked anew before it goes on", r.ID)
	}
	t.moveRun(r, EvRunResumed)
	r.WakeAt, r.Note = time.Time{}, ""
	r.learn(c.Facts)
	if no := Refusals(c.Facts); r.Fresh && len(no) > 0 {
		r.Facts = c.Facts
		t.parkAsking(r, !r.underWay(), "not resumed, because what was approved is not what is there now", ": "+sentences(no), c.Facts)
		return Answer{Code: CodeChanged, Text: r.Note, ID: r.ID}
	}
	r.Fresh = false
	t.say(EvRunResumed, engine, r.ID+" goes on: "+r.Standing(), aboutRun(r))
	t.goTo(r) // a wait that was taken over from a dead owner is under way: begun anew it would wait from the start
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

// takeOver marks an open attempt of the dead owner as unknown: it may have happened, so it is observed first.
func (t *turn) takeOver(c TakeOver) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	t.moveRun(r, EvRunTaken)
	t.say(EvRunTaken, engine, fmt.Sprintf("%s goes on with %s, because its worker stopped answering: %s", c.Owner, r.ID, r.Standing()), aboutRun(r))
	// An undoing that is open stays so: the new owner sees it and observes.
	for _, i := range r.AtWork() {
		if r.Steps[i].State != StepStarted {
			continue
		}
		t.moveStep(r, i, EvStepUnknown)
		t.say(EvStepUnknown, engine, fmt.Sprintf("%s, %s: its owner stopped before the outcome was known; observing first", r.Nth(i), r.Steps[i].Name), atStep(r, i))
	}
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

// retryStep begins another attempt of a step that was observed not to have happened, or of which nothing was sent.
func (t *turn) retryStep(c RetryStep) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	if n := r.Steps[c.Step].Attempt; n != c.Attempt {
		return answer(CodeConflict, "step %s of %s is at attempt %d, not %d", r.At(c.Step), r.ID, n, c.Attempt)
	}
	s := &r.Steps[c.Step]
	if s.Group.Name != "" {
		return t.endMember(r, c.Step, &c)
	}
	r.clear(&c)
	if r.Wish.Verb != "" {
		s.Tries = Tries{} // a person halts it: its time begins anew
	}
	t.begin(r, c.Note) // where it does not begin again, nothing of it is at work
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}
