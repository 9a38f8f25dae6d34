package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// steerRoutes answers as a server with a run that is parked, INC-5/R1, one that asks, INC-4/R1, and one at work, INC-6/R1.
func steerRoutes(t *testing.T, mux *http.ServeMux, st pointsman.State) {
	t.Helper()
	for id, run := range map[string]pointsman.Run{
		"INC-5": {State: pointsman.RunParked, Note: "step 2 (promote) ended unknown: connection reset", Steps: []pointsman.RunStep{
			{Name: "fence", Summary: "fence pg-1 of orders", State: pointsman.StepDone, Attempt: 1},
			{Name: "promote", Kind: "postgres.promote", Summary: "promote pg-2", State: pointsman.StepUnknown, Attempt: 1, Note: "connection\x1b[2J reset"},
		}},
		"INC-4": {
			State: pointsman.RunParked, Note: "step 2 of 2 (promote) was refused: it would now be loss <= 425,984 B / 10 s, approved was loss <= 213,792 B / 4.1 s",
			Steps: []pointsman.RunStep{
				{Name: "fence", Summary: "fence pg-1 of orders", State: pointsman.StepDone, Attempt: 1},
				{Name: "promote", Kind: "postgres.promote", Summary: "promote pg-2", State: pointsman.StepRefused, Attempt: 1},
			},
			Question: &pointsman.Question{Digest: strings.Repeat("5f", 32), Until: time.Date(2126, 2, 1, 3, 15, 0, 0, time.UTC), Excess: []pointsman.Excess{
				{Name: "lost_bytes", Text: "loss <= 425,984 B", Was: "loss <= 213,792 B"}, {Name: "lost_seconds", Text: "loss <= 10 s", Was: "loss <= 4.1 s"},
			}},
		},
		"INC-6": {State: pointsman.RunRunning, Steps: []pointsman.RunStep{{Name: "fence", Summary: "fence pg-1 of orders", State: pointsman.StepStarted, Attempt: 1}}},
	} {
		run.ID, run.Title, run.Plan = id+"/R1", "PostgreSQL failover", st.Proposals[0].Plan
		inc := st.Incident
		inc.ID = id
		mux.HandleFunc("GET /api/v1/incidents/"+id, func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(pointsman.State{Incident: inc, Runs: []pointsman.Run{run}})
		})
	}
	mux.HandleFunc("POST /api/v1/steer", func(w http.ResponseWriter, r *http.Request) {
		var in json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(pointsman.Answer{Code: pointsman.CodeAccepted, Text: "steer " + string(in)})
	})
}

func TestSteerOnTheCommandLine(t *testing.T) {
	t.Parallel()
	socket := serving(t)
	args := map[string][]string{
		"steer_blind_by_incident": {"INC-5", "done", "--at", "2.1"}, // its open run may be another one than was seen
		"steer_accept_asked":      {"INC-4/R1", "accept", "--at", "2.1", "--digest", "5f5f5f5f5f5f", "--reason", "drafts of an hour"},
		"steer_accept_undigested": {"INC-4/R1", "accept", "--at", "2.1", "--reason", "drafts of an hour"},
		"steer_accept_blind":      {"INC-4/R1", "accept", "--digest", "5f5f5f5f5f5f", "--reason", "drafts of an hour"},
		"steer_blind_running":     {"INC-6", "done"},
		"steer_no_run":            {"INC-1", "retry"},
		"steer_no_such_run":       {"INC-5/R9", "retry"},
	}
	for _, verb := range pointsman.Verbs() {
		args["steer_"+string(verb)] = []string{"INC-5/R1", string(verb), "--at", "2.1", "--reason", "seen in psql"}
		args["steer_blind_"+string(verb)] = []string{"INC-5/R1", string(verb), "--reason", "seen in psql"}
	}
	for name, a := range args {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, says(t, map[string]string{socket: "SOCKET"}, append(append([]string{"steer"}, a...), "--socket", socket)...))
		})
	}
}
