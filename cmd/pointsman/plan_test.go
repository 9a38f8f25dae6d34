package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
)

// planRoutes are the dry runs of a server: of a failover beside which a run is at work and an alarm stands, and of a runbook that
// a check stops, at a target that Ben has locked.
func planRoutes(t *testing.T, mux *http.ServeMux, st pointsman.State) {
	t.Helper()
	night := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	ben := pointsman.Actor{Person: pointsman.Person{ID: "ben", Name: "Ben\x1b[2J Okafor"}}
	send := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /api/v1/runbooks/postgres-failover/plan", func(w http.ResponseWriter, r *http.Request) {
		if args := r.URL.Query()["arg"]; !slices.Equal(args, []string{"orders", "mode=drill"}) {
			t.Errorf("it was asked for %q", args)
		}
		p := st.Proposals[0]
		plan, err := pointsman.DecodePlan(p.Plan)
		if err != nil {
			t.Error(err)
		}
		plan.Lock = true
		if p.Plan, err = plan.Encode(); err != nil {
			t.Error(err)
		}
		p.ID, p.Votes, p.Digest, p.Mode, p.Reason = "DRY-RUN/P1", nil, pointsman.Digest(p.Plan), pointsman.ModeDrill, ""
		send(w, http.StatusOK, api.Planned{Proposal: p, Held: pointsman.Held{
			Protections: []pointsman.Protection{{
				Target: "postgres/orders", Hold: pointsman.Hold{By: ben, Reason: "a fact tells it", Since: night},
				Alarm: pointsman.Alarm{N: 1, Text: "2 nodes take\x1b[2J writes", Incident: "INC-3", Since: night},
			}},
			Runs: []pointsman.Lock{{Target: "postgres/orders", Incident: "INC-4", Run: "INC-4/R1", Since: night}},
		}})
	})
	mux.HandleFunc("GET /api/v1/runbooks/quick/plan", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("arg") == "apx" {
			send(w, http.StatusUnprocessableEntity, pointsman.Answer{Code: pointsman.CodeInvalid, Text: `there is no service "apx"; configured are api`})
			return
		}
		send(w, http.StatusOK, api.Planned{
			Proposal: pointsman.Proposal{ID: "DRY-RUN/P1", Runbook: "quick", Title: "Restart a service", State: pointsman.ProposalRefused, Problem: "the program /bin/nope of restart of api cannot be run"},
			Held:     pointsman.Held{Protections: []pointsman.Protection{{Target: "service/api", Hold: pointsman.Hold{By: ben, Reason: "the rack moves", Since: night}}}},
		})
	})
}

// A script that asks before the maintenance reads the exit code.
func TestADryRunFailsWhereNobodyCouldApprove(t *testing.T) {
	t.Parallel()
	locking, err := pointsman.Plan{Version: 1, Lock: true}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	free, err := pointsman.Plan{Version: 1}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	busy := pointsman.Held{Runs: []pointsman.Lock{{Target: "service/api", Run: "INC-4/R1"}}}
	for name, c := range map[string]struct {
		planned api.Planned
		want    string
	}{
		"nothing in the way":            {api.Planned{Proposal: pointsman.Proposal{Plan: locking}}, ""},
		"a run is at work":              {api.Planned{Proposal: pointsman.Proposal{Plan: locking}, Held: busy}, "nobody could approve it yet: service/api is held by INC-4/R1; it is free when that run ends, or when somebody aborts it"},
		"one that a plan may be beside": {api.Planned{Proposal: pointsman.Proposal{Plan: free}, Held: busy}, ""},
		"it is so already":              {api.Planned{Proposal: pointsman.Proposal{Plan: locking, Already: "trading is engaged", Facts: []pointsman.Fact{{Kind: pointsman.Hard, Result: pointsman.Fail, Text: "frozen"}}}}, "nobody could approve it, there is nothing to do: trading is engaged"},
	} {
		got := ""
		if err := inTheWay(c.planned); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
