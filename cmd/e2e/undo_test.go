package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// undoPlaces are the failpoints of an undoing; TestPlaces counts them in.
var undoPlaces = map[string]struct {
	state pointsman.StepState
	run   pointsman.RunState
	leads string // where the application is led afterwards
}{
	// Nobody knows whether the request is still on the way, so it is looked at until the deadline and then a person's matter.
	"undo.before-apply": {pointsman.StepNotUndone, pointsman.RunParked, "127.0.0.1:5002"},
	"undo.after-apply":  {pointsman.StepUndone, pointsman.RunAborted, "127.0.0.1:5001"},
}

const leadBook = `name: lead
title: Lead the application elsewhere
description: Changes one line of a file, and waits for a person.
owner: oncall
review: 2027-02-01
answers:
  - ['alertname="Lead"']
params:
  service: {type: target, kind: service}
target: service
steps:
  - {name: lead, kind: endpoint.switch, with: {endpoint: api-database, from: pg-1, to: pg-2}, timeout: 3s}
  - {name: look, kind: manual.task, with: {text: look at it}}
approval: {require: [1 of oncall], expires: 15m}
`

// TestKilledWhileItTakesBack kills the program around the undoing of an aborted run's step. Whoever comes after looks
// at what is there and repeats nothing.
func TestKilledWhileItTakesBack(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"sqlite", "postgres"} {
		for place, want := range undoPlaces {
			t.Run(driver+"_"+place, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				file := filepath.Join(dir, "app.env")
				if err := os.WriteFile(file, []byte("DATABASE_URL=postgres://app@127.0.0.1:5001/app\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				s := open(t, setting{
					driver: driver, process: true, timings: fast,
					services:  `{name: api, environment: test, match: ['service="api"'], commands: {restart: ["true"]}}`,
					endpoints: `{name: api-database, environment: test, file: ` + file + `, variable: DATABASE_URL, places: [{name: pg-1, address: "127.0.0.1:5001"}, {name: pg-2, address: "127.0.0.1:5002"}]}`,
					books:     map[string]string{"lead.yaml": leadBook},
				})
				s.stop()
				s.start("POINTSMAN_FAILPOINT=" + place)
				s.alarm(firing(map[string]string{"alertname": "Lead", "service": "api", "severity": "critical"}))
				card := s.room.WaitMessage("INC-1").WaitText("needs 1 of oncall")
				card.Click("U0ANA", "Approve")
				s.state("INC-1", "waits for a person", func(st pointsman.State) bool {
					return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting
				})
				abort := strings.NewReader(`{"run": "INC-1/R1", "verb": "abort", "reason": "it was the wrong one"}`)
				if status, text, err := s.send(http.MethodPost, "/api/v1/steer", tokenOf("ana"), abort); err == nil && status != http.StatusOK { // the answer may die with the program
					t.Fatalf("abort: %d %s", status, text)
				}
				s.killed()
				s.start()
				st := s.state("INC-1", "is "+string(want.run), func(st pointsman.State) bool { return st.Runs[0].State == want.run })
				if got := st.Runs[0].Steps[0]; got.State != want.state || got.Attempt != 1 {
					t.Errorf("the step is %s in attempt %d, %s; want %s", got.State, got.Attempt, got.Note, want.state)
				}
				if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), want.leads) {
					t.Errorf("the file says %s (%v), want %s", text, err, want.leads)
				}
				if n := len(s.events("INC-1", pointsman.EvStepUndoing)); n != 1 {
					t.Errorf("an undoing was begun %d times, want 1", n)
				}
				s.wholeLogIsIntact()
			})
		}
	}
}
