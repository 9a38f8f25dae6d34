package pointsman

import (
	"slices"
	"strings"
)

// severities from the worst down, in the words that alert rules use.
var severities = []string{"critical", "page", "error", "high", "warning", "medium", "low", "info", "none"}

// Worse reports whether one severity is worse than another. A word that is not known (P1, sev1, fatal) is as bad as the
// worst: whoever chose it may have meant that, and taken for less it would wake nobody. No word at all is the least.
func Worse(a, b string) bool { return weight(a) < weight(b) }

func weight(severity string) int {
	if severity == "" {
		return len(severities)
	}
	return max(0, slices.Index(severities, strings.ToLower(severity)))
}
