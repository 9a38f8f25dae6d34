package alerts

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// Matchers is a set of Alertmanager matchers, all of which must hold. The zero value holds for everything, as an
// empty matcher list does in Alertmanager's routes.
type Matchers struct{ all labels.Matchers }

// ParseMatchers reads matchers in Alertmanager's own syntax, one or more per string: `severity="critical"`,
// `{cluster=~"orders|billing",region!="eu"}`. It accepts what Alertmanager accepts by default: the UTF-8 syntax, and
// the classic one where only that can be read. Alertmanager's package is deprecated in place ("will be moved"), so it
// is used in this file only.
func ParseMatchers(texts []string) (Matchers, error) {
	parse := compat.FallbackMatchersParser(slog.New(slog.DiscardHandler))
	var m Matchers
	for _, t := range texts {
		if strings.TrimSpace(t) == "" {
			return Matchers{}, errors.New(`an empty matcher; write for example alertname="PrimaryDown"`)
		}
		got, err := parse(t, "configuration")
		if err != nil {
			return Matchers{}, fmt.Errorf("matcher %s: %w", t, err)
		}
		m.all = append(m.all, got...)
	}
	return m, nil
}

// Match reports whether all matchers hold for the labels. A missing label counts as an empty one.
func (m Matchers) Match(set map[string]string) bool {
	for _, one := range m.all {
		if !one.Matches(set[one.Name]) {
			return false
		}
	}
	return true
}

// Names are the labels that the matchers look at, in the order in which they are written.
func (m Matchers) Names() []string {
	out := make([]string, len(m.all))
	for i, one := range m.all {
		out[i] = one.Name
	}
	return out
}

// Empty reports whether there is no matcher at all.
func (m Matchers) Empty() bool { return len(m.all) == 0 }

// String is the set as Alertmanager writes it, without braces.
func (m Matchers) String() string {
	parts := make([]string, len(m.all))
	for i, one := range m.all {
		parts[i] = one.String()
	}
	return strings.Join(parts, ", ")
}
