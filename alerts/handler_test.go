package alerts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

const (
	token    = "the-token-in-use-0123456789"
	newToken = "the-next-token-0123456789"
)

// door is a running endpoint in front of a store in memory.
type door struct {
	*memory
	h   *alerts.Handler
	srv *httptest.Server
}

func open(t testing.TB, route alerts.Route) *door {
	t.Helper()
	m := newMemory()
	h, err := alerts.New(alerts.Config{Tokens: []string{token, newToken}}, router(t, route), m, m, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	h.Register(e)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return &door{memory: m, h: h, srv: srv}
}

// post sends the body with the valid token and returns status and the sentence of the answer.
func (d *door) post(t testing.TB, body io.Reader) (int, string) {
	t.Helper()
	return d.postAs(t, "Bearer "+token, body)
}

func (d *door) postAs(t testing.TB, authorization string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.srv.URL+alerts.Path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var said struct{ Status, Text string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	return res.StatusCode, said.Text
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".with-headers.json") {
		return b
	}
	var rec struct{ Body json.RawMessage }
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	return rec.Body
}

// webhook is a body as Alertmanager writes it, of alerts made by the test.
func webhook(alerts ...map[string]any) []byte {
	b, err := json.Marshal(map[string]any{
		"receiver": "pointsman", "status": "firing", "alerts": alerts, "groupLabels": map[string]string{}, "commonLabels": map[string]string{},
		"externalURL": "http://alertmanager.example", "version": "4", "groupKey": `{}:{alertname="X"}`, "truncatedAlerts": 0,
	})
	if err != nil {
		panic(err)
	}
	return b
}

func alert(status, fingerprint string, labels map[string]string) map[string]any {
	end := "0001-01-01T00:00:00Z"
	if status == "resolved" {
		end = "2026-11-21T02:35:00Z"
	}
	return map[string]any{
		"status": status, "labels": labels, "annotations": map[string]string{"summary": "it is " + labels["alertname"]},
		"startsAt": "2026-11-21T02:29:34.131Z", "endsAt": end, "fingerprint": fingerprint,
	}
}

type brief struct {
	Key, Title, State        string
	Firing, Total, Truncated int
}

func briefly(in []pointsman.Incident) []brief {
	var out []brief
	for _, i := range in {
		out = append(out, brief{i.Key, i.Title, string(i.State), i.Firing, i.Total, i.Truncated})
	}
	return out
}

func TestReceive_bodies_of_real_alertmanagers(t *testing.T) {
	t.Parallel()
	lag := func(group string, firing, total int, state string) []brief {
		return []brief{{"target:postgres/orders", group, state, firing, total, 0}}
	}
	for _, tt := range []struct {
		name   string
		bodies []string
		want   []brief
	}{
		{"one firing, 0.25", []string{"alertmanager-0.25.0/firing.json"}, lag("PrimaryDown: Primary db1 is down", 1, 1, "open")},
		{"one firing, 0.34 with fields that 0.25 does not know", []string{"alertmanager-0.34.2/1-firing-1firing.json"}, lag("PrimaryDown: Primary db1 is down", 1, 1, "open")},
		{"firing twice is one alert", []string{"alertmanager-0.34.2/1-firing-1firing.json", "alertmanager-0.34.2/1-firing-1firing.json"}, lag("PrimaryDown: Primary db1 is down", 1, 1, "open")},
		{"grouped", []string{"alertmanager-0.25.0/grouped-firing.json"}, lag("ReplicaLagHigh: Lag of db2 is 120s", 2, 2, "open")},
		{"a third joins the group", []string{"alertmanager-0.25.0/grouped-firing.json", "alertmanager-0.25.0/grouped-third-joined.json"}, lag("ReplicaLagHigh: Lag of db2 is 120s", 3, 3, "open")},
		{"one of three is resolved inside a firing message", []string{"alertmanager-0.25.0/grouped-third-joined.json", "alertmanager-0.25.0/mixed-one-resolved.json"}, lag("ReplicaLagHigh: Lag of db2 is 120s", 2, 3, "open")},
		{"all resolved", []string{"alertmanager-0.34.2/1-firing-1firing.json", "alertmanager-0.34.2/6-resolved-1resolved.json"}, lag("PrimaryDown: Primary db1 is down", 0, 1, "resolved")},
		{"resolved before it was ever seen", []string{"alertmanager-0.25.0/resolved.json"}, nil},
		{"truncated by max_alerts", []string{"alertmanager-0.34.2/truncated-max_alerts-2.json"}, []brief{{`group:trunc:{}/{t="trunc"}:{alertname="Many"}`, "Many: many 1", "open", 2, 2, 3}}},
		{"recorded with headers", []string{"alertmanager-0.34.2/auth-bearer.with-headers.json"}, []brief{{`group:bearer:{}/{t="bearer"}:{alertname="Behbearer"}`, "Behbearer: behaviour bearer", "open", 1, 1, 0}}},
		{"a body that somebody changed with payload", []string{"alertmanager-0.34.2/custom-payload.with-headers.json"}, []brief{{"webhook:", `unreadable webhook from receiver ""`, "open", 1, 1, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, alerts.Route{})
			for _, b := range tt.bodies {
				if code, text := d.post(t, bytes.NewReader(recorded(t, b))); code != http.StatusOK {
					t.Fatalf("%s: %d %s", b, code, text)
				}
			}
			if diff := cmp.Diff(tt.want, briefly(d.incidents())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReceive_every_recorded_body_is_stored(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/alertmanager-*/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recorded bodies, %v", len(files), err)
	}
	d := open(t, alerts.Route{})
	for _, f := range files {
		name, _ := filepath.Rel("testdata", f)
		if code, text := d.post(t, bytes.NewReader(recorded(t, name))); code != http.StatusOK {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
}

func TestReceive_is_asked_again_while_the_store_is_down(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	two := webhook(
		alert("firing", "1", map[string]string{"alertname": "PrimaryDown", "cluster": "orders"}),
		alert("firing", "2", map[string]string{"alertname": "PrimaryDown", "cluster": "billing"}),
	)
	d.down = func(cmd pointsman.Command) error {
		if cmd.Subject().Key == "target:postgres/billing" {
			return errDown
		}
		return nil
	}
	if code, text := d.post(t, bytes.NewReader(two)); code != http.StatusServiceUnavailable {
		t.Errorf("half of it is stored, yet: %d %s", code, text)
	}
	d.down = nil
	if code, text := d.post(t, bytes.NewReader(two)); code != http.StatusOK {
		t.Errorf("%d %s", code, text)
	}
	var keys []string
	for _, i := range d.incidents() {
		keys = append(keys, i.Key)
		if i.Total != 1 {
			t.Errorf("%s has %d alerts", i.Key, i.Total)
		}
	}
	if diff := cmp.Diff([]string{"target:postgres/orders", "target:postgres/billing"}, keys); diff != "" {
		t.Error(diff)
	}
}

func TestReceive_storm_loses_and_doubles_nothing(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{IncidentBy: []string{"host"}})
	const hosts, workers = 300, 8
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < hosts*3; i += workers { // every webhook comes three times
				host := fmt.Sprintf("h%d", i%hosts)
				body := webhook(alert("firing", host, map[string]string{"alertname": "HostDown", "host": host}))
				if code, text := d.post(t, bytes.NewReader(body)); code != http.StatusOK {
					t.Errorf("%d %s", code, text)
				}
			}
		})
	}
	wg.Wait()
	if n := len(d.incidents()); n != hosts {
		t.Errorf("%d incidents of %d hosts", n, hosts)
	}
}

func TestReceive_ten_thousand_alerts_of_one_incident(t *testing.T) {
	t.Parallel()
	d := open(t, alerts.Route{})
	many := func(status string) []map[string]any {
		var out []map[string]any
		for i := range 10_000 {
			out = append(out, alert(status, fmt.Sprintf("%d", i), map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "shard": fmt.Sprint(i)}))
		}
		return out
	}
	// The first half resolves in the message in which the second half begins to fire: never closed in between.
	mixed := append(many("resolved")[:5000], many("firing")[5000:]...)
	for i, body := range [][]byte{webhook(many("firing")[:5000]...), webhook(mixed...)} {
		if code, text := d.post(t, bytes.NewReader(body)); code != http.StatusOK {
			t.Fatalf("%d: %d %s", i, code, text)
		}
	}
	got := d.incidents()
	if len(got) != 1 || got[0].Firing != 5000 || got[0].Total != 10_000 || got[0].Reopened != 0 {
		t.Errorf("%+v reopened %d", briefly(got), got[0].Reopened)
	}
}

// Something fires and cannot be seen. With nobody at the screen it is the page that brings a person to Alertmanager.
func TestReceive_what_nobody_can_read_pages_as_the_first_route_says(t *testing.T) {
	t.Parallel()
	for want, route := range map[pointsman.Escalation]alerts.Route{
		{After: 15 * time.Minute, Service: "oncall"}: {Escalate: alerts.Escalate{After: 15 * time.Minute, Service: "oncall"}},
		{After: pointsman.DefaultChase}:              {},
	} {
		d := open(t, route)
		if code, text := d.post(t, strings.NewReader(`{"receiver":"ops","text":"changed with payload"}`)); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		if got := d.incidents()[0].Escalate; got != want {
			t.Errorf("paged %+v, want %+v", got, want)
		}
	}
}
