package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pointsman/pointsman"
)

// verify polls until the effect holds or the deadline passes. Not told is unknown; told "no" is failed.
func (e *Engine) verify(ctx context.Context, run pointsman.Run, in Input, end pointsman.EndStep, act Action, deadline time.Time, applyErr error) (pointsman.Command, error) {
	if applyErr != nil && e.until(deadline) < time.Second {
		deadline = e.now().Add(e.CheckTimeout) // one look more, so that a timeout ends in knowledge where it can
	}
	wait := 5 * time.Millisecond
	for {
		ev, err := e.look(ctx, act, in)
		if lost := context.Cause(ctx); lost != nil {
			return nil, lost
		}
		end.Facts = ev.Facts
		switch {
		case err == nil && ev.Holds:
			pointsman.Failpoint("step.before-outcome", act.Kind())
			end.State = pointsman.StepDone
			if applyErr != nil {
				end.Note = fmt.Sprintf("it answered %q, and was then seen to hold", applyErr)
			}
			return end, nil
		case isUntold(err), e.until(deadline) < wait:
			end.State, end.Note = verdictOf(err, applyErr, ev, end.Note)
			return end, nil
		case applyErr != nil && err == nil && wait > 100*time.Millisecond:
			// Apply said no and a few looks agree: waiting for the deadline would only cost time.
			end.State, end.Note = verdictOf(err, applyErr, ev, end.Note)
			return end, nil
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		wait = min(2*wait, 500*time.Millisecond)
	}
}

func (e *Engine) look(ctx context.Context, act Action, in Input) (pointsman.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, e.CheckTimeout)
	defer cancel()
	return act.Verify(ctx, in)
}

func verdictOf(err, applyErr error, ev pointsman.Evidence, note string) (pointsman.StepState, string) {
	if err != nil {
		return pointsman.StepUnknown, fmt.Sprintf("its outcome could not be told: %v", err)
	}
	if errors.Is(applyErr, errAbandoned) {
		return pointsman.StepUnknown, applyErr.Error()
	}
	if applyErr != nil {
		return pointsman.StepFailed, applyErr.Error()
	}
	for _, f := range ev.Facts {
		if f.Result != pointsman.Pass {
			return pointsman.StepFailed, f.Sentence()
		}
	}
	if note == "" {
		note = "the effect was not seen within the step's timeout"
	}
	return pointsman.StepFailed, note
}

// maxAttempts bounds how often the engine itself begins a step again after it was seen not to have happened.
const maxAttempts = 3

// observe finds out what a dead owner's attempt did. "Not done" is trusted only after the step's own deadline, because
// until then its request may still be on the way; then the step begins again as a new recorded attempt.
func (e *Engine) observe(ctx context.Context, run pointsman.Run, plan pointsman.Plan, in Input, end pointsman.EndStep, act Action, deadline time.Time) (pointsman.Command, error) {
	if no := e.reconfigured(plan); len(no) > 0 { // another server would be asked than the one that was acted on
		end.State, end.Note, end.Facts = pointsman.StepUnknown, joined(no), no
		return end, nil
	}
	in.Phase, in.Memo, in.Applied = Recover, run.Steps[end.Step].Memo, run.Steps[end.Step].StartedAt
	wait := 50 * time.Millisecond
	for {
		ev, err := e.look(ctx, act, in)
		if err != nil || !ev.Holds {
			if chk, cerr := e.check(ctx, act, in); cerr == nil && chk.Already {
				ev, err = chk, nil
				ev.Holds = true
			}
		}
		if lost := context.Cause(ctx); lost != nil {
			return nil, lost
		}
		end.Facts = ev.Facts
		pointsman.Failpoint("step.observed", act.Kind())
		switch late := e.until(deadline) <= 0; {
		case err == nil && ev.Holds:
			end.State, end.Note = pointsman.StepDone, "observed after a takeover: it had happened"
			return end, nil
		case late && err != nil:
			end.State, end.Note = pointsman.StepUnknown, fmt.Sprintf("its owner stopped and the outcome cannot be observed: %v", err)
			return end, nil
		case late && run.Steps[end.Step].Attempt >= maxAttempts:
			end.State, end.Note = pointsman.StepFailed, fmt.Sprintf("not done after %d attempts", maxAttempts)
			return end, nil
		case late:
			return pointsman.RetryStep{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Attempt: run.Steps[end.Step].Attempt, Note: "observed not to have happened"}, nil
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		wait = min(2*wait, time.Second)
		in.Log = slog.New(slog.DiscardHandler) // the first look is told; one a second for ten minutes hides what else happens
	}
}

func (e *Engine) check(ctx context.Context, act Action, in Input) (pointsman.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, e.CheckTimeout)
	defer cancel()
	return act.Check(ctx, in)
}
