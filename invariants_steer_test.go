package pointsman

import (
	"fmt"
	"slices"
	"strings"
)

// nothingAfterAHalt is I12: from the moment at which pause, stop or abort is stored no intent is committed until a person
// takes it back.
func nothingAfterAHalt(m move) error {
	for _, ev := range m.events {
		r, _ := m.before.Run(ev.Run)
		if _, wished := ofGroup(r, ev); wished && r.Wish.Verb != VerbAbort {
			continue // a pause waits for the group, which is one step
		}
		if ev.Type == EvStepStarted && r.Wish.Verb != "" {
			return fmt.Errorf("step %d of %s began after %s said %s", ev.StepN, r.ID, r.Wish.By, r.Wish.Verb)
		}
	}
	return nil
}

// pausedStands: nobody but a person moves a paused run, and it keeps its lock. An abort takes hold of a run that waits. Where the
// log has lost its end, a person may have let it go on, so it is parked.
func pausedStands(m move) error {
	for _, r := range m.before.Runs {
		now, _ := m.after.Run(r.ID)
		if !r.State.Terminal() && now.Holds != r.Holds {
			return fmt.Errorf("%s lost its lock while it is %s", r.ID, now.State)
		}
		if now.State == RunWaiting && now.Wish.Verb == VerbAbort {
			return fmt.Errorf("%s is to be aborted and waits", r.ID)
		}
		if r.State != RunPaused {
			continue
		}
		_, lost := m.cmd.(LoseEnd)
		lost = lost && m.answer.OK()
		if lost && now.State != RunParked {
			return fmt.Errorf("%s was paused, may have been resumed, and is %s", r.ID, now.State)
		}
		if _, person := m.cmd.(Steer); !person && !lost && !same(r.Steps, now.Steps) {
			return fmt.Errorf("%T moved a step of %s, which is paused", m.cmd, r.ID)
		}
		if now.State == RunPaused && !now.WakeAt.IsZero() {
			return fmt.Errorf("%s is paused and would wake by itself at %s", r.ID, now.WakeAt)
		}
	}
	return nil
}

// undoneOnce: nothing is undone behind a point of no return, by the attempts and not by the reducer's own word for it, and
// no step twice, and always the last one first.
func undoneOnce(m move) error {
	for _, ev := range m.events {
		if ev.Type != EvStepUndoing {
			continue
		}
		r, _ := m.before.Run(ev.Run)
		for i, s := range r.Steps {
			inVain := s.Tries.Last > 0 && s.Tries.Last == s.Attempt && !s.Touched // in no attempt was anything sent
			switch {
			case s.Irreversible && (s.State == StepDone || !inVain && (s.State == StepUnknown || s.State == StepStarted || s.State == StepFailed)):
				return fmt.Errorf("%s undoes step %d although step %d is %s", r.ID, ev.StepN, i+1, s.State)
			case i > row(r, ev) && s.State == StepDone && s.MarkedBy == "":
				return fmt.Errorf("%s undoes step %d before step %d", r.ID, ev.StepN, i+1)
			}
		}
		if s := r.Steps[row(r, ev)]; !s.UndoAt.IsZero() {
			return fmt.Errorf("step %d of %s is undone twice", ev.StepN, r.ID)
		}
	}
	return nil
}

// heldUndoStands: what is said to be held back can go on, nothing of it has been tried in vain, and only a person moves it.
func heldUndoStands(m move) error {
	for _, now := range m.after.Runs {
		inVain := slices.ContainsFunc(now.Steps, func(s RunStep) bool { return s.State == StepUndoing || s.State == StepNotUndone })
		if now.HeldUndo && (now.State != RunParked || now.Wish.Verb != VerbAbort || inVain || undoable(now) < 0) {
			return fmt.Errorf("%s is held in its undoing, %s after %q", now.ID, now.State, now.Wish.Verb)
		}
		old, _ := m.before.Run(now.ID)
		if c, steered := m.cmd.(Steer); old.HeldUndo && !same(old.Steps, now.Steps) || old.HeldUndo && now.State == RunUndoing && (!steered || c.Verb != VerbResume) {
			return fmt.Errorf("%T moved %s, of which the undoing is held", m.cmd, now.ID)
		}
	}
	return nil
}

// touchedStays: when an attempt is over and another one may follow, the step remembers that it may have had its effect, unless
// whoever made it says that nothing was sent; and what is remembered stays, but of a wait that a person cuts short.
func touchedStays(m move) error {
	for _, r := range m.after.Runs {
		old, existed := m.before.Run(r.ID)
		for i, s := range r.Steps {
			if !existed || s.State == StepSkipped || s.Kind == KindGate { // which has no effect
				continue
			}
			was := old.Steps[i]
			retry, _ := m.cmd.(RetryStep)
			end, _ := m.cmd.(EndStep)
			unsent := was.State == StepStarted && (retry.Unsent && retry.Step == i || end.Unsent && end.Step == i) || was.Tries.Last > 0 && was.Tries.Last == was.Attempt
			over := s.Attempt > was.Attempt || s.State == StepPending
			tried := was.State == StepStarted || was.State == StepUnknown || was.State == StepFailed
			if was.Touched && !s.Touched || over && tried && !unsent && !s.Touched {
				return fmt.Errorf("step %d of %s was %s (touched %t) and is %s in attempt %d, of which nothing may hold", i+1, r.ID, was.State, was.Touched, s.State, s.Attempt)
			}
		}
	}
	return nil
}

// skippedByRight: only where the plan allows it, never the point of no return, with a reason and a role.
func skippedByRight(m move) error {
	for _, ev := range m.events {
		if ev.Type != EvStepSkipped {
			continue
		}
		r, _ := m.before.Run(ev.Run)
		plan, err := DecodePlan(r.Plan)
		if err != nil {
			return err
		}
		p := plan.Steps[row(r, ev)]
		if p.When != nil && ev.Actor.Door == DoorEngine {
			continue // its condition left it out: conditionsRule
		}
		if p.Irreversible || ev.Reason == "" || !slices.ContainsFunc(p.SkipBy, ev.Actor.Person.Has) {
			return fmt.Errorf("step %d of %s skipped by %s, reason %q, allowed to %v", ev.StepN, r.ID, ev.Actor, ev.Reason, p.SkipBy)
		}
	}
	return nil
}

// steeringIsTold: every decision on a run that counts is an event of its actor with its reason.
func steeringIsTold(m move) error {
	c, ok := m.cmd.(Steer)
	if !ok || m.answer.Code != CodeAccepted {
		return nil
	}
	for _, ev := range m.events {
		if ev.Run == c.Run && ev.Actor.Person.ID == c.By.Person.ID && ev.Reason == c.Reason && ev.Type != EvPageAcknowledged {
			return nil
		}
	}
	return fmt.Errorf("%s of %s by %s is not told", c.Verb, c.Run, c.By)
}

// nothingAfterTheDeadline: no step begins in a run whose time is over.
func nothingAfterTheDeadline(m move) error {
	for _, ev := range m.events {
		if r, _ := m.after.Run(ev.Run); ev.Type == EvStepStarted && !r.Until.IsZero() && !m.now.Before(r.Until) {
			return fmt.Errorf("step %d of %s began after its deadline %s", ev.StepN, r.ID, r.Until)
		}
	}
	return nil
}

// foretold: what an abort was said to do, it does.
func foretold(m move) error {
	c, ok := m.cmd.(Steer)
	r, _ := m.before.Run(c.Run)
	if !ok || c.Verb != VerbAbort || m.answer.Code != CodeAccepted || r.State == RunRunning {
		return nil
	}
	now, _ := m.after.Run(c.Run)
	said, left := r.Foretell(VerbAbort), []string{}
	for _, l := range now.Left {
		left = append(left, l.Step)
	}
	_, names, leaves := strings.Cut(said, "left to you with its commands: ")
	switch undoes := strings.Contains(said, "then this is undone"); {
	case undoes != (now.State == RunUndoing):
		return fmt.Errorf("%s is %s; foretold was %q", r.ID, now.State, said)
	case strings.Contains(said, "nothing to undo") && len(left) > 0, leaves && !undoes && names != strings.Join(left, ", "):
		return fmt.Errorf("%s leaves %v; foretold was %q", r.ID, left, said)
	}
	return nil
}

// undoable is the index of the next step to undo, or -1.
func undoable(r Run) int {
	i, err := r.nextUndo()
	if err != nil {
		panic(err)
	}
	return i
}
