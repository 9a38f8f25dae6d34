package pointsman

import (
	"fmt"
	"slices"
	"strings"
)

// Mode says what a run is for. It is chosen when the run is asked for, and the plan's digest covers it.
type Mode string

// The modes.
const (
	// ModeIncident: something is wrong now. What alerts ask for is always this.
	ModeIncident Mode = "incident"
	// ModePlanned: work that could also be done another day; maintenance windows hold it.
	ModePlanned Mode = "planned"
	// ModeDrill: an exercise. It changes its target like the others, so only targets that say so take it, and only a
	// person asks for it, by name.
	ModeDrill Mode = "drill"
)

// Modes are all modes.
func Modes() []Mode { return []Mode{ModeIncident, ModePlanned, ModeDrill} }

// Permitted are the modes that the runbook may run in; the first is meant where a person names none. A file that says
// nothing permits no drill: whoever wrote it did not think of one.
func (r Runbook) Permitted() []Mode {
	switch {
	case len(r.Modes) > 0:
		return r.Modes
	case len(r.Answers) > 0:
		return []Mode{ModeIncident, ModePlanned}
	}
	return []Mode{ModePlanned, ModeIncident}
}

// ModeOf is the mode of a run of the runbook that somebody asks for with this word, which may be empty. The error is
// one sentence for them.
func (r Runbook) ModeOf(word Mode) (Mode, error) {
	may := r.Permitted()
	if word == "" {
		if may[0] == ModeDrill {
			return "", Errorf(CodeInvalid, "%s is only for drills; ask for one with mode=drill", r.Name)
		}
		return may[0], nil
	}
	if !slices.Contains(Modes(), word) {
		return "", Errorf(CodeInvalid, "%q is no mode; there are %s", string(word), ModeNames(Modes()))
	}
	if !slices.Contains(may, word) {
		return "", Errorf(CodeInvalid, "%s does not run in mode %s; its file permits %s, under modes", r.Name, word, ModeNames(may))
	}
	return word, nil
}

// ModeNames are modes as a sentence lists them.
func ModeNames(in []Mode) string {
	out := make([]string, len(in))
	for i, m := range in {
		out[i] = string(m)
	}
	return strings.Join(out, ", ")
}

// marked puts the mark of an exercise before a sentence, so that nobody who reads it anywhere takes it for an outage.
func (m Mode) marked(text string) string {
	if m == ModeDrill {
		return "DRILL: " + text
	}
	return text
}

// pageFor wakes somebody because of a run. A drill wakes nobody while nothing fires: its people are there. What breaks in
// it raises alerts, and then it counts like any other run.
func (t *turn) pageFor(r *Run, by Actor, text string) {
	if t.quiet(r) {
		return
	}
	t.page(by, r.Mode.marked(text))
}

func (t *turn) quiet(r *Run) bool { return r.Mode == ModeDrill && !t.state.Incident.Burning() }

// Drill reports whether the incident is only an exercise as far as anybody knows.
func (s State) Drill() bool {
	return !s.Incident.Burning() && len(s.Proposals) > 0 && Ranked(s.Proposals)[0].Mode == ModeDrill
}

// purpose is the mode as it stands in a sentence; nothing where none is said.
func (m Mode) purpose() string {
	if m == "" {
		return ""
	}
	return fmt.Sprintf(", mode %s", m)
}
