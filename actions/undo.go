package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// Handy is an optional part of an Action: the exact commands with which a person does the step, and takes it back,
// without us. They are pinned in the plan, and an aborted run that is left to a person carries them. They name
// configured things and hold no secret.
type Handy interface {
	ByHand(in Input) (do, undo []string)
}

// ByHand forwards to the action, which may not implement Handy.
func (o observed) ByHand(in Input) (do, undo []string) {
	if h, ok := o.Action.(Handy); ok {
		return h.ByHand(in)
	}
	return nil, nil
}

// Undo forwards to the action, which may not implement Undoer.
func (o observed) Undo(ctx context.Context, in Input) (Outcome, error) {
	u, ok := o.Action.(Undoer)
	if !ok {
		return Outcome{}, Refuse("%s cannot be undone", o.Kind())
	}
	out, err := watched(ctx, o, "undo", in, u.Undo)
	return out, o.of.clock().stampedError(err)
}

// Undone is an optional part of an Undoer: it only reads, and says whether nothing is left of what the step did. Holds
// answers, and a fact that is unknown is no yes. Verify cannot tell that: what does not hold whole may hold in part, or may
// not have been seen. Without it an undoing that did not end well is a person's matter.
type Undone interface {
	Undone(ctx context.Context, in Input) (pointsman.Evidence, error)
}

// errUntold says that the kind has no way to look whether it was taken back.
var errUntold = Untold(errors.New("this kind cannot look whether anything of it is left"))

// Undone forwards to the action, which may not implement Undone.
func (o observed) Undone(ctx context.Context, in Input) (pointsman.Evidence, error) {
	u, ok := o.Action.(Undone)
	if !ok {
		return pointsman.Evidence{}, errUntold
	}
	ev, err := watched(ctx, o, "undone", in, u.Undone)
	ev.Facts = o.of.clock().stamped(ev.Facts)
	return ev, err
}

// undoes reports whether the kind can take back what it did.
func undoes(act Action) bool {
	if o, ok := act.(observed); ok {
		act = o.Action
	}
	_, ok := act.(Undoer)
	return ok
}

// undo takes back one step of an aborted run and commits the outcome. lost is the step whose undoing a former owner had
// begun: it is observed and never repeated, because it may have happened.
func (e *Engine) undo(ctx context.Context, run pointsman.Run, epoch int64, lost int) (pointsman.Run, error) {
	i := run.Undoing()
	if i < 0 {
		return e.say(ctx, pointsman.BeginUndo{Run: run.ID, Epoch: epoch})
	}
	end := pointsman.EndUndo{Run: run.ID, Epoch: epoch, Step: i, State: pointsman.StepNotUndone}
	plan, err := pointsman.DecodePlan(run.Plan)
	if err != nil {
		end.Note = err.Error()
		return e.say(ctx, end)
	}
	if no := e.reconfigured(plan); len(no) > 0 {
		end.Note, end.Facts = joined(no), no
		return e.say(ctx, end)
	}
	act, ok := e.Kinds.Find(plan.Steps[i].Kind)
	if !ok || !undoes(act) {
		end.Note = fmt.Sprintf("this version cannot undo the kind %s", plan.Steps[i].Kind)
		return e.say(ctx, end)
	}
	in := e.input(run, plan, i, Start)
	in.Memo, in.Applied = run.Steps[i].Memo, run.Steps[i].StartedAt
	deadline := run.Steps[i].UndoAt.Add(plan.Steps[i].Timeout)
	why := errors.New("its owner stopped before it was known")
	pointsman.Failpoint("undo.before-apply", plan.Steps[i].Kind)
	if i != lost && e.until(deadline) > 0 { // asked last, as in act: a process that stood still may be too late
		var out Outcome
		undoCtx, cancel := context.WithTimeout(ctx, e.until(deadline))
		out, why = act.(Undoer).Undo(undoCtx, in)
		pointsman.Failpoint("undo.after-apply", plan.Steps[i].Kind)
		cancel()
		if cause := context.Cause(ctx); cause != nil {
			return run, cause
		}
		end.Note = out.Note
		if refused, ok := errors.AsType[*RefusedError](why); ok {
			end.Note, end.Facts = refused.Error(), refused.Facts
			return e.say(ctx, end)
		}
		if why == nil {
			end.State = pointsman.StepUndone
			return e.say(ctx, end)
		}
	}
	return e.wasUndone(ctx, run, in, end, act, deadline, why)
}

// wasUndone looks until the deadline whether nothing is left of the effect. That something is, or that nobody can tell, is
// a person's matter: a step that is recorded as undone is listed nowhere, and nobody looks at it any more.
func (e *Engine) wasUndone(ctx context.Context, run pointsman.Run, in Input, end pointsman.EndUndo, act Action, deadline time.Time, why error) (pointsman.Run, error) {
	wait := 50 * time.Millisecond
	for {
		ev, err := e.lookUndone(ctx, act, in)
		if cause := context.Cause(ctx); cause != nil {
			return run, cause
		}
		end.Facts = ev.Facts
		switch late := e.until(deadline) <= 0; {
		case err == nil && ev.Holds:
			end.State, end.Note = pointsman.StepUndone, fmt.Sprintf("%v, and it was then seen to be undone", why)
			return e.say(ctx, end)
		case isUntold(err), late && err != nil:
			end.Note = fmt.Sprintf("%v; whether it was undone cannot be told: %v", why, err)
			return e.say(ctx, end)
		case late:
			end.Note = fmt.Sprintf("%v; something of it is left%s", why, remains(ev))
			return e.say(ctx, end)
		}
		if err := pause(ctx, wait); err != nil {
			return run, err
		}
		wait = min(2*wait, time.Second)
	}
}

func (e *Engine) lookUndone(ctx context.Context, act Action, in Input) (pointsman.Evidence, error) {
	u, ok := act.(Undone)
	if !ok {
		return pointsman.Evidence{}, errUntold
	}
	ctx, cancel := context.WithTimeout(ctx, e.CheckTimeout)
	defer cancel()
	ev, err := u.Undone(ctx, in)
	ev.Holds = ev.Holds && !slices.ContainsFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Result == pointsman.Unknown })
	return ev, err
}

// remains says what of the effect was seen last.
func remains(ev pointsman.Evidence) string {
	for _, f := range ev.Facts {
		if f.Result != pointsman.Pass {
			return ": " + f.Sentence()
		}
	}
	return ""
}
