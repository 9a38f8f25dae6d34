package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SkipBy are the roles that may leave out the step at which the run stands; empty where nobody may.
func (r Run) SkipBy() []string {
	plan, err := DecodePlan(r.Plan)
	i := r.Current()
	if err != nil || i >= len(plan.Steps) || plan.Steps[i].Irreversible {
		return nil
	}
	return plan.Steps[i].SkipBy
}

// Refuses says why the verb makes no sense for the run as it stands, in one sentence; empty where it does. Buttons are
// shown by it and decisions are judged by it, so that no button leads to a refusal that could have been known.
func (r Run) Refuses(v Verb, now time.Time) string {
	i := r.Current()
	switch {
	case r.State.Terminal():
		return fmt.Sprintf("%s is already %s", r.ID, r.State)
	case v == VerbAbort:
		return r.refusesAbort()
	case r.HeldUndo:
		return r.refusesHeld(v)
	case r.Wish.Verb == VerbAbort:
		return fmt.Sprintf("%s is being aborted by %s; only abort ends it sooner", r.ID, r.Wish.By)
	case r.State == RunQueued:
		return fmt.Sprintf("%s has not begun; abort is the only decision it takes", r.ID)
	case i >= len(r.Steps):
		return fmt.Sprintf("every step of %s is done", r.ID)
	}
	step, begun := r.whole(i), r.begun(i)
	switch v {
	case VerbPause, VerbStop:
		return r.refusesPause()
	case VerbResume:
		if r.State != RunPaused && (r.Wish.Verb == "" || r.State == RunParked) {
			return fmt.Sprintf("%s is %s, not paused; there is nothing to resume", r.ID, r.State)
		}
	case VerbRetry:
		if r.State != RunParked {
			return fmt.Sprintf("%s is %s at %s; there is nothing to retry", r.ID, r.State, step)
		}
	case VerbAccept:
		return r.refusesAccept(step, now)
	case VerbDone:
		switch {
		case r.State != RunParked && r.State != RunWaiting:
			return fmt.Sprintf("%s is %s; a step is marked done when the run waits for it or is parked", r.ID, r.State)
		case r.State == RunWaiting && !r.WakeAt.IsZero():
			return fmt.Sprintf("%s goes on by itself at %s", r.ID, Clock(r.WakeAt))
		case r.Steps[i].Kind == KindGate:
			return fmt.Sprintf("%s of %s is a gate: it needs %s, who approve it on the card", step, r.ID, r.Steps[i].Gate.Policy)
		case r.State == RunParked && !begun:
			return fmt.Sprintf("%s of %s has not begun; retry goes on with it, abort ends the run", step, r.ID)
		}
	case VerbSkip:
		return r.refusesSkip(step, now)
	case VerbUngraceful:
		if len(r.softer()) == 0 {
			return fmt.Sprintf("no step ahead of %s has an ungraceful form that it is not in already", r.ID)
		}
	}
	return ""
}

func (r Run) refusesAbort() string {
	if r.Wish.Verb == VerbAbort && r.State != RunParked {
		return fmt.Sprintf("%s is being aborted already, by %s", r.ID, r.Wish.By)
	}
	return ""
}

// refusesHeld: an undoing that is held back goes on, or ends where it is.
func (r Run) refusesHeld(v Verb) string {
	if v == VerbResume {
		return ""
	}
	return fmt.Sprintf("%s is being aborted by %s; resume goes on with the undoing, abort ends it here", r.ID, r.Wish.By)
}

func (r Run) refusesAccept(step string, now time.Time) string {
	switch {
	case r.State != RunParked || r.Question == nil:
		return fmt.Sprintf("%s is %s at %s and asks nothing that could be accepted", r.ID, r.State, step)
	case !now.Before(r.Question.Until):
		return fmt.Sprintf("the figures of %s could be accepted until %s and are old now; retry looks anew and asks again", r.ID, Clock(r.Question.Until))
	}
	return ""
}

func (r Run) refusesPause() string {
	switch {
	case r.Wish.Verb != "":
		return fmt.Sprintf("%s was told to %s by %s already", r.ID, r.Wish.Verb, r.Wish.By)
	case r.State == RunRunning, r.State == RunWaiting:
		return ""
	}
	return fmt.Sprintf("%s is %s; nothing of it is at work", r.ID, r.State)
}

func (r Run) refusesSkip(step string, now time.Time) string {
	switch {
	case r.Steps[r.Current()].Irreversible:
		return fmt.Sprintf("%s of %s is the point of no return and is never skipped; abort ends the run before it", step, r.ID)
	case r.Steps[r.Current()].Kind == KindGate:
		return fmt.Sprintf("%s of %s is a gate and is never skipped; it needs %s", step, r.ID, r.Steps[r.Current()].Gate.Policy)
	case len(r.SkipBy()) == 0:
		return fmt.Sprintf("the approved plan of %s lets nobody skip %s", r.ID, step)
	case r.State == RunRunning:
		return fmt.Sprintf("%s of %s is at work and goes on to its own end; it can be skipped when the run is parked, paused or waits", step, r.ID)
	case r.State == RunWaiting && !r.WakeAt.IsZero() && !r.WakeAt.After(now):
		return fmt.Sprintf("%s goes on in this moment; look at the card again", r.ID)
	}
	return ""
}

// Asks says where the run stands and how to decide exactly that, to a person who named a verb without what they saw.
func (r Run) Asks(v Verb) string {
	exact := ""
	if v == VerbAccept && r.Question != nil {
		exact = ", digest " + ShortDigest(r.Question.Digest)
	}
	return fmt.Sprintf("nothing was changed: %s; to say %s to exactly that, name the run and where it stands: run %s, at %s%s", r.Standing(), v, r.ID, r.Mark(), exact)
}

// Foretell says in one sentence what the verb will do to the run as it stands.
func (r Run) Foretell(v Verb) string {
	i := r.Current()
	switch {
	case v == VerbAbort:
		return r.foretellAbort()
	case v == VerbResume && r.HeldUndo:
		return r.foretellUndo()
	case i >= len(r.Steps):
		return "every step is done"
	}
	step := fmt.Sprintf("%s (%s)", r.Position(i), r.Called(i))
	keeps := ""
	if r.Holds {
		keeps = " and keeps " + r.Target.Key() + " locked"
	}
	switch v {
	case VerbPause, VerbStop:
		return fmt.Sprintf("%s goes on to its own end, no further step begins, and the run then waits for a person%s", step, keeps)
	case VerbResume:
		if r.State != RunPaused {
			return fmt.Sprintf("the %s is taken back and the run goes on after %s", r.Wish.Verb, step)
		}
		return fmt.Sprintf("everything that is left is checked anew, and %s begins if it is still as approved", step)
	case VerbRetry:
		return step + r.again(i) + " after its own checks"
	case VerbAccept:
		if r.Question == nil {
			return "nothing is asked"
		}
		return fmt.Sprintf("%s; the run goes on with %s within that, after its own checks; above it, it asks again", r.Question.Sentence(), step)
	case VerbDone:
		if names := r.counted(i); names != "" {
			return names + " of " + step + " count as done on your word, and the run goes on with what is left of it"
		}
		return step + " counts as done on your word, and the run goes on"
	case VerbSkip:
		return step + " is left out for good, and the run goes on with the next one; the later guards do not count on it"
	case VerbUngraceful:
		var names []string
		for _, n := range r.softer() {
			names = append(names, r.Steps[n].Name)
		}
		said := "from their next attempt on these steps are done in their harder form: " + strings.Join(names, ", ")
		if r.State == RunParked && slices.Contains(r.softer(), i) {
			said += "; the run goes on with " + step + " at once"
		}
		return said
	}
	return ""
}

func (r Run) foretellAbort() string {
	first := "no further step begins"
	if i := r.Current(); r.State == RunRunning && i < len(r.Steps) {
		first = fmt.Sprintf("%s (%s) goes on to its own end, no further step begins", r.Position(i), r.Called(i))
	}
	switch {
	case r.HeldUndo:
		return "the run ends here, and what was not undone is left to you with its commands; resume goes on with the undoing instead"
	case r.Wish.Verb == VerbAbort && r.State == RunParked:
		return "the run ends here, and what was not undone is left to you with its commands"
	case r.State == RunUndoing:
		return "what was done is being undone, the last step first"
	case r.PastReturn():
		return first + ", nothing is undone because the point of no return is behind, and what is left is handed to you with its commands"
	}
	undo, left, err := r.backwards()
	if err != nil {
		return first + "; what of it is undone only the version that made its plan can tell"
	}
	if len(undo) > 0 {
		first += ", then this is undone: " + strings.Join(undo, ", ")
	}
	if len(left) > 0 {
		return first + "; left to you with its commands: " + strings.Join(left, ", ")
	}
	if len(undo) == 0 {
		return first + ", and there is nothing to undo"
	}
	return first
}

// foretellUndo says what an undoing that goes on still undoes.
func (r Run) foretellUndo() string {
	undo, left, err := r.backwards()
	if err != nil {
		return "the undoing goes on; what it undoes only the version that made the plan can tell"
	}
	said := "the undoing goes on, the last step first: " + strings.Join(undo, ", ")
	if len(left) > 0 {
		said += "; left to you with its commands: " + strings.Join(left, ", ")
	}
	return said
}

// backwards names what an abort before the point of no return undoes, the last step first, and what it leaves to a person.
func (r Run) backwards() (undo, left []string, err error) {
	r.Steps = slices.Clone(r.Steps)
	for {
		i, err := r.nextUndo()
		if err != nil {
			return nil, nil, err
		}
		if i < 0 {
			break
		}
		undo, r.Steps[i].State = append(undo, r.Steps[i].Name), StepUndone
	}
	stays, err := r.leaves()
	for _, l := range stays {
		left = append(left, l.Step)
	}
	return undo, left, err
}
