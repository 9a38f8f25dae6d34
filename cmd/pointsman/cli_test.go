package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

var update = flag.Bool("update", false, "write the golden files anew")

// passing is what differs from one look to the next.
var passing = regexp.MustCompile(`, [^,\]]+ ago\]`)

// says runs the command and returns its exit code and all it wrote, without what passes and without the test's folders.
func says(t *testing.T, replace map[string]string, args ...string) string {
	t.Helper()
	var out, errOut strings.Builder
	code := run(t.Context(), args, strings.NewReader(""), &out, &errOut)
	text := out.String()
	if errOut.Len() > 0 {
		text += "--- stderr\n" + errOut.String()
	}
	for real, shown := range replace {
		text = strings.ReplaceAll(text, real, shown)
	}
	return passing.ReplaceAllString(text, ", AGE ago]") + fmt.Sprintf("--- exit %d\n", code)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./cmd/pointsman -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test ./cmd/pointsman -update writes it anew\n%s", file, diff)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"help":                          {"--help"},
		"steer_help":                    {"steer", "--help"},
		"approve_help":                  {"approve", "--help"},
		"audit_verify_help":             {"audit", "verify", "--help"},
		"mistyped_command":              {"aprove", "INC-1"},
		"mistyped_subcommand":           {"killswitch", "relase", "trading"},
		"mistyped_flag":                 {"approve", "INC-1", "--digset", "abc"},
		"missing_argument":              {"approve"},
		"engage_without_reason":         {"killswitch", "engage", "trading"},
		"no_configuration":              {"serve", "--config", "testdata/none.yaml"},
		"check_config_every_fault":      {"check-config", "testdata/faults.yaml"},
		"check_config_no_yaml":          {"check-config", "testdata/broken.yaml"},
		"check_config_good":             {"check-config", "testdata/good.yaml"},
		"runbook_lint_shipped":          {"runbook", "lint"},
		"runbook_lint_faults":           {"runbook", "lint", "testdata/runbook-faults.yaml"},
		"runbook_plan_unknown":          {"runbook", "plan", "-c", "testdata/good.yaml", "postgres-failovr", "orders"},
		"runbook_plan_no_target":        {"runbook", "plan", "-c", "testdata/good.yaml", "postgres-failover"},
		"runbook_plan_unknown_target":   {"runbook", "plan", "-c", "testdata/good.yaml", "postgres-failover", "order"},
		"runbook_plan_nobody_answers":   {"runbook", "plan", "-c", "testdata/good.yaml", "postgres-failover", "orders"},
		"routes_test":                   {"routes", "test", "-c", "testdata/good.yaml", "alertname=PrimaryDown", "cluster=orders"},
		"routes_test_no_target":         {"routes", "test", "-c", "testdata/good.yaml", "alertname=PrimaryDown", "cluster=billing"},
		"routes_test_no_label":          {"routes", "test", "-c", "testdata/good.yaml", "PrimaryDown"},
		"audit_verify_no_export":        {"audit", "verify", "testdata"},
		"audit_verify_nothing_there":    {"audit", "verify", "testdata/none.zip"},
		"audit_key_not_made_yet":        {"audit", "key", "-c", "testdata/good.yaml"},
		"audit_verify_no_key":           {"audit", "verify", "--key", "testdata/none.pub", "testdata/good.yaml"},
		"audit_export_over_existing":    {"audit", "export", "--incident", "INC-1", "-o", "testdata"},
		"audit_export_to_no_folder":     {"audit", "export", "--incident", "INC-1", "-o", "testdata/none/INC-1.zip"},
		"no_server_on_the_socket":       {"incidents", "--socket", "testdata/none.sock"},
		"a_server_without_a_scheme":     {"incidents", "--server", "127.0.0.1:9096"},
		"a_server_needs_a_token":        {"incidents", "--server", "https://pointsman.example"},
		"probe_without_token":           {"probe", "-c", "testdata/good.yaml"},
		"probe_with_token_that_is_gone": {"probe", "-c", "testdata/good.yaml", "--token-file", "testdata/none.token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, says(t, nil, args...))
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if got := says(t, nil, "version"); !strings.HasPrefix(got, "pointsman dev go1.") || !strings.HasSuffix(got, "--- exit 0\n") {
		t.Error(got)
	}
}

// ready is an incident as a running server gives it. Its title carries what an alert may carry.
func ready(t *testing.T) pointsman.State {
	t.Helper()
	night := time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)
	plan, err := pointsman.Plan{
		Version: 1, Runbook: "postgres-failover", Title: "PostgreSQL failover to the standby", Incident: "INC-1",
		Steps: []pointsman.PlanStep{
			{Name: "look", Kind: "manual.task", Summary: "dba does by hand within 1h: df -h /var/backups\nA full disk is the usual cause."},
			{Name: "fence", Kind: "postgres.fence", Summary: "fence pg-1 of orders, so that it takes no writes"},
			{Name: "promote", Kind: "postgres.promote", Summary: "promote pg-2 to primary of orders", Irreversible: true, ByHand: []string{"psql -h pg-2 -c \"SELECT pg_promote()\" && \\\n  echo 'done'"}},
		},
		Bounds: []pointsman.Bound{{Name: "lost_bytes", Max: 16384, Text: "loss <= 16,384 B"}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return pointsman.State{
		Incident: pointsman.Incident{
			ID: "INC-1", State: pointsman.IncidentOpen, OpenedAt: night, Firing: 1, Target: pointsman.Target{Kind: "postgres", Name: "orders"},
			Title: "PrimaryDown: \x1b[2Jall \u202Ewell\u0007", Truncated: 2,
		},
		Alerts: []pointsman.Alert{{
			StartsAt: night, Status: pointsman.AlertFiring, Labels: map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "severity": "critical\n"},
			Annotations: map[string]string{"summary": "nobody answers at pg-1"},
		}},
		Proposals: []pointsman.Proposal{{
			ID: "INC-1/P1", Runbook: "postgres-failover", Title: "PostgreSQL failover to the standby", State: pointsman.ProposalReady,
			Plan: plan, Digest: pointsman.Digest(plan), ExpiresAt: night.Add(15 * time.Minute),
			Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 2, Role: "dba"}}}, Eligible: []string{"Ben Okafor", "Chi Nguyen"},
			Requester: pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana Ruiz"}}, Reason: "the disk of pg-1 is gone\x1b[2J",
			Votes: []pointsman.Vote{{Person: pointsman.Person{ID: "ben", Name: "Ben Okafor", Roles: []string{"dba"}}, Digest: pointsman.Digest(plan), Verdict: pointsman.Approve, At: night.Add(90 * time.Second)}},
			Facts: []pointsman.Fact{
				{Name: "vantage points", Value: "2 of 2 see pg-1 gone", Limit: "at least 2", Source: "pg-1", At: night, Result: pointsman.Pass},
				{Name: "loss in bytes", Value: "<= 16,384 B", Limit: "16,777,216 B", Source: "last sample of pg-1", At: night, Result: pointsman.Pass},
				{Kind: pointsman.Warn, Name: "redundancy", Text: "pg-2 will have no standby, wanted is at least 1", Clears: "attach a standby afterwards", Source: "all nodes", At: night, Result: pointsman.Fail},
			},
		}},
	}
}

// serving answers on a socket as the server does: INC-1 is there, nothing else is.
func serving(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli") // t.TempDir may be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	st := ready(t)
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /api/v1/incidents", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusOK, []pointsman.Incident{st.Incident})
	})
	mux.HandleFunc("GET /api/v1/kill-switches", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusOK, []map[string]any{{"name": "trading", "text": "trading is engaged since 2026-02-01 03:00:00 UTC (orders run away), read 1.1 s ago"}})
	})
	holdRoutes(t, mux)
	planRoutes(t, mux, st)
	steerRoutes(t, mux, st)
	mux.HandleFunc("GET /api/v1/incidents/INC-1", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, st) })
	refused := pointsman.State{Incident: st.Incident, Proposals: []pointsman.Proposal{{
		ID: "INC-2/P1", Runbook: "quick", Title: "Restart a service", State: pointsman.ProposalRefused, Problem: "the program /bin/nope of restart of api cannot be run",
	}}}
	mux.HandleFunc("GET /api/v1/incidents/INC-2", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, refused) })
	mux.HandleFunc("POST /api/v1/rechecks", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ ID string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		send(w, http.StatusOK, pointsman.Answer{Code: pointsman.CodeAccepted, Text: "the checks of " + in.ID + " run again"})
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		send(w, http.StatusNotFound, pointsman.Answer{Code: pointsman.CodeNotFound, Text: "there is no incident INC-77"})
	})
	mux.HandleFunc("POST /api/v1/votes", func(w http.ResponseWriter, r *http.Request) {
		var vote struct{ ID, Digest, Verdict, Reason string }
		if err := json.NewDecoder(r.Body).Decode(&vote); err != nil {
			t.Error(err)
		}
		send(w, http.StatusOK, pointsman.Answer{Code: pointsman.CodeAccepted, Text: fmt.Sprintf("%s of %s as plan %s: %s", vote.Verdict, vote.ID, vote.Digest, vote.Reason)})
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Shutdown(context.WithoutCancel(t.Context())) })
	return socket
}

func TestAgainstAServer(t *testing.T) {
	t.Parallel()
	socket := serving(t)
	for name, args := range map[string][]string{
		"incidents":              {"incidents"},
		"incidents_one":          {"incidents", "INC-1"},
		"incidents_by_its_run":   {"incidents", "inc-1/R1"},
		"incidents_unknown":      {"incidents", "INC-77"},
		"incidents_plan":         {"incidents", "INC-1/P1", "--plan"},
		"incidents_plan_of_none": {"incidents", "INC-1/P7", "--plan"},
		"incidents_plan_of_what": {"incidents", "INC-1", "--plan"},
		"approve_without_digest": {"approve", "INC-1"},
		"approve":                {"approve", "INC-1", "--digest", "0123456789ab", "--reason", "seen with ben"},
		"approve_refused":        {"approve", "INC-2"},
		"recheck":                {"recheck", "INC-2/P1"},
		"deny_unknown":           {"deny", "INC-77"},
		"locks":                  {"locks"},
		"lock":                   {"lock", "postgres/orders", "--reason", "vacuum full", "--for", "2h"},
		"unlock_old_token":       {"unlock", "orders", "--token", "1"},
		"freeze":                 {"freeze", "--reason", "the network is being rebuilt"},
		"unfreeze":               {"unfreeze"},
		"lock_nothing":           {"lock"},
		"killswitch_status":      {"killswitch", "status"},

		"runbook_plan_running":           {"runbook", "plan", "--running", "postgres-failover", "orders", "--mode", "drill"},
		"runbook_plan_running_no_plan":   {"runbook", "plan", "--running", "quick", "api"},
		"runbook_plan_running_no_target": {"runbook", "plan", "--running", "quick", "apx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, says(t, map[string]string{socket: "SOCKET"}, append(args, "--socket", socket)...))
		})
	}
}

func TestClean_an_alert_cannot_steer_the_terminal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain, naïve, 東京 ✓":    "plain, naïve, 東京 ✓",
		"\x1b[2Jgone":           " [2Jgone",
		"two\nlines\ttab\rback": "two lines tab back",
		"c1 \u009b31m":          "c1  31m",
		"turned \u202Egnp.exe":  "turned gnp.exe",
		"zero\u200Bwidth":       "zerowidth",
		"bell\a, del\x7f":       "bell , del ",
		"bad \xff byte":         "bad \uFFFD byte",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}
