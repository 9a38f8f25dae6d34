package configs_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// At night the card asks for two people; whoever learns only then that Slack is off for one of them cannot go on.
func TestPeopleWhomNoDoorRecognisesAreWarnedOf(t *testing.T) {
	t.Parallel()
	const ben = "{id: ben, slack: T0123/U0BEN, unix_uid: 1001, roles: [dba]}"
	text := strings.Replace(small, "roles: [dba]}]", "roles: [dba]}, "+ben+"]", 1)
	for socket, want := range map[string]string{
		"":             "",
		`, socket: ""`: "people[1]: ben cannot be recognised and decides nothing: Slack is off and web.socket is empty; add an account of another kind, or open that door",
	} {
		cfg, warnings, err := load(t, strings.Replace(text, `"127.0.0.1:1000"`, `"127.0.0.1:1000"`+socket, 1), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range warnings {
			if strings.HasPrefix(w.Path, "people") && strings.Contains(w.Text, "recognised and") {
				got = w.Path + ": " + w.Text
			}
		}
		if got != want {
			t.Errorf("socket%s: %q, want %q", socket, got, want)
		}
		if n := len(cfg.Recognised(cfg)); n != 2 && socket == "" || n != 1 && socket != "" {
			t.Errorf("socket%s: %d people can be recognised", socket, n)
		}
	}
}

// A reload turns Slack on in the file and moves a dba there: the server that runs has no Slack until it is restarted.
func TestAReloadIsJudgedByTheDoorsThatAreOpen(t *testing.T) {
	t.Parallel()
	text := small + "  killswitch: []\nrunbooks: [testdata/two-people.yaml]\n"
	running, _, err := load(t, strings.Replace(text, "roles: [dba]}]", "roles: [dba]}, {id: ben, unix_uid: 1001, roles: [dba]}]", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	offered, _, err := load(t, strings.Replace(text, "roles: [dba]}]", "roles: [dba]}, {id: ben, slack: T0123/U0BEN, roles: [dba]}]", 1)+
		"slack: {enabled: true, bot_token: xoxb-1, app_token: xapp-1, team: T0123, channel: C0123ABCD}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	faults := offered.Within(running)
	if len(faults) != 1 || !strings.Contains(faults[0].Text, "two-people needs 2 of dba, but the configured people fill only 1 of 2 places (not counted, because no door recognises them: ben: Slack is off)") ||
		!strings.Contains(faults[0].Text, "needs a restart") {
		t.Errorf("%v", faults)
	}
}

// What is asked for by the program, at the worst moment, has no word beside the name of its target; and what nobody may do is
// noticed when somebody wants to.
func TestBrakesThatWouldNotWorkAreWarnedOf(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "postgres-split-brain.yaml"), `name: postgres-split-brain
title: Two writers
description: For tests.
owner: dba
review: 2099-01-01
params:
  cluster: {type: target, kind: postgres}
modes: [drill]
target: cluster
steps:
  - {name: think, kind: manual.task, with: {text: think}}
approval: {require: [1 of dba]}
`)
	_, warnings, err := load(t, small+"runbooks: ["+folder+"]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.Path+": "+w.Text)
	}
	for _, want := range []string{
		"modes: postgres-split-brain is asked for without a word about its mode, and a drill is never meant then; put another mode first; until then an alarm of two writers offers nothing",
		"guards.freeze: nobody may freeze everything, which is noticed when somebody wants to; name roles, for example freeze: {roles: [incident-commander]}",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("nobody says %q, only\n%s", want, strings.Join(got, "\n"))
		}
	}
	if _, warnings, err = load(t, small+"guards: {freeze: {roles: [dba]}}\n", nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if strings.HasPrefix(w.Path, "guards") {
			t.Errorf("%s: %s", w.Path, w.Text)
		}
	}
}

// A failover that is parked between its fence and its promotion is the outage that it was meant to end.
func TestADeadlineThatEndsInTheMidstOfTheStepsIsWarnedOf(t *testing.T) {
	t.Parallel()
	for deadline, want := range map[string]string{
		"5m40s": "",
		"5m":    "the steps before the last one may take 5m40s, and no step begins after 5m, so the run may be parked between two of them; write 5m40s or more, or give the steps less",
	} {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "own.yaml"), `name: own
title: X
description: For tests.
owner: dba
review: 2099-01-01
deadline: `+deadline+`
params:
  cluster: {type: target, kind: postgres}
target: cluster
steps:
  - {name: fence, kind: postgres.fence, with: {cluster: "${cluster}", node: pg-1}, timeout: 40s}
  - {name: promote, kind: postgres.promote, with: {cluster: "${cluster}", node: pg-2}, timeout: 5m}
  - {name: verify, kind: postgres.verify, with: {cluster: "${cluster}", node: pg-2}, timeout: 10m}
approval: {require: [1 of dba]}
`)
		_, warnings, err := load(t, small+"runbooks: ["+folder+"]\n", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range warnings {
			if w.Path == "deadline" {
				got = w.Text
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", deadline, got, want)
		}
	}
}
