package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// unsentPlaces are the failpoints of an attempt that sent nothing; TestPlaces counts them in.
var unsentPlaces = []string{"step.unsent"}

const goneBook = `name: gone
title: Run what cannot be started
description: Runs a command whose interpreter is not there.
owner: oncall
review: 2027-02-01
answers:
  - ['alertname="Gone"']
params:
  service: {type: target, kind: service}
target: service
steps:
  - {name: run, kind: exec.run, with: {service: "${service}", command: run}, timeout: 20s}
  - {name: look, kind: manual.task, with: {text: look at it}}
approval: {require: [1 of oncall], expires: 15m}
`

// TestKilledBetweenTwoTries kills the program while it waits before another attempt, because of the one before nothing was
// sent. Its successor cannot know that and asks.
func TestKilledBetweenTwoTries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "run.sh")
	interpreted := func(by string) {
		if err := os.WriteFile(script, []byte("#!"+by+"\necho ran >> "+dir+"/ran\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	interpreted("/no/such/shell")
	s := open(t, setting{
		process: true, timings: fast, books: map[string]string{"gone.yaml": goneBook},
		services: fmt.Sprintf(`{name: api, environment: test, match: ['service="api"'], commands: {run: [%q]}}`, script),
	})
	s.stop()
	s.start("POINTSMAN_FAILPOINT=" + unsentPlaces[0])
	s.alarm(firing(map[string]string{"alertname": "Gone", "service": "api", "severity": "critical"}))
	s.room.WaitMessage("INC-1").WaitText("needs 1 of oncall").Click("U0ANA", "Approve")
	s.killed()
	s.start()
	s.state("INC-1", "is parked", func(st pointsman.State) bool { return st.Runs[0].State == pointsman.RunParked })
	interpreted("/bin/sh")
	s.steers("retry", "its shell is there now")
	s.state("INC-1", "waits for a person", func(st pointsman.State) bool {
		return st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].Current() == 1
	})
	if text, err := os.ReadFile(filepath.Join(dir, "ran")); err != nil || strings.Count(string(text), "ran") != 1 {
		t.Errorf("it ran %q (%v)", text, err)
	}
	s.wholeLogIsIntact()
}
