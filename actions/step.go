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
	end := pointsman.EndStep{Run: run.ID, Epoch: epoch, Step: i, Attempt: run.Steps[i].Attempt}
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
		act, err := e.Kinds.effect(kind, plan.Steps[i].Timeout)
		if err != nil {
			return e.fail(ctx, end, err)
		}
		said, err := e.act(ctx, run, plan, end, act)
		if err != nil {
			return run, err
		}
		return e.say(ctx, said)
	}
}

// fail parks the run with the reason. Nothing was sent where it is called, so nobody has to look for an effect.
func (e *Engine) fail(ctx context.Context, end pointsman.EndStep, why error) (pointsman.Run, error) {
	end.State, end.Unsent, end.Note = pointsman.StepFailed, true, why.Error()
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
	deadline := run.StepUntil(end.Step, s)
	if run.Steps[end.Step].State == pointsman.StepUnknown {
		return e.observe(ctx, run, plan, in, end, act, deadline)
	}
	if ended := e.before(ctx, run, plan, in, &end, act); ended {
		if lost := context.Cause(ctx); lost != nil {
			return nil, lost
		}
		if end.Unsent {
			return e.unsent(ctx, run, end, errors.New(end.Note), deadline)
		}
		if blind := untold(end.Facts); blind != nil && run.Steps[end.Step].InVain() > 0 {
			return e.unsent(ctx, run, end, blind, deadline)
		}
		return end, nil
	}
	pointsman.Failpoint("step.before-apply", s.Kind)
	// The clock and not the context is asked, last of all: the timers of a process that stood still have not fired yet
	// when it wakes up, and by then a successor may have seen that nothing was done, and begun again.
	if e.until(deadline) <= 0 {
		return e.late(ctx, run, end, deadline)
	}
	ticking, stop := context.WithCancel(ctx)
	defer stop()
	go e.tellSlow(ticking, run, end.Step, end.Epoch)
	in.Applied = e.now()
	knowing := in
	knowing.Promised = promises(run, plan, end.Step) // what it judges right before the effect depends on how the world came to be so
	out, err := e.apply(ctx, knowing, end, act, deadline)
	pointsman.Failpoint("step.after-apply", s.Kind)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		end.State, end.Note, end.Facts = pointsman.StepRefused, refused.Error(), refused.Facts
		return end, nil
	}
	if lost := context.Cause(ctx); lost != nil {
		e.cutOff(ctx, end, out, err)
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
	}
	return e.verify(ctx, run, in, end, act, deadline, err)
}

// apply requests the effect within the step's time. What the kind wants to be remembered is stored before it goes on.
func (e *Engine) apply(ctx context.Context, in Input, end pointsman.EndStep, act Action, deadline time.Time) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, e.until(deadline))
	defer cancel()
	in.Remember = func(memo json.RawMessage, note string) error {
		_, err := e.say(ctx, pointsman.NoteMemo{Run: end.Run, Epoch: end.Epoch, Step: end.Step, Memo: memo, Note: note})
		return err
	}
	return act.Apply(ctx, in)
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
		case err != nil && !run.Steps[end.Step].Touched:
			// Of no attempt anything was sent, so nothing can have been done by one, and nothing was by this.
			end.State, end.Unsent, end.Note, end.Facts = pointsman.StepFailed, true, err.Error(), nil
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
func (e *Engine) late(ctx context.Context, run pointsman.Run, end pointsman.EndStep, deadline time.Time) (pointsman.Command, error) {
	s := run.Steps[end.Step]
	if s.InVain() > 0 {
		return e.unsent(ctx, run, end, errors.New("its time was over"), deadline)
	}
	if s.Attempt >= maxAttempts {
		end.State, end.Unsent, end.Note = pointsman.StepFailed, true, fmt.Sprintf("its time was over before attempt %d could begin; nothing was sent in it", s.Attempt)
		return end, nil
	}
	return pointsman.RetryStep{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Attempt: s.Attempt, Unsent: true, Note: "its time was over before it began; nothing was done"}, nil
}

func (e *Engine) input(run pointsman.Run, plan pointsman.Plan, i int, phase Phase) Input {
	with := plan.Steps[i].With
	if form := plan.Steps[i].Ungraceful; form != nil && (run.Steps[i].Harder() || run.Steps[i].State == pointsman.StepPending && run.Steps[i].HarderFrom > 0) {
		with = form.With
	}
	at := run.At(i)
	return Input{
		Phase: phase, Key: keyOf(run.ID, at), Incident: pointsman.IncidentOf(run.ID), Target: plan.Target,
		With: with, Params: plan.Params, Pins: plan.Pins, Bounds: run.Raised(plan).Bounds, StepN: at.N, Earlier: run.Steps[i].Earlier,
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
