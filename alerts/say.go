package alerts

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pointsman/pointsman"
)

// quoted shows a stranger's text inside a sentence: bounded, on one line, in quotes.
func quoted(s string) string { return strconv.Quote(line(s, 60)) }

// line is text as one bounded line: control characters and the invisible ones that turn the reading direction round
// become spaces, because a title may stand in a log, a card and a page.
func line(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if pointsman.Unseen(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return cut(strings.Join(strings.Fields(s), " "), limit)
}

// cut shortens to at most limit characters.
func cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// said lists the labels with their values, each once, in the order of names.
func said(set map[string]string, names []string) string {
	var parts []string
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			continue
		}
		if v, ok := set[n]; ok {
			parts = append(parts, n+"="+quoted(v))
		} else {
			parts = append(parts, "no "+n)
		}
	}
	if len(parts) == 0 {
		return "none is looked at"
	}
	return strings.Join(parts, ", ")
}

func names(params []pointsman.Param) string {
	out := make([]string, len(params))
	for i, p := range params {
		out[i] = p.Name
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
