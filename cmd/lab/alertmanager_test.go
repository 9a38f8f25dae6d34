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
