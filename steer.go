package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// Verb is what an operator does to a run.
type Verb string

// The verbs.
const (
	VerbPause      Verb = "pause"      // no further step begins; the run waits for a person and keeps its lock
	VerbStop       Verb = "stop"       // stop after this step: a pause, said while a step is at work
	VerbResume     Verb = "resume"     // a paused run goes on, after everything that is left was checked anew
	VerbRetry      Verb = "retry"      // run the step again
	VerbAccept     Verb = "accept"     // more than was approved may be lost: exactly what the run asks, and no more
	VerbDone       Verb = "done"       // it is done: a manual task, or a parked step that was seen to have happened
	VerbSkip       Verb = "skip"       // leave the step out, where the runbook allows it
	VerbUngraceful Verb = "ungraceful" // from now on the steps that have a harder form are done in it
	VerbAbort      Verb = "abort"      // end the run: undo it before the point of no return, hand it over behind it
)

// Verbs are all of them, in the order in which people are told of them.
func Verbs() []Verb {
	return []Verb{VerbPause, VerbStop, VerbResume, VerbRetry, VerbAccept, VerbDone, VerbSkip, VerbUngraceful, VerbAbort}
}

// Exact reports whether the verb is about one step, the one at which the run stands: said of the next one it would be
// another decision. Every door asks for the Mark that the person saw.
func (v Verb) Exact() bool {
	return v == VerbRetry || v == VerbAccept || v == VerbDone || v == VerbSkip
}

// Steer is an operator's decision on an open run.
type Steer struct {
	Run    string
	Verb   Verb
	Mark   string // Run.Mark as the person saw it; empty where nothing was shown
	Digest string // for accept: of the Question that the person saw, at least 12 digits
	Reason string // never empty: it is what others read afterwards
	By     Actor
	Once   string
	// People are those configured now, as with CastVote: for accept, which adds to the approvals of the plan.
	People map[string]Person
}

// Wish is a decision that waits for the end of the step at work: pause, stop or abort. An abort stays until the run ends.
type Wish struct {
	Verb   Verb      `json:"verb"`
	By     Actor     `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// BeginUndo commits the intent to undo the last step that was done and can be undone, or ends the run where none is left.
type BeginUndo struct {
	Run   string
	Epoch int64
}

// EndUndo brings the outcome of an undoing: StepUndone or StepNotUndone.
type EndUndo struct {
	Run   string
	Epoch int64
	Step  int // index
	State StepState
	Note  string
	Facts []Fact
}

// TellSlow tells that the step at work takes longer than nearly all earlier ones of its kind on this target.
type TellSlow struct {
	Run     string
	Epoch   int64
	Step    int // index
	Attempt int
	Usual   time.Duration // what 95 of 100 earlier ones did not exceed
	Of      int           // how many earlier ones that is
}

// Left is a step that an aborted run leaves to a person, with the exact commands.
type Left struct {
	N        int       `json:"n"`                // from 1
	Member   int       `json:"member,omitempty"` // from 1; zero for a step that stands alone
	Step     string    `json:"step"`
	State    StepState `json:"state"`
	Undo     bool      `json:"undo,omitempty"`     // the commands undo the step; otherwise they do it
	Commands []string  `json:"commands,omitempty"` // none where the kind knows none
	Note     string    `json:"note,omitempty"`     // why it could not be undone, and what is left
}

// At is where the step stands in the sequence.
func (l Left) At() Place { return Place{N: l.N, Member: l.Member} }

// Subject implements Command.
func (c Steer) Subject() Subject {
	return Subject{Incident: IncidentOf(c.Run), Protect: true, Once: c.Once}
}

// Subject implements Command.
func (c BeginUndo) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c EndUndo) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Subject implements Command.
func (c TellSlow) Subject() Subject { return fenced(c.Run, c.Epoch) }

// Undoing is the index of the step that is being undone, or -1.
func (r Run) Undoing() int {
	for i, s := range r.Steps {
		if s.State == StepUndoing {
			return i
		}
	}
	return -1
}

// nextUndo is the index of the next step to undo, the last one first, or -1. Only what the engine saw done is undone:
// what a person marked done, what may have happened, and what may have been undone already is named instead. A plan that cannot be read is an error, because
// "nothing to undo" would end the run with its effects in place and its lock free.
func (r Run) nextUndo() (int, error) {
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		return -1, err
	}
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if s := r.Steps[i]; s.State == StepDone && s.MarkedBy == "" && !s.MaybeUndone && i < len(plan.Steps) && plan.Steps[i].Undo {
			return i, nil
		}
	}
	return -1, nil
}

// leaves lists what a person has to do after an abort. Behind the point of no return the way is forward: the steps that
// are not done. Before it the way is back: what was done, or may have been, and was not undone.
func (r Run) leaves() ([]Left, error) {
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		return nil, err
	}
	forward := r.PastReturn()
	var out []Left
	for i, s := range r.Steps {
		if i >= len(plan.Steps) {
			break
		}
		p, over, at := plan.Steps[i], s.over(), r.At(i)
		switch {
		case forward && !over:
			out = append(out, Left{N: at.N, Member: at.Member, Step: s.Name, State: s.State, Commands: p.ByHand})
		case forward || !s.mayHold() || s.State == StepStarted: // a pause of the engine's own that was cut short has no effect
		case p.Undo || len(p.UndoByHand) > 0 || s.State != StepDone:
			out = append(out, Left{N: at.N, Member: at.Member, Step: s.Name, State: s.State, Undo: true, Commands: p.UndoByHand})
			switch {
			case s.State == StepNotUndone:
				out[len(out)-1].Note = s.Note
			case s.MaybeUndone:
				out[len(out)-1].Note = "it may have been undone already; look before you undo it"
			}
		}
	}
	return out, nil
}

// mayHold reports whether the step's effect holds or may hold.
func (s RunStep) mayHold() bool {
	if s.Kind == KindGate {
		return false // it has none
	}
	if s.Unsent() && (s.State == StepStarted || s.State == StepUnknown || s.State == StepFailed) {
		return s.Touched // nothing of this attempt was sent
	}
	switch s.State {
	case StepDone, StepStarted, StepUnknown, StepFailed, StepUndoing, StepNotUndone:
		return true
	case StepUndone:
		return false
	}
	return s.Touched // pending, refused or skipped now, but an earlier attempt may have done it
}

// handOver says in one sentence what is left, and where the commands are. They are no part of it: a sentence is cut and put
// on one line where it is shown, and a command of which the end is missing may do something else.
func handOver(r *Run) string {
	var parts []string
	where := ""
	for _, l := range r.Left {
		parts = append(parts, fmt.Sprintf("step %s (%s, %s%s)", l.At(), l.Step, l.State, because(l.Note)))
		if len(l.Commands) > 0 {
			where = "; the commands are on the card, and pointsman incidents " + IncidentOf(r.ID) + " prints them"
		}
	}
	return strings.Join(parts, ", ") + where
}
