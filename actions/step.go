package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// yieldAfter: a wait longer than this gives the worker back.
const yieldAfter = 5 * time.Second

// step carries out the current step, whose intent is committed, and commits its outcome.
func (e *Engine) step(ctx context.Context, run pointsman.Run, epoch int64) (pointsman.Run, error) {
	i := run.Current()
	end := pointsman.EndStep{Run: run.ID, Epoch: epoch, Step: i}
	plan, err := pointsman.DecodePlan(run.Plan)
	if err != nil {
		return e.fail(ctx, end, err) // a run that cannot be read is parked, never claimed again and again
	}
	if plan.Steps[i].Group.Name != "" {
		return e.together(ctx, run, plan, epoch)
	}
	switch kind := plan.Steps[i].Kind; kind {
	case KindManual:
		wait, err := manual(e.input(run, plan, i, Start), run.Steps[i].StartedAt)
		if err != nil {
			return e.fail(ctx, end, err)
		}
		wait.Run, wait.Epoch, wait.Step = run.ID, epoch, i
		return e.say(ctx, wait)
	case KindWatch:
		return e.watch(ctx, run, plan, end)
	case KindGate:
		var a GateArgs
		if err := e.input(run, plan, i, Start).Args(&a); err != nil {
			return e.fail(ctx, end, err)
		}
		return e.say(ctx, pointsman.WaitStep{Run: run.ID, Epoch: epoch, Step: i, Note: a.Text})
	case KindWait:
		until, err := waitUntil(e.input(run, plan, i, Start), run.Steps[i].StartedAt)
		if err != nil {
			return e.fail(ctx, end, err)
		}
		if left := e.until(until); left > yieldAfter {
			return e.say(ctx, pointsman.WaitStep{Run: run.ID, Epoch: epoch, Step: i, Until: until, Note: "waits until " + pointsman.Clock(until)})
		} else if err := pause(ctx, left); err != nil {
			return run, err
		}
		end.State, end.Note = pointsman.StepDone, "waited"
		return e.say(ctx, end)
	default:
		act, ok := e.Kinds.Find(kind)
		switch {
		case !ok:
			return e.fail(ctx, end, fmt.Errorf("this version knows no action kind %s", kind))
		case plan.Steps[i].Timeout <= 0:
			return e.fail(ctx, end, errors.New("it has no timeout, so nobody could tell when it is over"))
		}
		said, err := e.act(ctx, run, plan, end, act)
		if err != nil {
			return run, err
		}
		return e.say(ctx, said)
	}
}

// fail parks the run with the reason.
func (e *Engine) fail(ctx context.Context, end pointsman.EndStep, why error) (pointsman.Run, error) {
	end.State, end.Note = pointsman.StepFailed, why.Error()
	return e.say(ctx, end)
}

func waitUntil(in Input, started time.Time) (time.Time, error) {
	var a WaitArgs
	if err := in.Args(&a); err != nil {
		return time.Time{}, err
	}
	d, err := a.duration()
	return started.Add(d), err
}

// act carries out one attempt of an action: fresh or, after a takeover, observed first. It returns what is to be said of
// it, an EndStep or a RetryStep, and changes nothing in the run but its memo; an error says that the run is not ours any more.
func (e *Engine) act(ctx context.Context, run pointsman.Run, plan pointsman.Plan, end pointsman.EndStep, act Action) (pointsman.Command, error) {
	s := plan.Steps[end.Step]
	in := e.input(run, plan, end.Step, Start)
	deadline := e.deadline(run, s, end.Step)
	if run.Steps[end.Step].State == pointsman.StepUnknown {
		in.Phase, in.Memo, in.Applied = Recover, run.Steps[end.Step].Memo, run.Steps[end.Step].StartedAt
		if no := e.reconfigured(plan); len(no) > 0 {
			// Another server would be asked than the one that was acted on.
			end.State, end.Note, end.Facts = pointsman.StepUnknown, joined(no), no
			return end, nil
		}
		return e.observe(ctx, run, in, end, act, deadline)
	}
	if ended := e.before(ctx, run, plan, in, &end, act); ended {
		if lost := context.Cause(ctx); lost != nil {
			return nil, lost
		}
		if blind := untold(end.Facts); blind != nil && run.Steps[end.Step].InVain() > 0 {
			return e.unsent(ctx, run, end, blind, deadline)
		}
		return end, nil
	}
	pointsman.Failpoint("step.before-apply", s.Kind)
	// The clock and not the context is asked, last of all: the timers of a process that stood still have not fired yet
	// when it wakes up, and by then a successor may have seen that nothing was done, and begun again.
	if e.until(deadline) <= 0 && run.Steps[end.Step].InVain() > 0 {
		return e.unsent(ctx, run, end, errors.New("its time was over"), deadline)
	} else if e.until(deadline) <= 0 {
		return late(run, end), nil
	}
	ticking, stop := context.WithCancel(ctx)
	defer stop()
	go e.clock(ticking, run, end.Step, end.Epoch)
	in.Applied = e.Kinds.clock().Now()
	applyCtx, cancel := context.WithTimeout(ctx, e.until(deadline))
	in.Remember = func(memo json.RawMessage, note string) error {
		_, err := e.say(applyCtx, pointsman.NoteMemo{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Memo: memo, Note: note})
		return err
	}
	out, err := act.Apply(applyCtx, in)
	pointsman.Failpoint("step.after-apply", s.Kind)
	cancel()
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		end.State, end.Note, end.Facts = pointsman.StepRefused, refused.Error(), refused.Facts
		return end, nil
	}
	if lost := context.Cause(ctx); lost != nil {
		return nil, lost // not ours any more, or stopping: a successor observes
	}
	if none, ok := errors.AsType[*NotSentError](err); ok && !run.Steps[end.Step].Touched {
		return e.unsent(ctx, run, end, none, deadline)
	}
	in.Memo = out.Memo
	if len(out.Memo) > 0 {
		if _, err2 := e.say(ctx, pointsman.NoteMemo{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Memo: out.Memo, Note: out.Note}); err2 != nil {
			return nil, err2
		}
	}
	end.Note = out.Note
	if err != nil {
		end.Note = err.Error()
		if s.Timeout > 0 && e.until(deadline) < time.Second {
			deadline = e.Kinds.clock().Now().Add(e.CheckTimeout) // one look more, so that a timeout ends in knowledge where it can
		}
	}
	return e.verify(ctx, run, in, end, act, deadline, err)
}

// before looks at the world once more where that matters: before a point of no return, because it may have moved since
// the start of the run, and before a repetition, because an earlier attempt may have had its effect after all. It
// reports whether the step ends here, and fills in how.
func (e *Engine) before(ctx context.Context, run pointsman.Run, plan pointsman.Plan, in Input, end *pointsman.EndStep, act Action) bool {
	end.State = ""
	if no := e.reconfigured(plan); len(no) > 0 {
		end.State, end.Note, end.Facts = pointsman.StepRefused, joined(no), no
		return true
	}
	again, p := run.Steps[end.Step].Attempt > 1, plan.Steps[end.Step]
	waited := run.Steps[end.Step].InVain() > 0 // for a connection; no attempt of the row can have done it, but the world went on
	if again && !waited && !p.Irreversible {
		ev, err := e.check(ctx, act, in)
		end.Facts = ev.Facts
		switch {
		case err != nil:
			// Somebody said retry, but not that it did not happen: what cannot be seen is not repeated blindly.
			end.State, end.Note = pointsman.StepUnknown, fmt.Sprintf("whether an earlier attempt did it cannot be told, so it was not repeated: %v", err)
		case ev.Already:
			end.State, end.Note = pointsman.StepDone, "an earlier attempt or somebody else had done it"
		}
	}
	if end.State == "" && p.Group.Name == "" && (p.Irreversible || p.When != nil || waited) { // the guards of one with a condition were put off until now
		facts := e.recheck(ctx, run, plan, end.Step)
		no := pointsman.Refusals(facts)
		if end.Facts = facts; len(no) > 0 {
			end.State, end.Note = pointsman.StepRefused, joined(no)
		}
		if len(no) == 1 && no[0].Name == alreadyDone(run.At(end.Step)) {
			end.State = pointsman.StepDone
			if again {
				end.Note = "an earlier attempt or somebody else had done it"
			}
		}
	}
	return end.State != "" || ctx.Err() != nil
}

// late: the attempt's time was over before it could begin (the store was away, the process stood still). A successor
// may be observing by now, so the effect is not requested; the attempt is told as what it is, not done.
func late(run pointsman.Run, end pointsman.EndStep) pointsman.Command {
	n := run.Steps[end.Step].Attempt
	if n >= maxAttempts {
		end.State, end.Note = pointsman.StepFailed, fmt.Sprintf("its time was over before it could begin, %d times; nothing was done", n)
		return end
	}
	return pointsman.RetryStep{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Attempt: n, Note: "its time was over before it began; nothing was done"}
}

// verify polls until the effect holds or the deadline passes. Not told is unknown; told "no" is failed.
func (e *Engine) verify(ctx context.Context, run pointsman.Run, in Input, end pointsman.EndStep, act Action, deadline time.Time, applyErr error) (pointsman.Command, error) {
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
		case e.until(deadline) < wait:
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
func (e *Engine) observe(ctx context.Context, run pointsman.Run, in Input, end pointsman.EndStep, act Action, deadline time.Time) (pointsman.Command, error) {
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
	}
}

func (e *Engine) check(ctx context.Context, act Action, in Input) (pointsman.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, e.CheckTimeout)
	defer cancel()
	return act.Check(ctx, in)
}

func (e *Engine) input(run pointsman.Run, plan pointsman.Plan, i int, phase Phase) Input {
	with := plan.Steps[i].With
	if form := plan.Steps[i].Ungraceful; form != nil && (run.Steps[i].Harder() || run.Steps[i].State == pointsman.StepPending && run.Steps[i].HarderFrom > 0) {
		with = form.With
	}
	at := run.At(i)
	return Input{
		Phase: phase, Key: keyOf(run.ID, at), Incident: pointsman.IncidentOf(run.ID), Target: plan.Target,
		With: with, Params: plan.Params, Pins: plan.Pins, Bounds: run.Raised(plan).Bounds, StepN: at.N,
		Reason: plan.Reason, Actor: run.ApprovedBy, Log: e.Log.With("run", run.ID, "step", plan.Steps[i].Name, "kind", plan.Steps[i].Kind),
	}
}

// keyOf is what tells one step of one run from every other: INC-7/R1/3, and INC-7/R1/3/1 for the first member of a group.
func keyOf(run string, at pointsman.Place) string {
	if at.Member == 0 {
		return fmt.Sprintf("%s/%d", run, at.N)
	}
	return fmt.Sprintf("%s/%d/%d", run, at.N, at.Member)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
