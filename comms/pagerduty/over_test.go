package pagerduty_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
	"github.com/pointsman/pointsman/comms/pagerduty"
)

// away is a PagerDuty that cannot be reached until the given moment.
type away struct {
	until time.Time
	took  []string
}

func (a *away) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var ev struct {
		Action string `json:"event_action"`
	}
	status := http.StatusServiceUnavailable
	if json.Unmarshal(raw, &ev) == nil && !time.Now().Before(a.until) {
		status = http.StatusAccepted
		a.took = append(a.took, ev.Action)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"status":"success"}`)), Request: r}, nil
}

// reaching is the way to a PagerDuty, where its deliveries wait, and what is said of INC-7.
func reaching(t *testing.T, there *away) (comms.Way, *commstest.Memory, func(pointsman.EventType, string)) {
	t.Helper()
	way, err := pagerduty.New(pagerduty.Config{Services: []pagerduty.Service{{Name: "dba", RoutingKey: dbaKey}}}, "ops.example", nil, nil, there)
	if err != nil {
		t.Fatal(err)
	}
	m := commstest.NewMemory()
	return way, m, func(typ pointsman.EventType, text string) {
		t.Helper()
		if err := m.Note(t.Context(), pointsman.Event{Type: typ, Incident: "INC-7", Text: text, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// PagerDuty cannot be reached when INC-7 pages. Ana approves and the incident is over within the minute: nobody is to be called
// for it by other means, and when PagerDuty is back after half an hour no phone rings.
func TestAPageThatIsOverBeforeItWasTakenWakesNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &away{until: time.Now().Add(30 * time.Minute)}
		way, m, say := reaching(t, there)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- comms.Dispatcher{Outbox: m, Prompt: m, Journal: m, Ways: []comms.Way{way}, Owner: "test"}.Run(ctx)
		}()
		say(pointsman.EvPageTriggered, "nobody decided on INC-7 within 5m")
		time.Sleep(20 * time.Second)
		say(pointsman.EvPageAcknowledged, "Ana Ruiz approved")
		time.Sleep(10 * time.Second)
		say(pointsman.EvPageResolved, "INC-7 is resolved")
		time.Sleep(2 * time.Hour)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		log, err := m.Events(t.Context(), "INC-7", 3, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range log {
			t.Errorf("told after it was over: %s: %s", ev.Type, ev.Text)
		}
		if diff := cmp.Diff([]string{"resolve"}, there.took); diff != "" {
			t.Error(diff)
		}
	})
}

// The process that was to page dies right after it has claimed the page, and Ana approves before its lease is over.
func TestAPageWhoseSenderDiedIsNotSentForWhatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &away{}
		way, m, say := reaching(t, there)
		say(pointsman.EvPageTriggered, "nobody decided on INC-7 within 5m")
		if _, _, err := m.Follow(t.Context(), way.Name(), "", 100, way.Plan); err != nil {
			t.Fatal(err)
		}
		if ds, err := m.Claim(t.Context(), "dead", 1); err != nil || len(ds) != 1 {
			t.Fatalf("%d claimed, %v", len(ds), err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- comms.Dispatcher{Outbox: m, Journal: m, Ways: []comms.Way{way}, Owner: "next"}.Run(ctx)
		}()
		say(pointsman.EvPageAcknowledged, "Ana Ruiz approved")
		time.Sleep(2 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"acknowledge"}, there.took); diff != "" {
			t.Error(diff)
		}
	})
}
