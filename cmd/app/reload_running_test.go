package app

import (
	"context"
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
	"github.com/pointsman/pointsman/configs"
)

// offering is a server with a configuration file that can be written anew. The file has DIR for the folder of the test.
func offering(t *testing.T, first string) (a *App, offer func(string) ([]string, error)) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "pointsman.yaml")
	load := func() (*configs.Config, error) {
		cfg, _, err := configs.Load(file, nil)
		return cfg, err
	}
	write := func(text string) {
		t.Helper()
		text = "storage: {path: DIR/p.db}\naudit: {key_file: DIR/audit.key}\n" + text
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if a, err = New(t.Context(), cfg, Options{Version: "test", Load: load}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(a.server.stop(0), a.store.Close()) })
	return a, func(text string) ([]string, error) {
		t.Helper()
		write(text)
		return a.Reload(t.Context(), pointsman.Actor{Door: pointsman.DoorCLI, Ref: "SIGHUP"})
	}
}

const quiet = "web: {listen: \"127.0.0.1:0\", socket: \"\"}\n"

// A password is no part of the digest of the targets, which is published. Whoever changes one and reads "reloaded" would
// believe that the old one can go.
func TestAReloadSaysThatAnotherPasswordNeedsARestart(t *testing.T) {
	t.Parallel()
	text := quiet + "alertmanager: {tokens: [token-of-the-test]}\npeople: [{id: ana, token: a-token-of-ana-x, roles: [risk]}]\ntargets: {killswitch: [{name: trading, environment: staging, dsn: \"postgres://pointsman:OLD@127.0.0.1:1/x\"}]}\n"
	_, offer := offering(t, text)
	for _, c := range []struct {
		text string
		want []string
	}{{text, nil}, {strings.Replace(text, "OLD", "NEW", 1), []string{"targets"}}} {
		waiting, err := offer(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, waiting); d != "" {
			t.Error(d)
		}
	}
}

// The webhook's lock and the people are changed at once, the server behind them is not: what fits the file as a whole need
// not fit what runs.
func TestAReloadIsJudgedAgainstTheServerThatRuns(t *testing.T) {
	t.Parallel()
	tokens := "alertmanager: {tokens: [token-of-the-test]}\n"
	ca, _ := certificate(t, time.Hour, 0o600)
	slack := "slack: {enabled: true, bot_token: xoxb-1, app_token: xapp-1, team: T0ONE, channel: C0INC, api_url: \"http://127.0.0.1:1/\"}\npeople: [{id: ana, slack: T0ONE/U0ANA}]\n"
	for name, c := range map[string]struct{ running, offered, says string }{
		"an open door in the network": {
			"web: {listen: \"0.0.0.0:0\", socket: \"\"}\n" + tokens, quiet + "alertmanager: {insecure_dev: true}\n",
			"everybody who reaches 0.0.0.0:0 could send alerts",
		},
		"client certificates without TLS": {
			quiet + tokens, "web: {listen: \"127.0.0.1:0\", socket: \"\", tls_cert_file: DIR/p.db, tls_key_file: DIR/p.db}\nalertmanager: {client_ca: " + ca + "}\n",
			"client certificates need TLS on this server",
		},
		"people of another workspace": {
			quiet + tokens + slack, quiet + tokens + strings.ReplaceAll(slack, "T0ONE", "T0TWO"),
			"is of workspace T0TWO, and slack.team is T0ONE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, offer := offering(t, c.running)
			before := a.catalog.now.Load()
			_, err := offer(c.offered)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "needs a restart") {
				t.Errorf("%v, want %q", err, c.says)
			}
			if a.catalog.now.Load() != before {
				t.Error("it is in force")
			}
			if _, err := offer(c.running); err != nil {
				t.Errorf("what runs is refused: %v", err)
			}
		})
	}
}

// "The old configuration stays in force" over one that is not makes people approve by rules that they believe gone.
func TestAReloadThatIsNotOnRecordIsInForceAllTheSame(t *testing.T) {
	t.Parallel()
	text := quiet + "alertmanager: {tokens: [token-of-the-test]}\n"
	a, offer := offering(t, text)
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := offer(text + "people: [{id: ana}]\n"); !errors.Is(err, ErrUnrecorded) || len(a.catalog.People()) != 1 {
		t.Fatalf("%v; in force are %v", err, a.catalog.People())
	}
	if _, err := offer(text + "people: [{id: Ana}]\n"); err == nil || errors.Is(err, ErrUnrecorded) {
		t.Errorf("a refused one: %v", err)
	}

	e := newEcho(nil)
	health{people: directory{}, reload: func(context.Context, pointsman.Actor) ([]string, error) { return nil, ErrUnrecorded }}.register(e)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/-/reload", nil)
	req.RemoteAddr = "127.0.0.1:4711"
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	if rec.Code != http.StatusServiceUnavailable || !strings.HasPrefix(rec.Body.String(), "The configuration is reloaded: it is in force, and") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// Whoever gave the order may be gone when its entry is written; it is written all the same.
func TestAReloadIsOnRecordAlsoWhenItsCallerIsGone(t *testing.T) {
	t.Parallel()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Reload(gone, pointsman.Actor{Door: pointsman.DoorHTTP}); err != nil {
		t.Error(err)
	}
}

// What a reload leaves alone until the restart must not count before it: people behind Slack, which is still off, approve
// nothing, and services of PagerDuty that the file has now page nobody.
func TestTheCatalogKnowsWhatWasOpenAtTheStart(t *testing.T) {
	t.Parallel()
	load := func(text string) *snapshot {
		t.Helper()
		file := filepath.Join(t.TempDir(), "pointsman.yaml")
		err := os.WriteFile(file, []byte(`alertmanager: {tokens: [token-of-the-test]}
people: [{id: ana, token: a-token-of-ana-x, roles: [dba]}, {id: ben, slack: T0123/U0BEN, roles: [dba]}]
targets: {service: [{name: api, environment: production, match: ['service="api"'], commands: {restart: ["true"]}}]}
`+text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		cfg, _, err := configs.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		snap, faults, err := compile(cfg)
		if err := joinAll(err, faults); err != nil {
			t.Fatal(err)
		}
		return snap
	}
	without, with := load(""), load(`slack: {enabled: true, bot_token: xoxb-1, app_token: xapp-1, team: T0123, channel: C0123ABCD}
pagerduty: {services: [{name: oncall, routing_key: 0123456789abcdef0123456789abcdef}]}
`)
	for _, c := range []struct {
		name             string
		started, offered *snapshot
		people           int
		paged            bool
	}{{"opened by a reload", without, with, 1, false}, {"closed by a reload", with, without, 2, true}} {
		catalog := newCatalog(c.started)
		catalog.now.Store(c.offered)
		if got := (recognised{catalog}).People(); len(got) != c.people {
			t.Errorf("%s: %d people could approve, want %d", c.name, len(got), c.people)
		}
		accounts := (recognised{catalog}).Accounts()
		if len(accounts) != c.people || c.people == 2 && accounts[1].Slack != "T0123/U0BEN" {
			t.Errorf("%s: accounts %v", c.name, accounts)
		}
		if got := catalog.People(); len(got) != 2 {
			t.Errorf("%s: %d people are configured", c.name, len(got))
		}
		text := catalog.Explain(map[string]string{"alertname": "HighErrorRate", "service": "api"})
		if !strings.Contains(text, "\npage ") || strings.Contains(text, "nobody would be paged") == c.paged {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}
