package actions

import (
	"maps"

	"github.com/pointsman/pointsman"
)

// laid are the arguments of a step with those of its ungraceful form over them; the names that both refer to must be
// known before either can be resolved.
func laid(s pointsman.RunbookStep) map[string]any {
	if len(s.Ungraceful) == 0 {
		return s.With
	}
	out := map[string]any{"": s.With} // beside each other, so that no reference of the graceful form is hidden
	maps.Copy(out, s.Ungraceful)
	return out
}

// harderForm resolves the ungraceful form of a step: its arguments over the graceful ones, described by the kind. It is
// part of the plan, so that who approves the plan has read it.
func harderForm(s pointsman.RunbookStep, in Input, values map[string]string, act Action) (*pointsman.Form, error) {
	if len(s.Ungraceful) == 0 {
		return nil, nil
	}
	args := maps.Clone(s.With)
	if args == nil {
		args = map[string]any{}
	}
	maps.Copy(args, s.Ungraceful)
	with, err := fill(args, values)
	if err != nil {
		return nil, err
	}
	form := &pointsman.Form{With: with, Summary: s.Name}
	if d, ok := act.(Describer); ok {
		in.With = with
		if form.Summary, err = d.Describe(in); err != nil {
			return nil, err
		}
	}
	return form, nil
}
