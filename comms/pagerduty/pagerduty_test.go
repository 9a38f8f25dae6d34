package pagerduty_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
	"github.com/pointsman/pointsman/comms/pagerduty"
	"github.com/pointsman/pointsman/comms/pagerduty/pagerdutytest"
)

const (
	dbaKey = "R0UT1NGKEY0000000000000000000DBA"
	apiKey = "R0UT1NGKEY0000000000000000000API"
	dedup  = "pointsman/ops.example/INC-7"
)

func event(typ pointsman.EventType, data map[string]string, text string) pointsman.Logged {
	raw, _ := json.Marshal(data)
	return pointsman.Logged{Seq: 42, Event: pointsman.Event{
		Version: 1, ID: "ev-42", Type: typ, At: time.Now().UTC(), Incident: "INC-7", Target: "postgres/orders", Text: text, Data: raw,
	}}
}

func triggered() pointsman.Logged {
	return event(pointsman.EvPageTriggered, map[string]string{"service": "dba", "severity": "page", "title": "PrimaryDown"},
		"nobody decided on INC-7 within 5m: PrimaryDown")
}

func fake(t *testing.T) *pagerdutytest.Fake {
	t.Helper()
	f, err := pagerdutytest.New(dbaKey, apiKey)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func config(t *testing.T, other string) pagerduty.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(dbaKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return pagerduty.Config{
		EventsURL: other, DefaultService: "dba",
		Services: []pagerduty.Service{{Name: "api", RoutingKey: apiKey}, {Name: "dba", RoutingKeyFile: file}},
	}
}

func newWay(t *testing.T, other string) comms.Way {
	t.Helper()
	w, err := pagerduty.New(config(t, other), "ops.example", func(id string) string { return "https://ops.example/incidents/" + id }, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWay(t *testing.T) {
	t.Parallel()
	commstest.Check(t, commstest.Subject{
		New: newWay, Good: fake(t), Event: triggered(), Secrets: []string{dbaKey, apiKey},
		Refusal: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"status":"invalid event","message":"Event object is invalid","errors":["the summary is missing in the event of ` + dbaKey + `"]}`))
		}),
	})
}

// send plans and sends the events in order.
func send(t *testing.T, f *pagerdutytest.Fake, events ...pointsman.Logged) {
	t.Helper()
	srv := httptest.NewServer(f)
	defer srv.Close()
	w := newWay(t, srv.URL)
	for _, ev := range events {
		for _, d := range w.Plan(ev) {
			d.Incident = ev.Incident
			if ref, err := w.Send(t.Context(), d); err != nil || !strings.HasPrefix(ref, dedup) {
				t.Fatalf("ref %q, error %v, want %q", ref, err, dedup)
			}
		}
	}
}

// A page without a number is of an older version, or the only one: the key is that of the incident.
func TestPagesWithoutANumberAreOne(t *testing.T) {
	t.Parallel()
	f := fake(t)
	about := map[string]string{"service": "dba"}
	for _, step := range []struct {
		ev   pointsman.Logged
		want string
	}{
		{triggered(), "triggered"},
		{event(pointsman.EvPageTriggered, about, "INC-7/R1 is parked and needs a person"), "triggered"},
		{event(pointsman.EvPageAcknowledged, about, "Ana is on it: INC-7"), "acknowledged"},
		{event(pointsman.EvPageResolved, about, "INC-7 is resolved"), "resolved"},
	} {
		send(t, f, step.ev)
		if got := f.State(dbaKey, dedup); got != step.want {
			t.Errorf("after %s the incident is %q, want %q", step.ev.Type, got, step.want)
		}
	}
	first := f.Events()[0]
	if first.RoutingKey != dbaKey || first.ClientURL != "https://ops.example/incidents/INC-7" || first.Payload.Severity != "critical" || first.Payload.Source != "postgres/orders" {
		t.Errorf("first page %+v", first)
	}
	want := map[string]any{"incident": "INC-7", "title": "PrimaryDown", "severity": "page", "target": "postgres/orders", "event": "ev-42"}
	if d := cmp.Diff(want, first.Payload.Details); d != "" {
		t.Error(d)
	}
}

func page(n int, service string) pointsman.Page { return pointsman.Page{N: n, Service: service} }

// about is an event of these pages, as the reducer writes it.
func about(typ pointsman.EventType, text string, pages ...pointsman.Page) pointsman.Logged {
	ev := event(typ, nil, text)
	ev.Data, _ = json.Marshal(map[string]any{"service": pages[0].Service, "severity": "page", "title": "PrimaryDown", "pages": pages})
	return ev
}

func TestThePageAfterAnAcknowledgementWakesSomebody(t *testing.T) {
	t.Parallel()
	f := fake(t)
	woken := func(want ...string) {
		t.Helper()
		var got []string
		for _, ev := range f.Woken() {
			got = append(got, ev.DedupKey+": "+ev.Payload.Summary)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	nobody, parked := dedup+": nobody decided on INC-7 within 5m: PrimaryDown", dedup+"/2: INC-7/R1 is parked"
	send(t, f, triggered(), event(pointsman.EvPageAcknowledged, map[string]string{"service": "dba"}, "Ana is on it: INC-7"))
	woken(nobody)
	second := about(pointsman.EvPageTriggered, "INC-7/R1 is parked", page(2, "dba"))
	send(t, f, second, second) // at least once: a repeated attempt wakes nobody again
	woken(nobody, parked)
	if one, two := f.State(dbaKey, dedup), f.State(dbaKey, dedup+"/2"); one != "acknowledged" || two != "triggered" {
		t.Errorf("page 1 is %q, page 2 %q", one, two)
	}
	both := []pointsman.Page{page(1, "dba"), page(2, "dba")}
	for typ, want := range map[pointsman.EventType]string{pointsman.EvPageAcknowledged: "acknowledged", pointsman.EvPageResolved: "resolved"} {
		f := fake(t)
		send(t, f, triggered(), second, about(typ, "", both...))
		if one, two := f.State(dbaKey, dedup), f.State(dbaKey, dedup+"/2"); one != want || two != want {
			t.Errorf("after %s page 1 is %q, page 2 %q", typ, one, two)
		}
	}
	if got := f.Woken()[1].Payload.Details["page"]; got != "2" {
		t.Errorf("the page calls itself %v", got)
	}
}

func TestAPageEndsAtTheServiceWhereItBegan(t *testing.T) {
	t.Parallel()
	f := fake(t)
	both := []pointsman.Page{page(1, "dba"), page(2, "api")}
	states := func(one, two string) {
		t.Helper()
		got := []string{f.State(dbaKey, dedup), f.State(apiKey, dedup+"/2"), f.State(apiKey, dedup), f.State(dbaKey, dedup+"/2")}
		if d := cmp.Diff([]string{one, two, "", ""}, got); d != "" {
			t.Error(d)
		}
	}
	send(t, f, triggered(), about(pointsman.EvPageTriggered, "INC-7/R1 is parked", both[1]))
	states("triggered", "triggered")
	send(t, f, about(pointsman.EvPageAcknowledged, "Ana is on it: INC-7", both...))
	states("acknowledged", "acknowledged")
	send(t, f, about(pointsman.EvPageResolved, "INC-7 is resolved", both...))
	states("resolved", "resolved")
}

// The end of a page must follow its beginning, so each page has a lane of its own; and of one event no two deliveries
// may go to one destination.
func TestEachPageHasItsLane(t *testing.T) {
	t.Parallel()
	w := newWay(t, "http://127.0.0.1:1")
	lanes := func(ev pointsman.Logged) (out []string) {
		for _, d := range w.Plan(ev) {
			out = append(out, d.Destination)
		}
		return out
	}
	all := []pointsman.Page{page(1, "dba"), page(2, "dba"), page(3, "api")}
	want := append(append(lanes(triggered()), lanes(about(pointsman.EvPageTriggered, "", all[1]))...), lanes(about(pointsman.EvPageTriggered, "", all[2]))...)
	if d := cmp.Diff([]string{"service:dba", "page 2, service:dba", "page 3, service:api"}, want); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, lanes(about(pointsman.EvPageResolved, "", all...))); d != "" {
		t.Error(d)
	}
}

func TestHostileTextStaysWithinTheLimits(t *testing.T) {
	t.Parallel()
	f := fake(t)
	send(t, f, event(pointsman.EvPageTriggered, map[string]string{"title": strings.Repeat("ü\x00\u202e", 5000)}, strings.Repeat("🔥\n", 3000)))
	got := f.Events()[0].Payload
	if n := len([]rune(got.Summary)); n != 1024 || strings.ContainsAny(got.Summary, "\n") {
		t.Errorf("summary of %d runes, want 1024 in one line", n)
	}
	if title := got.Details["title"].(string); strings.ContainsAny(title, "\x00\u202e") {
		t.Errorf("title %.40q keeps control characters", title)
	}
}

func TestAPageForAServiceThatIsNotConfiguredWakesTheDefault(t *testing.T) {
	t.Parallel()
	f := fake(t)
	send(t, f, event(pointsman.EvPageTriggered, map[string]string{"service": "gone"}, "help"), event(pointsman.EvPageTriggered, nil, "help"))
	for i, ev := range f.Events() {
		if ev.RoutingKey != dbaKey {
			t.Errorf("page %d went to another service than the default", i)
		}
	}
	if got := f.Events()[0].Payload.Details["wanted_service"]; got != "gone is not configured" {
		t.Errorf("wanted_service %v", got)
	}
}

func TestAnOldPageWakesNobody(t *testing.T) {
	t.Parallel()
	ev := triggered()
	ev.At = ev.At.Add(-49 * time.Hour)
	w := newWay(t, "http://127.0.0.1:1")
	_, err := w.Send(t.Context(), w.Plan(ev)[0])
	if err == nil || err.Error() != "the page is 2d 1h old, at most 12h is worth waking somebody" {
		t.Errorf("error %v", err)
	}
}

func TestARefusalCarriesPagerDutysWords(t *testing.T) {
	t.Parallel()
	f, err := pagerdutytest.New("another key")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(f)
	defer srv.Close()
	w := newWay(t, srv.URL)
	_, err = w.Send(t.Context(), w.Plan(triggered())[0])
	if want := "pagerduty answered 400: Event object is invalid: invalid routing key"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// The key was rotated at PagerDuty and not here. Whoever puts the new one into the file must not have to find out that the page
// of the outage at hand was given up before.
func TestAPageWhoseKeyIsRefusedWaitsForTheRightOne(t *testing.T) {
	t.Parallel()
	f := fake(t)
	srv := httptest.NewServer(f)
	defer srv.Close()
	cfg := config(t, srv.URL)
	file := cfg.Services[1].RoutingKeyFile
	if err := os.WriteFile(file, []byte("R0UT1NGKEY000000000000000ROTATED"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := pagerduty.New(cfg, "ops.example", nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	page := w.Plan(triggered())[0]
	_, err = w.Send(t.Context(), page)
	var never interface{ Permanent() bool }
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &never) || !errors.As(err, &later) || later.RetryAfter() != 30*time.Second {
		t.Fatalf("error %v, want to try again in 30 s", err)
	}
	if err := os.WriteFile(file, []byte(dbaKey), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Send(t.Context(), page); err != nil || len(f.Woken()) != 1 {
		t.Errorf("error %v, %d woken, want one", err, len(f.Woken()))
	}
}

// A proxy or a captive portal answers 200 to anything: nobody was woken by that.
func TestOnlyWhatPagerDutyTookIsSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		want   string
	}{
		{http.StatusOK, "pagerduty answered 200, not 202: <html>Please log in</html>"},
		{http.StatusNonAuthoritativeInfo, "pagerduty answered 203, not 202: <html>Please log in</html>"},
		{http.StatusNoContent, "pagerduty answered 204, not 202"},
		{http.StatusFound, "pagerduty answered 302: <html>Please log in</html>"},
	} {
		t.Run(http.StatusText(c.status), func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				if c.status != http.StatusNoContent { // which has no body
					_, _ = w.Write([]byte("<html>Please log in</html>"))
				}
			}))
			defer srv.Close()
			w := newWay(t, srv.URL)
			_, err := w.Send(t.Context(), w.Plan(triggered())[0])
			var never interface{ Permanent() bool }
			if err == nil || err.Error() != c.want || errors.As(err, &never) {
				t.Errorf("error %v, want %s, to be tried again", err, c.want)
			}
		})
	}
}

func TestTheFakeIsStrict(t *testing.T) {
	t.Parallel()
	f := fake(t)
	good := `{"routing_key":"` + dbaKey + `","event_action":"trigger","dedup_key":"k","payload":{"summary":"s","source":"x","severity":"critical"}}`
	for _, c := range []struct{ name, old, new string }{
		{"unknown severity", "critical", "sev1"},
		{"unknown action", "trigger", "boom"},
		{"long summary", `"summary":"s"`, `"summary":"` + strings.Repeat("x", 1025) + `"`},
		{"long key", `"dedup_key":"k"`, `"dedup_key":"` + strings.Repeat("k", 256) + `"`},
		{"no source", `"source":"x",`, ""},
		{"unknown key", dbaKey, "nobody"},
		{"no JSON", "}", ""},
	} {
		rec := httptest.NewRecorder()
		f.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v2/enqueue", strings.NewReader(strings.ReplaceAll(good, c.old, c.new))))
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s: answered %d, want 400", c.name, rec.Code)
		}
	}
	rec := httptest.NewRecorder()
	f.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v2/enqueue", strings.NewReader(good)))
	if rec.Code != http.StatusAccepted {
		t.Errorf("a right one: answered %d %s", rec.Code, rec.Body)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := pagerduty.Config{EventsURL: "pagerduty", DefaultService: "nobody", Services: []pagerduty.Service{
		{Name: "dba", RoutingKey: "a", RoutingKeyFile: "b"}, {Name: "dba", RoutingKeyEnv: "X"}, {},
	}}
	var got []string
	for _, f := range c.Validate() {
		got = append(got, f.Error())
	}
	want := []string{
		`events_url: "pagerduty" is no URL such as https://events.pagerduty.com`,
		`services[0]: 2 sources of a routing key, want exactly one of routing_key_file, routing_key_env, routing_key`,
		`services[1].name: service "dba" is there twice`,
		`services[2].name: a service needs a name, by which runbooks and routes call it`,
		`services[2]: 0 sources of a routing key, want exactly one of routing_key_file, routing_key_env, routing_key`,
		`default_service: no service "nobody" is configured`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
