package configs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/configs"
)

// What is off, missing or not read is said when the configuration is checked, not found out at night by silence.
func TestLoad_warns_of_what_nobody_would_hear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := filepath.Join(dir, "postgres")
	kubernetes := filepath.Join(dir, "..2026_11_22")
	for _, d := range []string{deep, kubernetes} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	book := func(dir, name string) {
		write(t, filepath.Join(dir, name+".yaml"), `name: `+name+`
title: Think
description: For tests.
owner: dba
review: 2099-01-01
steps:
  - {name: think, kind: manual.task, with: {text: think}}
approval: {require: [1 of dba]}
`)
	}
	book(dir, "outer")
	book(deep, "inner")
	book(kubernetes, "outer")
	cfg, warnings, err := load(t, small+"  killswitch: []\nrunbooks: ["+dir+"]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, w.Path+": "+w.Text)
	}
	for _, want := range []string{
		"slack: Slack is off and no PagerDuty service is configured, so nobody is told of anything; whoever wants to know has to ask the command line",
		"runbooks: there is no runbook postgres-split-brain, so an alarm of two writers offers nothing; add it, or the shipped one of that name",
		"runbooks[0]: " + filepath.Join(deep, "inner.yaml") + " is not read: folders inside a folder are left out; name " + deep + " under runbooks as well, if it is meant",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("nobody says %q, only\n%s", want, strings.Join(got, "\n"))
		}
	}
	if strings.Contains(strings.Join(got, "\n"), "..2026") {
		t.Errorf("what Kubernetes puts beside a ConfigMap is told: %q", got)
	}
	if s := cfg.Summary(); !strings.Contains(s, "slack          off\n") || !strings.Contains(s, "targets        1 postgres, 0 patroni, 0 killswitch, 0 service, 0 endpoint\n") {
		t.Errorf("the summary is\n%s", s)
	}
}

// Who leaves Slack off on purpose may keep its section.
func TestLoad_slack_may_be_left_off(t *testing.T) {
	t.Parallel()
	text := small + "  killswitch: []\nslack: {enabled: false, bot_token: xoxb-1, team: T0123, channel: C0123ABCD}\n"
	if _, _, err := load(t, text, nil); err != nil {
		t.Error(err)
	}
	if _, _, err := load(t, strings.Replace(text, "enabled: false, ", "", 1), nil); err == nil || !strings.Contains(err.Error(), "Slack is off, because enabled is not") {
		t.Errorf("a section that only lacks enabled: %v", err)
	}
}

// A personal token decides like its owner, wherever it stands.
func TestDirectory_refuses_a_short_token(t *testing.T) {
	t.Parallel()
	name := write(t, filepath.Join(t.TempDir(), "token"), "s3cret\n")
	cfg := configs.Config{People: []configs.Person{{ID: "ana", TokenFile: name}}}
	_, err := cfg.Directory()
	if err == nil || !strings.Contains(err.Error(), "token of ana: "+name+": the token has 6 characters, at least 16 are needed") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

// A drill of a Patroni cluster is permitted by the same word as of every other target.
func TestDrills_of_a_Patroni_cluster(t *testing.T) {
	t.Parallel()
	text := small + `  patroni:
    - name: billing
      environment: staging
      match: ['cluster="billing"']
      scope: billing
      drills: true
      members: [{name: pg-1, url: "http://127.0.0.1:8008"}, {name: pg-2, url: "http://127.0.0.1:8009"}]
`
	cfg, _, err := load(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Drills("patroni/billing") || cfg.Drills("patroni/orders") || cfg.Drills("postgres/billing") {
		t.Error("drills are permitted elsewhere than it is said")
	}
}
