package lab_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

type notification struct{ authorization, status, alertname string }

// receiver answers webhooks and hands on what they said.
func receiver(t *testing.T) (string, <-chan notification) {
	t.Helper()
	got := make(chan notification, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			Status       string
			CommonLabels map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		got <- notification{r.Header.Get("Authorization"), body.Status, body.CommonLabels["alertname"]}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func TestAlertmanager_delivers_firing_and_resolved(t *testing.T) {
	t.Parallel()
	url, got := receiver(t)
	am, err := lab.StartAlertmanager(t.Context(), lab.AlertmanagerOptions{WebhookURL: url, BearerToken: `a "token"`})
	if err != nil {
		t.Fatal(err)
	}
	pids := am.Pids()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	next := func(want notification) {
		t.Helper()
		select {
		case n := <-got:
			if n != want {
				t.Errorf("webhook %+v, want %+v", n, want)
			}
		case <-ctx.Done():
			log, err := am.Log()
			t.Fatalf("no webhook %+v; log (%v):\n%s", want, err, log)
		}
	}
	labels := map[string]string{"alertname": "PrimaryDown", "cluster": "orders"}
	if err := am.Fire(ctx, labels, map[string]string{"summary": "gone"}); err != nil {
		t.Fatal(err)
	}
	next(notification{`Bearer a "token"`, "firing", "PrimaryDown"})
	if err := am.Resolve(ctx, labels); err != nil {
		t.Fatal(err)
	}
	next(notification{`Bearer a "token"`, "resolved", "PrimaryDown"})
	if err := am.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeGone(t, pids)
}

func TestAlertmanager_slack_receiver_stands_beside_the_webhook(t *testing.T) {
	t.Parallel()
	url, got := receiver(t)
	posted := make(chan string, 1)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posted <- r.Header.Get("Content-Type")
		if _, err := w.Write([]byte("ok")); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(slack.Close)
	am, err := lab.StartAlertmanager(t.Context(), lab.AlertmanagerOptions{WebhookURL: url, SlackAPIURL: slack.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = am.Close() })
	if err := am.Fire(t.Context(), map[string]string{"alertname": "APIDown"}, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case <-got:
		case <-posted:
		case <-time.After(20 * time.Second):
			t.Fatal("one of webhook and Slack was not notified within 20 s")
		}
	}
}

// told is an alert as a webhook told it.
type told struct {
	Status   string
	StartsAt time.Time
}

// watched is an Alertmanager that waits ten seconds between two messages about a group.
type watched struct {
	t    *testing.T
	am   *lab.Alertmanager
	told chan told
}

func watch(t *testing.T) watched {
	t.Helper()
	w := watched{t: t, told: make(chan told, 10)}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Alerts []told }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		for _, a := range body.Alerts {
			w.told <- a
		}
	}))
	t.Cleanup(server.Close)
	var err error
	if w.am, err = lab.StartAlertmanager(t.Context(), lab.AlertmanagerOptions{WebhookURL: server.URL, GroupInterval: 10 * time.Second, RepeatInterval: time.Hour}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.am.Close() })
	return w
}

func (w watched) post(from, to *time.Time) {
	w.t.Helper()
	if err := w.am.Post(w.t.Context(), lab.Alert{Labels: map[string]string{"alertname": "PrimaryDown"}, StartsAt: from, EndsAt: to}); err != nil {
		w.t.Fatal(err)
	}
}

func (w watched) next(status string, since *time.Time) {
	w.t.Helper()
	select {
	case got := <-w.told:
		if got.Status != status || !got.StartsAt.Equal(*since) {
			w.t.Fatalf("told %+v, want %s since %s", got, status, since)
		}
	case <-time.After(time.Minute):
		w.t.Fatalf("not told that it is %s since %s", status, since)
	}
}

func at(after time.Duration) *time.Time {
	when := time.Now().Add(after).UTC().Truncate(time.Millisecond)
	return &when
}

// What the incidents' rule that an alert fires once at a time rests on.
func TestAlertmanager_never_tells_the_end_of_a_firing_that_another_followed(t *testing.T) {
	t.Parallel()
	w := watch(t)
	first, second := at(-time.Minute), at(-10*time.Second)
	w.post(first, nil)
	w.next("firing", first)
	w.post(first, at(-20*time.Second))
	w.post(second, nil)
	w.post(second, at(0))
	w.next("resolved", second)
}

// Prometheus did not say for a while that the alert fires, as in a partition, and then says so again.
func TestAlertmanager_tells_a_firing_again_that_it_had_taken_as_over(t *testing.T) {
	t.Parallel()
	w := watch(t)
	since := at(-time.Minute)
	w.post(since, at(5*time.Second)) // within which it is told that it fires
	w.next("firing", since)
	w.next("resolved", since)
	w.post(since, at(time.Hour))
	w.next("firing", since)
}
