package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

const stopBook = `name: stop
title: Stop a service
description: Asks a service to stop; an operator may have it killed.
owner: oncall
review: 2027-02-01
answers:
  - ['alertname="RunsAway"']
params:
  service: {type: target, kind: service}
target: service
steps:
  - {name: stop, kind: exec.run, with: {service: "${service}", command: stop}, timeout: 30s, ungraceful: {command: kill}}
  - {name: look, kind: manual.task, with: {text: look at it}, skip: {by: [oncall]}}
approval: {require: [1 of oncall], expires: 15m}
`

// TestUngraceful: a service does not stop when it is asked, and an operator has the rest of the run done in the harder form that
// the plan has shown. The attempt at work keeps its own; the step that a person would do is skipped.
func TestUngraceful(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ran := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "ran"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
	command := func(name, then string) string {
		return fmt.Sprintf("[/bin/sh, -c, %q]", fmt.Sprintf("echo %s >> %s/ran; %s", name, dir, then))
	}
	s := open(t, setting{
		books: map[string]string{"stop.yaml": stopBook},
		services: fmt.Sprintf(`{name: api, environment: test, match: ['service="api"'], commands: {stop: %s, kill: %s}}`,
			command("stop", "until [ -e "+dir+"/refused ]; do sleep 0.02; done; exit 1"), command("kill", "exit 0")),
	})
	s.alarm(firing(map[string]string{"alertname": "RunsAway", "service": "api", "severity": "critical"}))
	card := s.room.WaitMessage("INC-1").WaitText("if an operator says so", "needs 1 of oncall")
	card.Click("U0ANA", "Approve")
	s.await("it is asked to stop", func() error {
		if got := ran(); got != "stop\n" {
			return fmt.Errorf("it ran %q", got)
		}
		return nil
	})
	s.steers("ungraceful", "it loses orders each second")
	if got := ran(); got != "stop\n" {
		t.Errorf("the attempt at work did not keep its form: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "refused"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.state("INC-1", "waits for a person's hands", func(st pointsman.State) bool {
		return st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].Current() == 1
	})
	if got := ran(); got != "stop\nkill\n" {
		t.Errorf("it ran %q, want the kill right after the stop that failed", got)
	}
	s.steers("skip", "the dashboards show that it is gone")
	st := s.state("INC-1", "is carried out", ranDone)
	if a := st.Runs[0].Steps; a[0].State != pointsman.StepDone || a[0].Attempt != 2 || a[1].State != pointsman.StepSkipped {
		t.Errorf("the steps are %s in attempt %d, and %s", a[0].State, a[0].Attempt, a[1].State)
	}
	card.WaitReply("it loses orders each second")
	var by []string
	for _, ev := range s.events("INC-1", pointsman.EvStepHarder) {
		by = append(by, ev.Actor.String())
	}
	if strings.Join(by, " ") != "Ana Ruiz" {
		t.Errorf("on record it was decided by %q", by)
	}
	s.wholeLogIsIntact()
}
