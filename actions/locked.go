package actions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// Tied is an optional part of an Action that works on the run's own target and on no other: the kind of that target, and
// the argument of the step that names it.
type Tied interface {
	TiedTo() (kind, argument string)
}

// Frugal is an optional part of an Action that needs less than others, which need a runbook with a target and its lock: it
// only looks, or it is a brake, which must work whoever holds what.
type Frugal interface{ Needs() (target, lock bool) }

// checkLocks holds the runbook to what its steps change. Without a target a run has no lock, no cool-down and no window,
// and with another one it has those of something else; at night neither would be noticed by anybody.
func (r *Registry) checkLocks(rb pointsman.Runbook) []pointsman.Fault {
	var faults []pointsman.Fault
	for i, s := range rb.Steps {
		act, known := r.Find(s.Kind)
		if !known {
			continue
		}
		field, text := wrongLock(rb, s, act)
		if text == "" {
			continue
		}
		faults = append(faults, pointsman.Fault{File: rb.File, Line: s.Line, Path: rb.PathOf(i) + field, Text: text})
		if rb.Target == "" || !rb.Lock {
			break // the other steps say the same of the same line
		}
	}
	return faults
}

// wrongLock says why the runbook does not hold what the step needs; nothing where it does.
func wrongLock(rb pointsman.Runbook, s pointsman.RunbookStep, act Action) (field, text string) {
	if o, ok := act.(observed); ok {
		act = o.Action
	}
	tied, isTied := act.(Tied)
	target, lock := true, true
	if f, ok := act.(Frugal); ok {
		target, lock = f.Needs()
	}
	at := slices.IndexFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == rb.Target })
	switch {
	case rb.Target == "" && (target || isTied):
		return ".kind", fmt.Sprintf("a step of kind %s needs a target, by which locks, windows and the cool-down hold, and this runbook has none; write target: with the parameter that names it", s.Kind)
	case lock && !rb.Lock:
		return ".kind", fmt.Sprintf("a step of kind %s needs the lock of its target, and this runbook says lock: false; take that out", s.Kind)
	case !isTied || at < 0:
		return "", "" // that the target is no parameter is said where it stands
	}
	kind, argument := tied.TiedTo()
	named := references(map[string]any{argument: s.With[argument]})
	switch p := rb.Params[at]; {
	case p.Type == "target" && p.Kind != kind:
		return ".kind", fmt.Sprintf("a step of kind %s works on a target of kind %s, and this runbook locks %s, of kind %s", s.Kind, kind, p.Name, cmp.Or(p.Kind, "none"))
	case len(named) > 0 && !slices.Contains(named, rb.Target):
		return ".with." + argument, fmt.Sprintf("the step works on ${%s}, and this runbook locks ${%s}; the two must be the same", strings.Join(named, "}${"), rb.Target)
	}
	return "", ""
}
