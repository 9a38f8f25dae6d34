package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// Together is an optional part of an Action that may be a member of a group: what it does needs nothing of what the other
// members do, and it leads past no point of no return. A kind without it always has its position to itself.
type Together interface {
	// Beside is the configured target that the step works on or looks at; two members of a group never have the same. While a
	// runbook is linted the name may be a reference.
	Beside(in Input) (pointsman.Target, error)
}

// beside is the target of a member, and whether its kind may be one.
func (r *Registry) beside(kind string, in Input) (key string, may bool) {
	act, _ := r.Find(kind)
	if o, ok := act.(observed); ok {
		act = o.Action
	}
	t, ok := act.(Together)
	if !ok {
		return "", false
	}
	target, err := t.Beside(in)
	if err != nil {
		return "", true // Describe says what is wrong with the arguments
	}
	return target.Key(), true
}

// alongside lists the kinds that may be members of a group.
func (r *Registry) alongside() string {
	var out []string
	for _, kind := range r.Kinds() {
		if _, may := r.beside(kind, Input{}); may {
			out = append(out, kind)
		}
	}
	return strings.Join(out, ", ")
}

// clash says which member of its group works on the same target as step i; empty where none before it does.
func (r *Registry) clash(steps []pointsman.RunbookStep, i int, input func(int) Input) string {
	mine, _ := r.beside(steps[i].Kind, input(i))
	for n := i - 1; n >= 0 && steps[n].Group.Name == steps[i].Group.Name && mine != ""; n-- {
		if other, _ := r.beside(steps[n].Kind, input(n)); other == mine {
			return fmt.Sprintf("%s and %s both work on %s; members of a group are independent, so put one of them into a step of its own", steps[n].Name, steps[i].Name, mine)
		}
	}
	return ""
}

// apart finds members of one group that came to work on the same target, with what labels and checks chose.
func (r *Resolver) apart(steps []pointsman.RunbookStep, base Input, c *checks) {
	input := func(i int) Input {
		in := base
		in.With, in.Pins = c.list[i].with, c.pins
		return in
	}
	for i, s := range steps {
		if s.Group.Name == "" {
			continue
		}
		if why := r.Kinds.clash(steps, i, input); why != "" {
			c.list[i].problem = why
		}
	}
}

// together carries out the members of a group that are at work, beside each other, and says their outcomes one after the
// other. It returns when none is at work any more; a member that fails cancels no other.
func (e *Engine) together(ctx context.Context, run pointsman.Run, plan pointsman.Plan, epoch int64) (pointsman.Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, busy, ended := plan.Steps[run.Current()].Group, map[int]bool{}, make(chan memberEnd)
	begin := func() error {
		at := run.Current()
		if at >= len(plan.Steps) || plan.Steps[at].Group != group {
			return nil // the group is over
		}
		fresh := slices.DeleteFunc(run.AtWork(), func(i int) bool { return busy[i] })
		no, err := e.admit(ctx, run, plan, fresh)
		if err != nil {
			return err
		}
		for _, i := range fresh {
			busy[i] = true
			end, seen := pointsman.EndStep{Run: run.ID, Epoch: epoch, Step: i, Attempt: run.Steps[i].Attempt}, run
			go func() {
				said, err := e.member(ctx, seen, plan, end, no)
				ended <- memberEnd{step: i, said: said, err: err}
			}()
		}
		return nil
	}
	lost := begin()
	for len(busy) > 0 {
		m := <-ended
		delete(busy, m.step)
		if lost != nil {
			e.lateResult(ctx, m.said, lost)
			continue
		}
		if lost = m.err; lost == nil {
			run, lost = e.say(ctx, m.said)
			pointsman.Failpoint("group.member-ended", run.Runbook)
		}
		if lost == nil {
			lost = begin()
		}
		if lost != nil {
			cancel(lost) // the run is not ours any more: a successor observes whatever is at work
		}
	}
	return run, lost
}

// memberEnd is what is to be said of a member whose attempt is over.
type memberEnd struct {
	step int
	said pointsman.Command
	err  error // the run is not ours any more
}

// admit checks the group again, under the lock, before members of it are sent: those that begin now and those that are
// still to begin. What it finds in the way refuses all that begin now. Members to be observed are none of its business.
func (e *Engine) admit(ctx context.Context, run pointsman.Run, plan pointsman.Plan, fresh []int) ([]pointsman.Fact, error) {
	due, begins := map[int]bool{}, false
	for _, i := range fresh {
		due[i] = run.Steps[i].State == pointsman.StepStarted
		begins = begins || due[i]
	}
	if !begins {
		return nil, nil
	}
	for i, to := run.Members(fresh[0]); i < to; i++ {
		due[i] = due[i] || run.Steps[i].State == pointsman.StepPending
	}
	facts := e.rechecked(ctx, run, plan, func(i int) bool { return due[i] })
	if lost := context.Cause(ctx); lost != nil {
		return nil, lost
	}
	return pointsman.Refusals(facts), nil
}

// member is one attempt of a member of a group. no is what stands in the way of those that begin.
func (e *Engine) member(ctx context.Context, run pointsman.Run, plan pointsman.Plan, end pointsman.EndStep, no []pointsman.Fact) (pointsman.Command, error) {
	s := plan.Steps[end.Step]
	act, err := e.Kinds.effect(s.Kind, s.Timeout)
	switch {
	case err != nil:
		end.State, end.Unsent, end.Note = pointsman.StepFailed, true, err.Error()
	case untold(no) != nil && run.Steps[end.Step].InVain() > 0:
		return e.unsent(ctx, run, end, untold(no), run.StepUntil(end.Step, s))
	case len(no) > 0 && run.Steps[end.Step].State == pointsman.StepStarted:
		end.State, end.Note, end.Facts = pointsman.StepRefused, joined(no), no
	default:
		return e.act(ctx, run, plan, end, act)
	}
	return end, nil
}
