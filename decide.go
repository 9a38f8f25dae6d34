package pointsman

import (
	"encoding/json"
	"slices"
	"time"
)

// Decide makes every change there is. It returns the state after the command, the events that tell it and the answer
// for whoever asked. It never changes its arguments. Times are cut to microseconds, the precision of the stores: a
// nanosecond that the database drops would make a hash impossible to verify.
func Decide(s State, cmd Command, now time.Time) (State, []Event, Answer) {
	t := &turn{state: cloned(s), now: now.UTC().Truncate(time.Microsecond)}
	before := cloned(s)
	ans := t.decide(cmd)
	if t.err != nil { // an impossible transition: nothing of this turn may be kept
		return before, nil, Answer{Code: CodeConflict, Text: t.err.Error()}
	}
	if len(t.events) == 0 && ans.Code != CodeAccepted { // nothing changes without an event that tells it
		return before, nil, ans
	}
	return t.state, t.events, ans
}

// turn is one decision being made.
type turn struct {
	state  State
	now    time.Time
	events []Event
	err    error
}

func (t *turn) decide(cmd Command) Answer {
	switch c := cmd.(type) {
	case ReceiveAlerts:
		return t.receiveAlerts(c)
	case Request:
		return t.request(c)
	case Ready:
		return t.ready(c)
	case Recheck:
		return t.recheck(c)
	case Relook:
		return t.relook(c)
	case TellHold:
		return t.tellHold(c)
	case CastVote:
		return t.vote(c)
	case Tick:
		return t.tick()
	case StartRun:
		return t.startRun(c)
	case TakeOver:
		return t.takeOver(c)
	case EndStep:
		return t.endStep(c)
	case NoteMemo:
		return t.noteMemo(c)
	case WaitStep:
		return t.waitStep(c)
	case WakeRun:
		return t.wakeRun(c)
	case RetryStep:
		return t.retryStep(c)
	case Steer:
		return t.steer(c)
	case BeginUndo:
		return t.beginUndo(c)
	case EndUndo:
		return t.endUndo(c)
	case TellUnsent:
		return t.tellUnsent(c)
	case TellSlow:
		return t.tellSlow(c)
	case TellLate:
		return t.tellLate(c)
	case WriteUpdate:
		return t.writeUpdate(c)
	case Report:
		return t.report(c)
	case CloseIncident:
		return t.closeIncident(c)
	case LoseEnd:
		return t.loseEnd(c)
	case Protect:
		return t.protect(c)
	case TellSwitch:
		return t.tellSwitch(c)
	}
	return answer(CodeInvalid, "unknown command %T", cmd)
}

// say appends an event about the incident. Everything that people read later comes from its text.
func (t *turn) say(typ EventType, by Actor, text string, edit ...func(*Event)) {
	ev := Event{Version: 1, Type: typ, At: t.now, Actor: by, Incident: t.state.Incident.ID, Text: text}
	if k := t.state.Incident.Target.Key(); k != "" {
		ev.Target = k
	}
	for _, e := range edit {
		e(&ev)
	}
	t.events = append(t.events, ev)
}

func about(p *Proposal) func(*Event) {
	return func(ev *Event) {
		ev.Proposal, ev.Digest, ev.Target, ev.Text = p.ID, p.Digest, p.Target.Key(), p.Mode.marked(ev.Text)
	}
}

func aboutRun(r *Run) func(*Event) {
	return func(ev *Event) {
		ev.Run, ev.Proposal, ev.Digest, ev.Epoch, ev.Target = r.ID, r.Proposal, r.Digest, r.Epoch, r.Target.Key()
		ev.Text = r.Mode.marked(ev.Text)
	}
}

func atStep(r *Run, i int) func(*Event) {
	return func(ev *Event) {
		aboutRun(r)(ev)
		at := r.At(i)
		ev.Step, ev.StepN, ev.Member, ev.Attempt = r.Steps[i].Name, at.N, at.Member, r.Steps[i].Attempt
	}
}

func reason(text string) func(*Event) { return func(ev *Event) { ev.Reason = text } }

// with attaches the facts behind an event. The values are our own types, so encoding cannot fail.
func with(v any) func(*Event) {
	return func(ev *Event) {
		if b, err := json.Marshal(v); err == nil {
			ev.Data = b
		}
	}
}

func (t *turn) proposal(id string) *Proposal {
	for i := range t.state.Proposals {
		if t.state.Proposals[i].ID == id {
			return &t.state.Proposals[i]
		}
	}
	return nil
}

func (t *turn) run(id string) *Run {
	for i := range t.state.Runs {
		if t.state.Runs[i].ID == id {
			return &t.state.Runs[i]
		}
	}
	return nil
}

func (t *turn) moveIncident(ev EventType) {
	to, err := t.state.Incident.State.Next(ev)
	t.fail(err)
	t.state.Incident.State = to
}

func (t *turn) moveProposal(p *Proposal, ev EventType) {
	to, err := p.State.Next(ev)
	t.fail(err)
	p.State = to
}

func (t *turn) moveRun(r *Run, ev EventType) {
	to, err := r.State.Next(ev)
	t.fail(err)
	r.State, r.Question, r.HeldUndo = to, nil, false // what it asked, and what held it, was of the moment in which it was parked
}

func (t *turn) moveStep(r *Run, i int, ev EventType) {
	to, err := r.Steps[i].State.Next(ev)
	t.fail(err)
	r.Steps[i].State = to
}

// restart brings a step back to where it has not begun, so that it begins anew as its own recorded attempt. It is the one
// change that is no event of the step: the decision to go on is on record as one of the run.
func (s *RunStep) restart() { s.State = StepPending }

func (t *turn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func cloned(s State) State {
	s.Incident.Pages = slices.Clone(s.Incident.Pages)
	s.Alerts = slices.Clone(s.Alerts)
	s.Proposals = slices.Clone(s.Proposals)
	for i := range s.Proposals {
		s.Proposals[i].Votes = slices.Clone(s.Proposals[i].Votes)
	}
	s.Protections = slices.Clone(s.Protections)
	s.Runs = slices.Clone(s.Runs)
	for i := range s.Runs {
		s.Runs[i].Steps = slices.Clone(s.Runs[i].Steps)
		for j := range s.Runs[i].Steps {
			g := &s.Runs[i].Steps[j].Gate
			g.Votes = slices.Clone(g.Votes)
		}
	}
	return s
}
