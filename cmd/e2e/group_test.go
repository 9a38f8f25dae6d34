package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// groupPlaces are the failpoints of a group; TestPlaces counts them in.
var groupPlaces = []string{"group.member-ended"}

const regionsBook = `name: regions
title: Drain both regions
description: Runs a command in two regions at the same time.
owner: oncall
review: 2027-02-01
answers:
  - ['alertname="Drain"']
params:
  service: {type: target, kind: service}
target: service
steps:
  - name: drain
    parallel:
      - {name: drain-eu, kind: exec.run, with: {service: eu, command: drain}, timeout: 20s}
      - {name: drain-us, kind: exec.run, with: {service: us, command: drain}, timeout: 20s}
  - {name: look, kind: manual.task, with: {text: look at it}}
approval: {require: [1 of oncall], expires: 15m}
`

// regions are two services whose commands write down that they ran and wait for a file. eu waits for the file euWaits.
func regions(dir, euWaits, usWaits string) string {
	one := func(name, waits string) string {
		script := fmt.Sprintf("echo $POINTSMAN_KEY >> %[1]s/%[2]s.ran; until [ -e %[1]s/%[3]s ]; do sleep 0.02; done", dir, name, waits)
		return fmt.Sprintf(`{name: %s, environment: test, match: ['service=%q'], commands: {drain: [/bin/sh, -c, %q]}}`, name, name, script)
	}
	return one("eu", euWaits) + ", " + one("us", usWaits)
}

func (s *stage) drains() {
	s.t.Helper()
	s.alarm(firing(map[string]string{"alertname": "Drain", "service": "eu", "severity": "critical"}))
	card := s.room.WaitMessage("INC-1").WaitText("1. *drain*, at the same time:", "1.2. ", "needs 1 of oncall")
	card.Click("U0ANA", "Approve")
}

func (s *stage) steers(verb, reason string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"run": "INC-1/R1", "verb": %q, "reason": %q, "at": %q}`, verb, reason, s.state("INC-1", "has a run", func(pointsman.State) bool { return true }).Runs[0].Mark())
	if status, text, err := s.send(http.MethodPost, "/api/v1/steer", tokenOf("ana"), strings.NewReader(body)); err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: %d %s %v", verb, status, text, err)
	}
}

func waitsForLook(st pointsman.State) bool {
	return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].Current() == 2
}

// TestTwoMembersMeet: each of two commands ends only when the other one has begun, so one after the other they would
// never end.
func TestTwoMembersMeet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, setting{guards: "max_targets: 2", services: regions(dir, "us.ran", "eu.ran"), books: map[string]string{"regions.yaml": regionsBook}})
	s.drains()
	st := s.state("INC-1", "has drained both", waitsForLook)
	for i, name := range []string{"eu", "us"} {
		if text, err := os.ReadFile(filepath.Join(dir, name+".ran")); err != nil || string(text) != fmt.Sprintf("INC-1/R1/1/%d\n", i+1) {
			t.Errorf("%s ran as %q (%v)", name, text, err)
		}
	}
	if a, b := st.Runs[0].Steps[0], st.Runs[0].Steps[1]; !a.StartedAt.Before(b.EndedAt) || !b.StartedAt.Before(a.EndedAt) {
		t.Errorf("%s to %s, %s to %s", a.StartedAt, a.EndedAt, b.StartedAt, b.EndedAt)
	}
	s.wholeLogIsIntact()
}

// TestKilledBetweenTwoMembers kills the program when one member's outcome is stored and the other is at work. Whoever comes
// after keeps the one, repeats nothing of the other by itself, and asks; a retry runs what is not done and only that.
func TestKilledBetweenTwoMembers(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"sqlite", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, setting{driver: driver, process: true, timings: fast, guards: "max_targets: 2", services: regions(dir, "us.ran", "go"), books: map[string]string{"regions.yaml": regionsBook}})
			s.stop()
			s.start("POINTSMAN_FAILPOINT=" + groupPlaces[0])
			s.drains()
			s.killed()
			s.start()
			st := s.state("INC-1", "is parked", func(st pointsman.State) bool { return st.Runs[0].State == pointsman.RunParked })
			if r := st.Runs[0]; r.Steps[0].State != pointsman.StepDone || r.Steps[1].State != pointsman.StepUnknown || !strings.HasPrefix(r.Note, "the outcome of step 1 (drain) is unknown: 1.1 (drain-eu) done; 1.2 (drain-us) unknown") {
				t.Fatalf("%s %s: %s", r.Steps[0].State, r.Steps[1].State, r.Note)
			}
			if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s.steers("retry", "us is not drained, seen on its console")
			s.state("INC-1", "has drained both", waitsForLook)
			for name, want := range map[string]string{"eu": "INC-1/R1/1/1\n", "us": "INC-1/R1/1/2\nINC-1/R1/1/2\n"} {
				if text, err := os.ReadFile(filepath.Join(dir, name+".ran")); err != nil || string(text) != want {
					t.Errorf("%s ran as %q (%v), want %q", name, text, err, want)
				}
			}
			s.wholeLogIsIntact()
		})
	}
}
