package bot

import (
	"fmt"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// evidence lists what was measured for the proposal or run with the id. No line is without its source and its age.
func (c caps) evidence(id, heading string, facts []pointsman.Fact) slack.Block {
	if len(facts) == 0 {
		return section(heading + "\nnothing was measured")
	}
	lines := make([]string, len(facts))
	for i, f := range facts {
		lines[i] = c.fact(f)
	}
	return listed(heading, lines, c.facts, printed(pointsman.IncidentOf(id)))
}

func (c caps) fact(f pointsman.Fact) string {
	if f.Result == pointsman.Later {
		return fmt.Sprintf("⏱️ %s: will be checked before step %d", md(f.Name, 80), f.BeforeN)
	}
	s := factIcon(f) + " " + md(f.Name, 80) + ": " + md(f.Value, 80)
	if bar := f.Bar(); bar != "" {
		s += " (" + md(bar, 70) + ")"
	}
	if f.Text != "" && f.Result != pointsman.Pass {
		s = factIcon(f) + " " + md(f.Text, c.text)
	}
	if f.Clears != "" && f.Result != pointsman.Pass {
		s += " – " + md(f.Clears, c.text)
	}
	if f.Source != "" {
		s += " · " + md(f.Source, 60)
	}
	if f.At.IsZero() {
		return s
	}
	return s + " · " + ago(f.At)
}

// factIcon: what stands in the way, what must be accepted or minded, what could not be told, what is well.
func factIcon(f pointsman.Fact) string {
	switch {
	case f.Refuses():
		return "⛔"
	case f.Result == pointsman.Unknown:
		return "❔"
	case f.Result == pointsman.Fail:
		return "⚠️"
	}
	return "✅"
}

// tally counts the evidence where there is no room for it.
func tally(facts []pointsman.Fact) string {
	n := map[string]int{}
	for _, f := range facts {
		if f.Result == pointsman.Later {
			n["⏱️"]++
		} else {
			n[factIcon(f)]++
		}
	}
	s := ""
	for _, icon := range []string{"⛔", "⚠️", "❔", "✅", "⏱️"} {
		if n[icon] > 0 {
			s += fmt.Sprintf("%s %d ", icon, n[icon])
		}
	}
	return s + "checks"
}
