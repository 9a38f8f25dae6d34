package bot

import (
	"strings"

	"github.com/pointsman/pointsman"
)

// steps lists the steps with the point of no return between them, each drawn by one; a group has a line of its own and
// its members follow it.
func steps(p ProposalView, one func(StepView) string) []string {
	var out []string
	passed := false
	for _, s := range p.Steps {
		if s.Irreversible && !passed {
			passed = true
			out = append(out, "━━ ⛔ _point of no return_ ━━")
		}
		if s.At.Member == 1 {
			out = append(out, "⇉ "+number(s.At.N)+". *"+md(s.Group, 60)+"*, at the same time:")
		}
		drawn := one(s)
		if s.At.Member > 0 {
			drawn = "└ " + drawn
		}
		out = append(out, drawn)
	}
	return out
}

// flow says the steps one after the other for the middle of a sentence, those at the same time in brackets: "fence pg-1",
// "drain (eu and us, at the same time)".
func flow(list []StepView) []string {
	var out, members []string
	for i, s := range list {
		t := s.Text
		if s.Irreversible {
			t += " (cannot be undone)"
		}
		if s.At.Member == 0 {
			out = append(out, t)
			continue
		}
		members = append(members, t)
		if i+1 == len(list) || list[i+1].At.N != s.At.N {
			out = append(out, s.Group+" ("+strings.Join(members, " and ")+", at the same time)")
			members = nil
		}
	}
	return out
}

// pending are the steps that have not begun.
func pending(list []StepView) []StepView {
	var out []StepView
	for _, s := range list {
		if s.State == pointsman.StepPending {
			out = append(out, s)
		}
	}
	return out
}
