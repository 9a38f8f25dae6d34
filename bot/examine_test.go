package bot

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

func TestExamineFindsWhatWouldKeepACardAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	faults := func(b *Bot) string {
		t.Helper()
		var out []string
		for _, f := range b.Examine(t.Context()) {
			if f.Result != pointsman.Pass {
				out = append(out, f.Text+"; "+f.Clears)
			}
		}
		return strings.Join(out, "\n")
	}
	other := func(edit func(*Config)) *Bot {
		cfg := w.bot.cfg
		cfg.Mode, cfg.APIURL = ModeSocket, "http://slack.example/api"
		edit(&cfg)
		b, err := New(cfg, Deps{Transport: fakeslack.Transport(w.slack)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		edit func(*Config)
		want string
	}{
		{"all is well", func(*Config) {}, ""},
		{"a token that was revoked", func(c *Config) { c.BotToken = "xoxb-old" }, "Slack refuses the bot's token: invalid_auth"},
		{"the token of another workspace", func(c *Config) { c.Team = "T0OTHER" }, "set slack.team: T0POINTS"},
		{"a channel without the bot", func(c *Config) { c.Channel = "C0ELSE" }, "invite the bot"},
		{"an app-level token of another app", func(c *Config) { c.AppToken = "xapp-old" }, "Slack opens no connection: invalid_auth"},
	} {
		if got := faults(other(c.edit)); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if n := len(w.slack.Calls("chat.postMessage")); n != 0 {
		t.Errorf("%d messages were posted by a look", n)
	}
}
