package app

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/store"
)

func (directory) offer(runbook string, _ []string) (pointsman.Offer, error) {
	return pointsman.Offer{Runbook: runbook, Title: "Engage a kill switch", Target: pointsman.Target{Kind: "killswitch", Name: "payouts"}}, nil
}

// The database of the switches hangs just when somebody wants to stop something. They give the order once; the check
// comes back long after they were answered, and the order counts.
func TestAnEngageIsOneDecisionEvenWhenItsCheckHangs(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	door := &api.Server{Store: db, People: directory{}, Switches: &switches{
		store: db, offer: directory{}.offer, log: slog.New(slog.DiscardHandler),
		status: func() []api.SwitchStatus { return []api.SwitchStatus{{Name: "payouts"}} },
	}}
	e := echo.New()
	door.Register(e)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	engage := func() pointsman.Answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/api/v1/kill-switches/payouts/engage", strings.NewReader(`{"reason":"payments are doubled"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer token-of-ana"}, "Content-Type": {"application/json"}, "Idempotency-Key": {"1"}}
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var ans pointsman.Answer
		if err := json.NewDecoder(resp.Body).Decode(&ans); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %+v", resp.Status, err, ans)
		}
		return ans
	}
	for range 2 { // the second time as whoever is not sure that it was heard; the requests are over when the check returns
		if ans := engage(); ans.Text != "payouts is being engaged as INC-1/P1; it was not read back yet" {
			t.Fatalf("%+v", ans)
		}
	}
	raw, err := pointsman.Plan{
		Version: 1, Runbook: engageRunbook, Title: "Engage a kill switch", Incident: "INC-1", Target: pointsman.Target{Kind: "killswitch", Name: "payouts"},
		Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "risk"}}, RequesterMayApprove: true, Expires: 15 * time.Minute},
		Steps:  []pointsman.PlanStep{{Name: "engage", Kind: "killswitch.engage", Timeout: time.Second, Summary: "engage payouts"}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Do(t.Context(), pointsman.Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw}); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(time.Minute)
	for {
		changed := db.Changed()
		st, err := db.State(t.Context(), "INC-1")
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Runs) == 1 && len(st.Proposals[0].Approvers()) == 1 {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the order was not carried out: %+v", st.Proposals)
		}
	}
}
