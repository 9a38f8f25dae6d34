package app

import (
	"testing"

	"github.com/pointsman/pointsman/bot"
)

// Whoever is woken opens the link of the page in a browser: what they find must be for people, or there is no link.
func TestAPageLinksToWhatAPersonCanOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  bot.Config
		want string
	}{
		"without Slack":          {bot.Config{Team: "T0ONE", Channel: "C0INC"}, ""},
		"with Slack":             {bot.Config{Enabled: true, Team: "T0ONE", Channel: "C0INC"}, "https://slack.com/app_redirect?channel=C0INC&team=T0ONE"},
		"behind a proxy of ours": {bot.Config{Enabled: true, Team: "T0ONE", Channel: "C0INC", APIURL: "https://egress.example/slack/"}, "https://slack.com/app_redirect?channel=C0INC&team=T0ONE"},
		"with Slack of governments": {
			bot.Config{Enabled: true, Team: "T0ONE", Channel: "C0INC", APIURL: "https://slack-gov.com/api/"},
			"https://slack-gov.com/app_redirect?channel=C0INC&team=T0ONE",
		},
	} {
		if got := link(c.cfg)("INC-7"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
