package probe_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

type looker map[string]probe.State

func (l looker) Look(_ context.Context, cluster, node string) (probe.Sighting, bool) {
	s, ok := l[cluster+"/"+node]
	return probe.Sighting{State: s, At: time.Now()}, ok
}

const token = "a-token-that-is-long-enough"

func serve(t *testing.T, read func() (string, error)) string {
	t.Helper()
	server := httptest.NewServer(probe.Handler(looker{"orders/pg-1": probe.Hung}, read))
	t.Cleanup(server.Close)
	return server.URL
}

func TestProbe(t *testing.T) {
	t.Parallel()
	good := func() (string, error) { return token, nil }
	for _, tc := range []struct {
		reason  string
		read    func() (string, error)
		token   string
		node    string
		want    probe.State
		refused int
	}{
		{"tells_how_it_sees_a_configured_node", good, token, "pg-1", probe.Hung, 0},
		{"wrong_token_sees_nothing", good, "guess", "pg-1", "", 401},
		{"empty_token_accepts_nobody", func() (string, error) { return "", nil }, "", "pg-1", "", 401},
		{"unreadable_token_accepts_nobody", func() (string, error) { return "", errors.New("gone") }, token, "pg-1", "", 503},
		{"unknown_node_is_not_looked_for", good, token, "postgres://elsewhere/db", "", 404},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			got, err := probe.Client{URL: serve(t, tc.read)}.Ask(t.Context(), tc.token, probe.Question{Cluster: "orders", Node: tc.node})
			if refused, _ := errors.AsType[*probe.StatusError](err); got.State != tc.want || err != nil && (refused == nil || refused.Code != tc.refused) || (err == nil) != (tc.refused == 0) {
				t.Errorf("seen %+v (%v), want %q or %d", got, err, tc.want, tc.refused)
			}
		})
	}
}

func TestClient_takes_nonsense_for_nothing_seen(t *testing.T) {
	t.Parallel()
	for reason, body := range map[string]string{"no_json": "<html>", "unknown_state": `{"state":"promoted"}`, "empty": ``} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		got, err := probe.Client{URL: server.URL}.Ask(t.Context(), token, probe.Question{})
		server.Close()
		if err == nil {
			t.Errorf("%s: seen %+v", reason, got)
		}
	}
	if got, err := (probe.Client{URL: "http://u:canary@127.0.0.1:1"}).Ask(t.Context(), token, probe.Question{}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("seen %+v (%v)", got, err)
	}
}

func TestState_is_a_sign_of_life_or_of_absence_never_both(t *testing.T) {
	t.Parallel()
	for _, s := range []probe.State{
		probe.Writable, probe.ReadOnly, probe.Standby, probe.Starting, probe.Full, probe.Denied, probe.Closing, probe.Fenced, probe.Refused,
		probe.Unreachable, probe.Hung, probe.Unsure,
	} {
		if s.Answers() && s.Gone() || s.Stopped() && !s.Gone() || s == probe.Unsure && (s.Answers() || s.Gone()) {
			t.Errorf("%s: answers %t, gone %t, stopped %t", s, s.Answers(), s.Gone(), s.Stopped())
		}
	}
}
