package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/configs"
)

// TestSlackAway: the bot is not in the channel any more. Somebody is paged for that, once, and finds the incident without Slack;
// when it is invited again, the cards come, and nothing is left to do.
func TestSlackAway(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pager: true, edit: func(c *configs.Config) { c.Slack.AwayAfter = time.Second }})
	s.slack.FailNext("chat.postMessage", 1_000_000, fakeslack.Mode("not_in_channel"))
	s.alarm(firing(map[string]string{"alertname": "BackupMissing", "severity": "warning"}))
	s.state("INC-1", "is ready although nobody sees it", ready)
	alarmed := func(st pointsman.State) bool {
		return st.Incident.Alarm != "" && st.Incident.Page == pointsman.PageTriggered
	}
	st := s.state("INC-2", "is the alarm over Slack", alarmed)
	for _, want := range []string{"Slack has taken nothing for", "not_in_channel", "of INC-1 waits"} {
		if !strings.Contains(st.Incident.Alarm, want) {
			t.Errorf("the alarm %q does not say %q", st.Incident.Alarm, want)
		}
	}
	s.state("INC-2", "has paged", func(pointsman.State) bool { return len(s.pager.Woken()) == 1 })
	s.slack.FailNext("chat.postMessage", 0, "")
	s.room.WaitMessage("BackupMissing").WaitText("Proposed: Backup missing or too old")
	s.state("INC-2", "is over", resolved)
	s.room.WaitMessage("Slack takes no messages").WaitText("Resolved")
	if woken := s.pager.Woken(); len(woken) != 1 {
		t.Errorf("%d pages, want one: %+v", len(woken), woken)
	}
}
