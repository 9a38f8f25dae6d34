package bot

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Who presses Approve accepts the figures in the dialog; one that is cut was accepted by nobody.
func TestTheDialogNamesEachRiskWholeOrCountsIt(t *testing.T) {
	t.Parallel()
	risk := func(n int, what string) string { return strings.Repeat("x", n) + " " + what }
	base := ProposalView{
		Digest: "f065f901c4eb", Target: "postgres/orders (production)", Bounds: []string{"loss <= 213,792 B", "loss <= 4.1 s of writes"},
		Steps: []StepView{{Text: "check that pg-1 is gone"}, {Text: "promote pg-2", Irreversible: true}},
	}
	for name, c := range map[string]struct {
		risks     []string
		has, lack []string
	}{
		"none":         {nil, []string{"loss <= 4.1 s of writes", "Steps: 1. check"}, []string{"more on the card"}},
		"two of 80":    {[]string{risk(75, "1 of 2"), risk(75, "48 MB")}, []string{"213,792 B", "1 of 2", "48 MB"}, []string{"…", "more on the card", "Steps"}},
		"one too many": {[]string{risk(75, "1 of 2"), risk(75, "48 MB"), risk(75, "9 MB")}, []string{"213,792 B", "1 of 2", "48 MB", "and 1 more on the card"}, []string{"9 MB", "…", "Steps"}},
	} {
		p := base
		p.Risks = c.risks
		got := accepted(p)
		if n := utf8.RuneCountInString(got); n > maxConfirm {
			t.Errorf("%s: %d characters", name, n)
		}
		for _, s := range c.has {
			if !strings.Contains(got, s) {
				t.Errorf("%s: no %q in %q", name, s, got)
			}
		}
		for _, s := range c.lack {
			if strings.Contains(got, s) {
				t.Errorf("%s: %q in %q", name, s, got)
			}
		}
	}
}
