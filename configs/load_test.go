package configs_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

var secretFile = regexp.MustCompile(`secrets/[a-z0-9.-]+`)

// secretIn is what stands in the file, which is in no other.
func secretIn(file string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(file)))[:32] }

// example loads the shipped example with one text of it replaced, with secrets in files and Slack's tokens in the environment.
func example(t *testing.T, old, now string) (*configs.Config, []pointsman.Fault, error) {
	t.Helper()
	data, err := os.ReadFile("pointsman.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("the example does not say %q", old)
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("secrets", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range secretFile.FindAllString(string(data), -1) {
		write(t, name, secretIn(name)+"\n")
	}
	write(t, "pointsman.yaml", strings.Replace(string(data), old, now, 1))
	t.Setenv("POINTSMAN_SLACK_BOT_TOKEN", "xoxb-example")
	t.Setenv("POINTSMAN_SLACK_APP_TOKEN", "xapp-example")
	return configs.Load("pointsman.yaml", nil)
}

// TestLoad_example loads the shipped example as an operator would: secrets in files, Slack's tokens in the environment.
func TestLoad_example(t *testing.T) {
	cfg, warnings, err := example(t, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Error("warning:", w)
	}
	if len(cfg.Runbooks) < 10 || cfg.Digest == "" {
		t.Errorf("%d runbooks, digest %q", len(cfg.Runbooks), cfg.Digest)
	}
	dir, err := cfg.Directory()
	if err != nil {
		t.Fatal(err)
	}
	ana := pointsman.Person{ID: "ana", Name: "Ana Ruiz", Roles: []string{"dba", "incident-commander"}}
	bySlack, _ := dir.BySlack("T0123", "U0ANA")
	byUID, _ := dir.ByUID(1000)
	byToken, _ := dir.ByToken(secretIn("secrets/ana.token"))
	for _, got := range []pointsman.Person{bySlack, byUID, byToken} {
		if diff := cmp.Diff(ana, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, stranger := range []func() (pointsman.Person, bool){
		func() (pointsman.Person, bool) { return dir.BySlack("T9999", "U0ANA") },
		func() (pointsman.Person, bool) { return dir.ByUID(0) },
		func() (pointsman.Person, bool) { return dir.ByToken("") },
	} {
		if p, ok := stranger(); ok {
			t.Errorf("a stranger is %s", p.ID)
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const small = `
alertmanager: {tokens: [0123456789abcdef0123456789abcdef]}
people: [{id: ana, unix_uid: 1000, token: 0123456789abcdef-ana, roles: [dba]}]
web: {listen: "127.0.0.1:1000"}
targets:
  postgres:
    - name: orders
      environment: production
      match: ['cluster="orders"']
      nodes: [{name: pg-1, dsn: "postgres://u:s3cret@pg-1/app"}, {name: pg-2, dsn: "host=pg-2 user=u password='s3cr et' dbname=app"}]
      clients: {dsn: "postgres://u:s3cret@pg-1,pg-2/app"}
`

func load(t *testing.T, text string, flags *pflag.FlagSet) (*configs.Config, []pointsman.Fault, error) {
	t.Helper()
	return configs.Load(write(t, filepath.Join(t.TempDir(), "pointsman.yaml"), text), flags)
}

func TestLoad_flag_wins_over_environment_over_file(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	configs.Flags(flags)
	listen := func() string {
		t.Helper()
		cfg, _, err := load(t, small, flags)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Web.Listen
	}
	if got := listen(); got != "127.0.0.1:1000" {
		t.Errorf("file: %s", got)
	}
	t.Setenv("POINTSMAN_WEB_LISTEN", "127.0.0.1:2000")
	if got := listen(); got != "127.0.0.1:2000" {
		t.Errorf("environment: %s", got)
	}
	if err := flags.Parse([]string{"--web.listen", "127.0.0.1:3000"}); err != nil {
		t.Fatal(err)
	}
	if got := listen(); got != "127.0.0.1:3000" {
		t.Errorf("flag: %s", got)
	}
}

func TestLoad_environment_is_checked_like_the_file(t *testing.T) {
	t.Setenv("POINTSMAN_TIMINGS_LEASE", "six")
	t.Setenv("POINTSMAN_LOG_LEVEL", "loud")
	t.Setenv("POINTSMAN_WEB_LISTN", "127.0.0.1:1")
	t.Setenv("POINTSMAN_ALERTMANAGER_TOKENS", "0123456789abcdef, short")
	t.Setenv("POINTSMAN_SLACK_MENTIONS", "perhaps")
	_, warnings, err := load(t, small, nil)
	var got []string
	for _, f := range append(configs.Faults(err), warnings...) {
		if strings.HasPrefix(f.File, "environment") {
			got = append(got, f.Error())
		}
	}
	want := []string{
		"environment POINTSMAN_ALERTMANAGER_TOKENS: alertmanager.tokens[1]: the token has 5 characters, at least 16 are needed; make one with: openssl rand -hex 32",
		`environment POINTSMAN_LOG_LEVEL: log.level: "loud" is none of debug, info, warn, error`,
		`environment POINTSMAN_SLACK_MENTIONS: slack.mentions: "perhaps" is neither true nor false`,
		`environment POINTSMAN_TIMINGS_LEASE: timings.lease: "six" is no duration; write a number from 0 up with a unit, for example 30s, 5m or 1h30m`,
		"environment POINTSMAN_WEB_LISTN: no setting has this name, did you mean POINTSMAN_WEB_LISTEN?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_mentions_are_on_until_somebody_says_otherwise(t *testing.T) {
	off := small + "slack: {enabled: false, mentions: false}\n"
	plain := small + "slack: {enabled: false}\n"
	for _, c := range []struct{ file, env, want string }{
		{plain, "", "not said"},
		{off, "", "false"},
		{plain, "false", "false"},
		{off, "true", "true"},
	} {
		t.Setenv("POINTSMAN_SLACK_MENTIONS", c.env)
		cfg, _, err := load(t, c.file, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := "not said"
		if cfg.Slack.Mentions != nil {
			got = strconv.FormatBool(*cfg.Slack.Mentions)
		}
		if got != c.want {
			t.Errorf("environment %q: mentions are %s, want %s", c.env, got, c.want)
		}
	}
}

func TestConfig_secrets_are_never_shown(t *testing.T) {
	t.Parallel()
	cfg, _, err := load(t, small, nil)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(cfg.People)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("configuration", "cfg", cfg, "token", cfg.People[0].Token)
	for how, text := range map[string]string{
		"String": cfg.String(), "%v": fmt.Sprintf("%v", cfg), "%+v": fmt.Sprintf("%+v", *cfg), "%#v": fmt.Sprintf("%#v", cfg),
		"json": string(asJSON), "slog": logged.String(), "people": fmt.Sprintf("%+v %#v", cfg.People, cfg.People),
	} {
		for _, secret := range []string{"s3cret", "s3cr et", "0123456789abcdef"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %s:\n%s", how, secret, text)
			}
		}
	}
	if !strings.Contains(cfg.String(), "@pg-1,pg-2/app") || !strings.Contains(cfg.String(), "host=pg-2") {
		t.Errorf("an operator must see which hosts are meant:\n%s", cfg.String())
	}
	var again map[string]any
	if err := yaml.Unmarshal([]byte(cfg.String()), &again); err != nil {
		t.Error(err)
	}
}

func TestConfig_digest_changes_with_what_a_plan_would_do(t *testing.T) {
	t.Parallel()
	digest := func(text string) string {
		t.Helper()
		cfg, _, err := load(t, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Digest
	}
	first := digest(small)
	for _, same := range []string{strings.Replace(small, "s3cret", "rotated", 1), small + "log: {level: debug}\n", strings.Replace(small, "id: ana", "id: anna", 1)} {
		if digest(same) != first {
			t.Errorf("a password, a log level or a person changed the digest")
		}
	}
	for _, other := range []string{strings.Replace(small, "@pg-1/", "@pg-9/", 1), strings.Replace(small, "production", "staging", 1)} {
		if digest(other) == first {
			t.Error("another host or environment gives the same digest")
		}
	}
}

func TestLoad_warnings_stand_apart(t *testing.T) {
	t.Parallel()
	text := strings.Replace(small, "127.0.0.1:1000", "0.0.0.0:1000", 1)
	text = strings.Replace(text, "      environment: production\n      match: ['cluster=\"orders\"']\n", "", 1)
	_, warnings, err := load(t, text+"  killswitch: []\nrunbooks: []\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range warnings {
		got = append(got, fmt.Sprintf("%d %s", w.Line, w.Path))
	}
	want := []string{"0 guards.freeze", "0 pagerduty", "0 slack", "4 web.listen", "7 targets.postgres[0]", "7 targets.postgres[0]", "3 approval.require", "9 approval.require", "3 approval.require", "10 approval.require"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_warns_of_a_task_that_belongs_to_nobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "drain.yaml"), `name: drain
title: Drain
description: For tests.
owner: dba
review: 2027-02-01
steps:
  - {name: mine, kind: manual.task, with: {text: drain it, owner: dba, due: 10m}}
  - {name: nobodys, kind: manual.task, with: {text: drain it, owner: dbaa, due: 10m}}
approval: {require: [1 of dba]}
`)
	_, warnings, err := load(t, small+"  killswitch: []\nrunbooks: ["+dir+"]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "drain.yaml:8: steps[1].with.owner: dbaa is neither a person nor a role of the configuration, so nobody is told when step nobodys is late (there is a role dba)"
	for _, w := range warnings {
		if strings.HasSuffix(w.Error(), want) {
			return
		}
	}
	t.Errorf("no such warning: %s\n%v", want, warnings)
}

func TestRunbookWarnings_tell_what_is_overdue(t *testing.T) {
	t.Parallel()
	rb := pointsman.Runbook{File: "x.yaml", Owner: "dba", Review: time.Date(2026, 7, 18, 0, 0, 0, 0, time.UTC)}
	var got []string
	for _, w := range configs.RunbookWarnings(rb, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
		got = append(got, w.Error())
	}
	want := []string{
		"x.yaml:1: review: the review was due on 2026-07-18; dba should check whether the runbook still holds",
		"x.yaml:1: approval.require: nobody is named, so nobody can approve it; add for example 1 of dba",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
