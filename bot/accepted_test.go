package bot

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
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
		"none":                      {nil, []string{"loss <= 4.1 s of writes", "Steps: 1. check"}, []string{"more on the card"}},
		"two of 80":                 {[]string{risk(75, "1 of 2"), risk(75, "48 MB")}, []string{"213,792 B", "1 of 2", "48 MB"}, []string{"…", "more on the card", "Steps"}},
		"one that is too long":      {[]string{risk(300, "48 MB")}, []string{"213,792 B", "4.1 s", "and 1 more on the card"}, []string{"xxx", "…"}},
		"one too many":              {[]string{risk(75, "1 of 2"), risk(75, "48 MB"), risk(75, "9 MB")}, []string{"213,792 B", "1 of 2", "48 MB", "and 1 more on the card"}, []string{"9 MB", "…", "Steps"}},
		"only one that is too long": {[]string{risk(300, "48 MB")}, []string{"You accept what the card says, 1 thing"}, []string{"xxx", "…"}},
	} {
		p := base
		if p.Risks = c.risks; strings.HasPrefix(name, "only ") {
			p.Bounds = nil
		}
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

// Who presses Approve accepts what the card says, on a card of any size: all of it is there, whole, or there is no button.
func TestNobodyAcceptsARiskThatIsNotShown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		risks, letters int  // how many, and how long each is
		first, second  bool // has a button as the first proposal, and as another one
	}{
		"a site that may have been promoted": {7, 80, true, true},
		"long ones":                          {7, 700, true, false},
		"one without an end":                 {1, 4000, false, false},
		"more than a card takes":             {40, 400, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			risky := func(p *pointsman.Plan) {
				for i := range c.risks {
					p.Acknowledge = append(p.Acknowledge, "node pg-"+number(i)+strings.Repeat(" x", c.letters/2)+" figure "+number(i)+" & no more")
				}
			}
			s := begin(t).alert().readyWith(failover(risky)).readyWith(failover(risky, func(p *pointsman.Plan) { p.Runbook, p.Title = "postgres-switchover", "PostgreSQL switchover" }))
			v := ViewOf(s.state, s.now)
			cards := [][]slack.Block{Card(v)}
			accepts(t, v)
			limits(t, cards[0])
			for _, size := range fits {
				if !unsayable(v) {
					cards = append(cards, size.draw(v))
				}
			}
			for i, card := range cards {
				buttons := map[bool]bool{}
				for _, b := range card {
					switch b := b.(type) {
					case *slack.SectionBlock:
						if b.Accessory != nil {
							buttons[false] = buttons[false] || strings.Contains(textOf([]slack.Block{b}), `"action_id":"approve"`)
						}
					case *slack.ActionBlock:
						buttons[true] = buttons[true] || strings.Contains(textOf([]slack.Block{b}), `"action_id":"approve"`)
					}
				}
				first, second, _ := strings.Cut(visible(card), "↳ or ")
				for j := range c.risks {
					figure := "figure " + number(j) + " &amp; no more"
					if buttons[true] && !strings.Contains(first, figure) || buttons[false] && !strings.Contains(second, figure) {
						t.Errorf("card %d: %q is accepted and not shown", i, figure)
					}
				}
				if i == 0 && (buttons[true] != c.first || buttons[false] != c.second) {
					t.Errorf("buttons: first %t, second %t", buttons[true], buttons[false])
				}
				if way := "`pointsman approve INC-7/P"; !buttons[true] && !strings.Contains(first, way+"1`") || buttons[true] && !buttons[false] && !strings.Contains(second, way+"2`") {
					t.Errorf("card %d does not say how to decide: %s", i, visible(card))
				}
			}
		})
	}
}

// visible is the text of the sections, without that of dialogs.
func visible(blocks []slack.Block) string {
	var all []string
	for _, b := range blocks {
		if s, ok := b.(*slack.SectionBlock); ok {
			all = append(all, s.Text.Text)
		}
	}
	return strings.Join(all, "\n")
}
