package pointsman

import (
	"fmt"
	"time"
)

// halted carries out what an operator decided while a step was at work, and stands before every intent: after the
// decision is stored none is committed. An abort takes what is done back even where it was the last step.
func (t *turn) halted(r *Run) bool {
	last := r.Current() >= len(r.Steps)
	switch {
	case r.Wish.Verb == VerbAbort && (!last || !r.PastReturn()):
		t.abort(r, r.Wish.By, r.Wish.Reason)
		return true
	case r.Wish.Verb == "" || last:
		return false
	}
	w := r.Wish
	t.moveRun(r, EvRunPaused)
	r.Wish, r.Fresh, r.WakeAt = Wish{}, true, time.Time{}
	r.Note = fmt.Sprintf("paused by %s%s", w.By, because(w.Reason))
	if w.Verb == VerbStop {
		r.Note = fmt.Sprintf("stopped after a step by %s%s", w.By, because(w.Reason))
	}
	i := r.Current()
	t.say(EvRunPaused, w.By, fmt.Sprintf("%s is %s; %s (%s) does not begin until a person resumes", r.ID, r.Note, r.Position(i), r.Called(i)),
		aboutRun(r), reason(w.Reason))
	return true
}

// abort ends the run at an operator's word while no step is at work: before the point of no return what was done is
// undone first, behind it nothing is.
func (t *turn) abort(r *Run, by Actor, why string) Answer {
	stuck := r.Wish.Verb == VerbAbort && r.State == RunParked // the undoing could not be ended
	i, err := r.nextUndo()
	t.fail(err)
	if i < 0 || stuck || r.PastReturn() {
		return t.endAborted(r, by, why)
	}
	t.moveRun(r, EvRunUndoing)
	r.Wish = Wish{Verb: VerbAbort, By: by, Reason: why, At: t.now}
	r.WakeAt, r.Note = time.Time{}, fmt.Sprintf("aborted by %s%s", by, because(why))
	text := fmt.Sprintf("%s is %s; what was done is being undone, the last step first", r.ID, r.Note)
	if held := t.undoHeld(r); held != "" {
		text = fmt.Sprintf("%s is %s; what was done is to be undone, but not now: %s", r.ID, r.Note, held)
	}
	t.say(EvRunUndoing, by, text, aboutRun(r), reason(why))
	return Answer{Code: CodeAccepted, Text: text, ID: r.ID}
}

func (t *turn) endAborted(r *Run, by Actor, why string) Answer {
	left, err := r.leaves()
	t.fail(err)
	r.Left = left
	undone, done := r.positions(StepUndone), r.positions(StepDone)
	t.moveRun(r, EvRunAborted)
	r.WakeAt, r.EndedAt, r.Note = time.Time{}, t.now, fmt.Sprintf("aborted by %s%s", by, because(why))
	text := fmt.Sprintf("%s %s; steps done: %d of %d", r.ID, r.Note, done, Positions(r.Steps))
	if undone > 0 {
		text += fmt.Sprintf(", undone: %d", undone)
	}
	switch {
	case len(r.Left) == 0:
	case r.PastReturn():
		text += "; the point of no return is behind, so nothing was undone. To be finished by hand: " + handOver(r)
	default:
		text += ". To be looked at and undone by hand: " + handOver(r)
	}
	t.say(EvRunAborted, by, text, aboutRun(r), reason(why), with(r.Left))
	t.remember(r)
	t.settleIncident(by)
	t.stillUndecided()
	return Answer{Code: CodeAccepted, Text: text, ID: r.ID}
}

// beginUndo commits the next intent to undo, or ends the run.
func (t *turn) beginUndo(c BeginUndo) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if r.State != RunUndoing || r.Undoing() >= 0 {
		return answer(CodeConflict, "%s is %s and has no undoing to begin", r.ID, r.State)
	}
	t.undoNext(r)
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

func (t *turn) undoNext(r *Run) {
	i, err := r.nextUndo()
	t.fail(err)
	if i < 0 {
		t.endAborted(r, r.Wish.By, r.Wish.Reason)
		return
	}
	if why := t.undoHeld(r); why != "" {
		t.park(r, fmt.Sprintf("%s was not undone: %s; after that, resume goes on with the undoing, abort ends the run here", r.one(i), why))
		r.HeldUndo = true
		return
	}
	t.moveStep(r, i, EvStepUndoing)
	r.Steps[i].UndoAt = t.now
	t.say(EvStepUndoing, engine, fmt.Sprintf("undoing %s: %s", r.Nth(i), r.Steps[i].Summary), atStep(r, i))
}

// undoHeld says why nothing of the run may be undone now; empty where it may.
func (t *turn) undoHeld(r *Run) string {
	if r.Halt != "" {
		return r.Halt // an alarm of the watch says that the world is not what the undoing takes it for
	}
	return t.heldBack(r)
}

// undoAgain goes on with an undoing that was held back. Nothing was tried yet at the step before which it stands, so nothing
// is undone twice.
func (t *turn) undoAgain(r *Run, c Steer) Answer {
	t.moveRun(r, EvRunUndoing)
	r.Halt, r.Alarms = "", t.alarms(r.Target.Key()) // they know why it stood still
	r.Note = fmt.Sprintf("aborted by %s%s", r.Wish.By, because(r.Wish.Reason))
	text := fmt.Sprintf("%s goes on being undone, the last step first: %s by %s%s", r.ID, c.Verb, c.By, because(c.Reason))
	t.say(EvRunUndoing, c.By, text, aboutRun(r), reason(c.Reason))
	return Answer{Code: CodeAccepted, Text: text, ID: r.ID}
}

// endUndo takes the outcome of an undoing. What could not be undone is not tried again: a person decides.
func (t *turn) endUndo(c EndUndo) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	events := map[StepState]EventType{StepUndone: EvStepUndone, StepNotUndone: EvStepNotUndone}
	ev, known := events[c.State]
	switch {
	case r.State != RunUndoing || r.Undoing() != c.Step || c.Step < 0:
		return answer(CodeConflict, "step %s of %s is not being undone: the run is %s", r.At(c.Step), r.ID, r.State)
	case !known:
		return answer(CodeInvalid, "%q is no outcome of an undoing", c.State)
	}
	t.moveStep(r, c.Step, ev)
	s := &r.Steps[c.Step]
	s.Note, r.Facts = c.Note, c.Facts
	word := map[StepState]string{StepUndone: "undone", StepNotUndone: "not undone"}[c.State]
	t.say(ev, engine, fmt.Sprintf("%s, %s: %s after %s%s", r.Nth(c.Step), s.Name, word, Span(t.now.Sub(s.UndoAt)), because(c.Note)), atStep(r, c.Step), with(c.Facts))
	if c.State == StepNotUndone {
		t.park(r, fmt.Sprintf("%s was not undone%s; abort ends the run here and names what is left", r.one(c.Step), because(c.Note)))
		return Answer{Code: CodeAccepted, Text: r.Note, ID: r.ID}
	}
	t.undoNext(r)
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

// tellSlow says once per attempt that a step takes long.
func (t *turn) tellSlow(c TellSlow) Answer {
	r, ans, ok := t.owned(c.Run, c.Epoch)
	if !ok {
		return ans
	}
	if ans, ok := t.current(r, c.Step); !ok {
		return ans
	}
	s := &r.Steps[c.Step]
	if s.Slow || s.Attempt != c.Attempt {
		return answer(CodeDuplicate, "step %s of %s was told to be slow already", r.At(c.Step), r.ID)
	}
	s.Slow = true
	t.say(EvStepSlow, engine, fmt.Sprintf("%s, %s: at work for %s; of its last %d runs 95 in 100 took at most %s",
		r.Nth(c.Step), s.Name, Span(t.now.Sub(s.StartedAt)), c.Of, Span(c.Usual)), atStep(r, c.Step))
	return Answer{Code: CodeAccepted, Text: "told", ID: r.ID}
}
