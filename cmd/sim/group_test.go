package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// grouped adds a group to the runbook of some schedules. Whose answer comes first within one instant is up to the scheduler
// there, so the same seed is not the same history; the promises are the same.
func grouped(open func(*testing.T, *world) backing) func(*testing.T, *world) backing {
	return func(t *testing.T, w *world) backing {
		if len(w.cat.runbook.Steps) == 3 && w.draw(2, "grouped") == 0 {
			w.cat.runbook.Steps = slices.Insert(w.cat.runbook.Steps, 1, w.signals()...)
		}
		return open(t, w)
	}
}

// signals are steps that are at work at the same time, more of them than may be at once.
func (w *world) signals() []pointsman.RunbookStep {
	group := pointsman.Group{Name: "signals"}
	if w.draw(3, "hurried") == 0 {
		group.Timeout = 15 * time.Second
	}
	var out []pointsman.RunbookStep
	for i := range 2 + w.draw(4, "signals") {
		out = append(out, pointsman.RunbookStep{Name: fmt.Sprint("signal-", i+1), Kind: "yard.fence", Timeout: 10 * time.Second, Group: group})
	}
	return out
}

// keyOf is the idempotency key of the step of which the event tells.
func keyOf(ev pointsman.Event) string {
	return fmt.Sprint(ev.Run, "/", pathOf(ev))
}

func pathOf(ev pointsman.Event) string {
	if ev.Member > 0 {
		return fmt.Sprint(ev.StepN, "/", ev.Member)
	}
	return fmt.Sprint(ev.StepN)
}

// stepOf is the runbook's step of which the event tells.
func (c *catalog) stepOf(ev pointsman.Event) (pointsman.RunbookStep, bool) {
	for i, at := range pointsman.Places(c.runbook.Steps) {
		if at == (pointsman.Place{N: ev.StepN, Member: ev.Member}) {
			return c.runbook.Steps[i], true
		}
	}
	return pointsman.RunbookStep{}, false
}

// groups: members begin beside good ones only, at most so many at once, and none that is done.
func (j *ruling) groups(ev pointsman.Event) {
	if ev.Member == 0 {
		return
	}
	at, key := fmt.Sprint(ev.Run, "/", ev.StepN), keyOf(ev)
	switch ev.Type {
	case pointsman.EvStepStarted:
		if j.bad[at] {
			j.violated("%s began although another member had ended badly", key)
		}
		if j.busy[at] == nil {
			j.busy[at] = map[int]bool{}
		}
		if j.busy[at][ev.Member] = true; len(j.busy[at]) > pointsman.AtOnce {
			j.violated("%d members of %s are at work", len(j.busy[at]), at)
		}
	case pointsman.EvStepDone, pointsman.EvStepSkipped:
		delete(j.busy[at], ev.Member)
	case pointsman.EvStepRefused, pointsman.EvStepFailed:
		delete(j.busy[at], ev.Member)
		j.bad[at] = true
	}
}

// rest: what is parked goes on only on a person's word, and then its members may begin anew.
func (j *ruling) rest(ev pointsman.Event) {
	if ev.Type != pointsman.EvRunParked {
		return
	}
	for at := range j.busy {
		if len(at) > len(ev.Run) && at[:len(ev.Run)+1] == ev.Run+"/" {
			delete(j.busy, at)
			delete(j.bad, at)
		}
	}
}
