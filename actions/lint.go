package actions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// Check finds what is wrong with the runbook's steps: unknown kinds, arguments that the kind does not read, references
// to nothing, missing timeouts. All faults at once, each with its line.
func (r *Registry) Check(rb pointsman.Runbook) []pointsman.Fault {
	if len(rb.Steps) == 0 {
		return []pointsman.Fault{{File: rb.File, Line: rb.Line, Path: "steps", Text: "a runbook needs at least one step"}}
	}
	var faults []pointsman.Fault
	var params []string
	for _, p := range rb.Params {
		params = append(params, p.Name)
	}
	places := pointsman.Places(rb.Steps)
	for i, s := range rb.Steps {
		add := func(field, format string, args ...any) {
			faults = append(faults, pointsman.Fault{File: rb.File, Line: s.Line, Path: rb.PathOf(i) + field, Text: fmt.Sprintf(format, args...)})
		}
		// A name that is no parameter must be pinned by a check of an earlier or this step; which pins a kind gives
		// is known only when it looks, so only a name in the first step is certainly wrong.
		known := func(field string, names []string) {
			for _, name := range names {
				if places[i].N == 1 && !slices.Contains(params, name) {
					add(field, "${%s} is no parameter of this runbook; it has %s", name, cmp.Or(strings.Join(params, ", "), "none"))
				}
			}
		}
		if s.Name != "" && slices.ContainsFunc(rb.Steps[:i], func(other pointsman.RunbookStep) bool { return other.Name == s.Name }) {
			add(".name", "another step is called %s; a person must know which one is meant", s.Name)
		}
		if s.When != nil {
			known(".when", references(needs(pointsman.RunbookStep{When: s.When})))
		}
		if r.checkGroup(rb.Steps, i, add) && r.checkKind(s, add) {
			known(".with", references(s.With))
		}
	}
	return append(faults, r.checkLocks(rb)...)
}

// checkGroup says whether the kind may stand where it does; in a group it may only where it is made for that.
func (r *Registry) checkGroup(steps []pointsman.RunbookStep, i int, add func(field, format string, args ...any)) bool {
	s := steps[i]
	if _, known := r.Find(s.Kind); s.Group.Name == "" || !known && !Own(s.Kind) {
		return true
	}
	if _, may := r.beside(s.Kind, Input{}); !may {
		add(".kind", "a step of kind %s has its position to itself; members of a group are of the kinds %s", s.Kind, r.alongside())
		return false
	}
	if why := r.clash(steps, i, func(n int) Input { return Input{With: rawArgs(steps[n].With)} }); why != "" {
		add(".with", "%s", why)
	}
	return true
}

// checkKind says whether the step has an effect whose arguments can be looked at further.
func (r *Registry) checkKind(s pointsman.RunbookStep, add func(field, format string, args ...any)) bool {
	act, known := r.Find(s.Kind)
	switch {
	case Own(s.Kind):
		if _, err := r.describePause(s, Input{With: rawArgs(s.With)}); err != nil {
			add(".with", "%v", err)
		}
		return false
	case s.Kind == "":
		add(".kind", "a step needs a kind, for example manual.task")
		return false
	case !known && r.Nearest(s.Kind) != "":
		add(".kind", "unknown action kind %q, did you mean %q?", s.Kind, r.Nearest(s.Kind))
		return false
	case !known:
		add(".kind", "unknown action kind %q; known are %s", s.Kind, strings.Join(r.Kinds(), ", "))
		return false
	}
	if s.Timeout <= 0 {
		add(".timeout", "a step of kind %s needs a timeout, for example 30s", s.Kind)
	}
	if d, ok := act.(Describer); ok {
		if _, err := d.Describe(Input{With: rawArgs(s.With)}); err != nil {
			add(".with", "%v", err)
		}
	}
	return true
}

func rawArgs(args map[string]any) json.RawMessage {
	if args == nil {
		return json.RawMessage("{}")
	}
	b, err := json.Marshal(args)
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}
