package actions

import (
	"context"
	"fmt"

	"github.com/pointsman/pointsman"
)

// hold is a person who locks the yard and freezes everything now and then, and always ends it when the storm is over.
func (r *replica) hold(ctx context.Context, by pointsman.Actor) {
	say := func(verb pointsman.Protective, target pointsman.Target) {
		r.says(ctx, pointsman.Protect{Verb: verb, Target: target, Reason: "test", Roles: []string{"dba"}, By: by})
	}
	if held, err := r.store.Held(ctx); err == nil {
		for _, p := range held.Protections {
			switch {
			case p.Hold.Since.IsZero() || r.chance(60, "keeps", p.Target):
			case p.Target == pointsman.Everything:
				say(pointsman.Unfreeze, pointsman.Target{})
			default:
				say(pointsman.Unlock, yard)
			}
		}
	}
	if r.chance(10, "freezes") {
		say(pointsman.Freeze, pointsman.Target{})
	}
	if r.chance(6, "locks") {
		say(pointsman.Lockout, yard)
	}
}

// holdings are the holds in force while the log is read.
type holdings struct {
	frozen bool
	locked map[string]bool
	runs   map[string]string // target -> the run that holds it
}

// broken says which promise the next event of the log breaks.
func (h *holdings) broken(ev pointsman.Event) string {
	if h.locked == nil {
		h.locked, h.runs = map[string]bool{}, map[string]string{}
	}
	switch ev.Type {
	case pointsman.EvFreezeOn, pointsman.EvFreezeOff:
		h.frozen = ev.Type == pointsman.EvFreezeOn
	case pointsman.EvTargetUnlocked:
		h.locked[ev.Target] = false
	case pointsman.EvTargetLocked:
		h.locked[ev.Target] = true
		if run := h.runs[ev.Target]; run != "" {
			return fmt.Sprintf("I5: %s was locked by a person while %s held it", ev.Target, run)
		}
	case pointsman.EvRunDone, pointsman.EvRunAborted, pointsman.EvRunVoided:
		h.runs[ev.Target] = ""
	case pointsman.EvRunQueued, pointsman.EvRunStarted, pointsman.EvStepStarted:
		h.runs[ev.Target] = ev.Run
		if h.frozen {
			return fmt.Sprintf("I11: %s of %s while everything was frozen", ev.Type, ev.Run)
		}
		if h.locked[ev.Target] {
			return fmt.Sprintf("I5: %s of %s while a person held %s", ev.Type, ev.Run, ev.Target)
		}
	}
	return ""
}
