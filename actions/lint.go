package actions

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pointsman/pointsman"
)

// Check finds what is wrong with the runbook's steps: unknown kinds, arguments that the kind does not read, references
// to nothing, missing timeouts. All faults at once, each with its line.
func (r *Registry) Check(rb pointsman.Runbook) []pointsman.Fault {
	var faults []pointsman.Fault
	add := func(line int, path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{File: rb.File, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if len(rb.Steps) == 0 {
		add(rb.Line, "steps", "a runbook needs at least one step")
	}
	var params []string
	for _, p := range rb.Params {
		params = append(params, p.Name)
	}
	places := pointsman.Places(rb.Steps)
	for i, s := range rb.Steps {
		path := rb.PathOf(i)
		if slices.ContainsFunc(rb.Steps[:i], func(other pointsman.RunbookStep) bool { return other.Name == s.Name }) {
			add(s.Line, path+".name", "two steps are named %q; people tell them apart by their names", s.Name)
		}
		if s.When != nil {
			for _, name := range references(needs(pointsman.RunbookStep{When: s.When})) {
				if places[i].N == 1 && !slices.Contains(params, name) {
					add(s.Line, path+".when", "${%s} is no parameter of this runbook; it has %v", name, params)
				}
			}
		}
		act, known := r.Find(s.Kind)
		if s.Group.Name != "" && (known || Own(s.Kind)) {
			if _, may := r.beside(s.Kind, Input{}); !may {
				add(s.Line, path+".kind", "a step of kind %s has its position to itself; members of a group are of the kinds %s", s.Kind, r.alongside())
				continue
			}
			if why := r.clash(rb.Steps, i, func(n int) Input { return Input{With: rawArgs(rb.Steps[n].With)} }); why != "" {
				add(s.Line, path+".with", "%s", why)
			}
		}
		switch {
		case Own(s.Kind):
			if _, err := r.describePause(s, Input{With: rawArgs(s.With)}); err != nil {
				add(s.Line, path+".with", "%v", err)
			}
			continue
		case !known && r.Nearest(s.Kind) != "":
			add(s.Line, path+".kind", "unknown action kind %q, did you mean %q?", s.Kind, r.Nearest(s.Kind))
			continue
		case !known:
			add(s.Line, path+".kind", "unknown action kind %q; known are %v", s.Kind, r.Kinds())
			continue
		}
		if s.Timeout <= 0 {
			add(s.Line, path+".timeout", "a step of kind %s needs a timeout, for example 30s", s.Kind)
		}
		if d, ok := act.(Describer); ok {
			if _, err := d.Describe(Input{With: rawArgs(s.With)}); err != nil {
				add(s.Line, path+".with", "%v", err)
			}
		}
		// A name that is no parameter must be pinned by a check of an earlier or this step; which pins a kind gives
		// is known only when it looks, so only a name in the first step is certainly wrong.
		for _, name := range references(s.With) {
			if places[i].N == 1 && !slices.Contains(params, name) {
				add(s.Line, path+".with", "${%s} is no parameter of this runbook; it has %v", name, params)
			}
		}
	}
	return faults
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
