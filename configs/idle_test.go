package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAServiceWithWhichNothingCanBeDoneIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, warnings, err := load(t, small+`
  service:
    - {name: api, environment: production, match: ['service="api"'], health: [], commands: {}}
    - {name: web, environment: production, match: ['service="web"'], health: [{url: "http://127.0.0.1:8000/health"}]}
    - {name: jobs, environment: production, match: ['service="jobs"'], commands: {restart: [systemctl, restart, jobs]}}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		if strings.HasPrefix(w.Path, "targets.service") {
			got = append(got, w.Path+": "+w.Text)
		}
	}
	want := []string{"targets.service[0]: api has neither health nor commands, so runbooks can neither look at it nor restart it; add health: [{url: http://...}] or commands: {restart: [...]}"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Whoever has not switched Slack on may keep accounts of any workspace.
func TestAnAccountOfAnotherWorkspaceIsAFaultOnlyWhereSlackIsUsed(t *testing.T) {
	t.Parallel()
	text := strings.Replace(small, "unix_uid: 1000", "unix_uid: 1000, slack: T0999/U0ANA", 1)
	if _, _, err := load(t, text+"slack: {enabled: false, team: T0123}\n", nil); err != nil {
		t.Errorf("without Slack: %v", err)
	}
	on := "slack: {enabled: true, team: %s, channel: C0INC, bot_token: xoxb-1, app_token: xapp-1}\n"
	_, _, err := load(t, text+strings.Replace(on, "%s", "T0123", 1), nil)
	if err == nil || !strings.Contains(err.Error(), "T0999/U0ANA is of workspace T0999, and slack.team is T0123") {
		t.Errorf("with Slack: %v", err)
	}
	_, _, err = load(t, text+strings.Replace(on, "%s", "nonsense", 1), nil)
	if err == nil || strings.Contains(err.Error(), "people[0]") {
		t.Errorf("beside a team that is none, the account has a fault: %v", err)
	}
}
