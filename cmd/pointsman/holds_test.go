package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// holdRoutes answers as a server on which much is held.
func holdRoutes(t *testing.T, mux *http.ServeMux) {
	t.Helper()
	night := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	ben := pointsman.Actor{Person: pointsman.Person{ID: "ben", Name: "Ben\x1b[2J Okafor"}}
	held := pointsman.Held{
		Protections: []pointsman.Protection{
			{Token: 2, Hold: pointsman.Hold{By: ben, Reason: "the network is being rebuilt", Since: night, Token: 2}},
			{Target: "postgres/orders", Token: 7, Hold: pointsman.Hold{By: ben, Reason: "vacuum full", Since: night, Until: night.AddDate(100, 0, 0), Token: 7}},
			{Target: "postgres/users", Token: 3, Hold: pointsman.Hold{By: ben, Reason: "over long ago", Since: night, Until: night.Add(time.Hour), Token: 3}},
			{Target: "service/api", Token: 5, Alarm: pointsman.Alarm{N: 1, Text: "split brain: 2 nodes take writes", Incident: "INC-3", Since: night}},
			{Target: "service/web", Alarm: pointsman.Alarm{N: 2, Text: "over long ago", Incident: "INC-2", Since: night, Over: night.Add(time.Hour)}},
		},
		Runs: []pointsman.Lock{{Target: "service/api", Incident: "INC-4", Run: "INC-4/R1", Since: night}},
	}
	mux.HandleFunc("GET /api/v1/locks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(held) })
	mux.HandleFunc("POST /api/v1/protect/{verb}", func(w http.ResponseWriter, r *http.Request) {
		var in json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(pointsman.Answer{Code: pointsman.CodeAccepted, Text: r.PathValue("verb") + " " + string(in)})
	})
}
