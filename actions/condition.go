package actions

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/pointsman/pointsman"
)

// needs is everything of a step in which a reference may stand.
func needs(s pointsman.RunbookStep) map[string]any {
	out := map[string]any{"with": laid(s)}
	if s.When != nil {
		out["fact"], out["value"] = s.When.Fact, s.When.Value
	}
	return out
}

// resolveWhen fills the references of a condition; a name that a check chooses may be part of a fact's name.
func resolveWhen(c *pointsman.Condition, values map[string]string) (*pointsman.Condition, error) {
	if c == nil {
		return nil, nil
	}
	raw, err := fill(map[string]any{"fact": c.Fact, "is": c.Is, "value": c.Value}, values)
	if err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	var out pointsman.Condition
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	if err := out.Check(); err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	return &out, nil
}

// notYet puts off what stands in the way of a step that may be left out: its guards are due when it begins, and are
// checked again then.
func notYet(ev pointsman.Evidence, n int) pointsman.Evidence {
	facts := make([]pointsman.Fact, len(ev.Facts))
	for i, f := range ev.Facts {
		if f.Refuses() || f.NeedsAcknowledgement() {
			f.Result, f.BeforeN = pointsman.Later, n
		}
		facts[i] = f
	}
	ev.Facts = facts
	return ev
}

// withConditions are the facts, and for each condition what it would answer now.
func (c checks) withConditions(steps []pointsman.RunbookStep) []pointsman.Fact {
	facts := c.facts()
	found := len(facts)
	for i, at := range pointsman.Places(steps) {
		w, name := c.list[i].when, cmp.Or(steps[i].Group.Name, steps[i].Name)
		if w == nil || at.Member > 1 { // a group is asked once
			continue
		}
		is, why := w.Holds(facts[:found])
		f := pointsman.Fact{Name: "condition of step " + name, Value: string(is), Result: pointsman.Pass, Text: fmt.Sprintf("step %d (%s) only if %s: %s now, %s", at.N, name, w, is, why)}
		if is == pointsman.NotKnown {
			f.Result = pointsman.Unknown
		}
		facts = append(facts, f)
	}
	return facts
}
