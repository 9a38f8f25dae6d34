package configs_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

func TestShippedRunbooks_have_no_fault(t *testing.T) {
	t.Parallel()
	books, faults := configs.ShippedRunbooks()
	for _, f := range faults {
		t.Error(f)
	}
	for _, b := range books {
		for _, w := range configs.RunbookWarnings(b, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
			t.Error(w)
		}
	}
}

func TestShippedRunbooks_answer_every_alert_of_the_reference(t *testing.T) {
	t.Parallel()
	books, _ := configs.ShippedRunbooks()
	answered := map[string][]string{}
	for _, b := range books {
		for _, a := range b.Answers {
			for _, m := range a.Matchers {
				if name, ok := strings.CutPrefix(m, `alertname="`); ok {
					answered[strings.TrimSuffix(name, `"`)] = append(answered[strings.TrimSuffix(name, `"`)], b.Name)
				}
			}
		}
	}
	want := map[string][]string{
		"PrimaryDown":             {"postgres-failover-pgbouncer", "postgres-failover"},
		"ReplicationLagCritical":  {"postgres-failover-pgbouncer", "postgres-failover", "postgres-replica-recovery"},
		"ReplicationDisconnected": {"postgres-failover-pgbouncer", "postgres-failover", "postgres-replica-recovery"},
		"PatroniClusterUnlocked":  {"patroni-failover"}, "PatroniNoLeader": {"patroni-failover"},
		"PostgresSplitBrain": {"postgres-split-brain"}, "APIDown": {"service-restart"},
		"ExternalAPIDown": {"service-restart"}, "MCPServerDown": {"service-restart"}, "HighErrorRate": {"high-error-rate"},
		"DatabasePoolExhausted": {"database-pool-exhausted"}, "BackupVerificationFailed": {"backup-verification-failed"},
		"BackupMissing": {"backup-missing"}, "BackupTooOld": {"backup-missing"},
	}
	if diff := cmp.Diff(want, answered); diff != "" {
		t.Error(diff)
	}
}

func TestShippedRunbooks_policies_are_the_safe_ones(t *testing.T) {
	t.Parallel()
	books, _ := configs.ShippedRunbooks()
	for _, b := range books {
		switch {
		case len(b.Approval.Require) == 0:
			t.Errorf("%s: nobody can approve it", b.Name)
		case b.Approval.RequesterMayApprove && b.Name != "killswitch-engage":
			t.Errorf("%s: its requester may approve it", b.Name)
		case b.Name == "killswitch-release" && b.Approval.Needed() < 2:
			t.Errorf("%s: %s", b.Name, b.Approval)
		case strings.HasPrefix(b.Name, "killswitch-") && (b.Lock || !b.Approval.ReasonRequired):
			t.Errorf("%s waits for a lock or needs no reason", b.Name)
		}
		for _, s := range b.Steps {
			text, _ := s.With["text"].(string)
			for _, mistake := range []string{"pg_isready", "| nc ", "pg_last_xact_replay_timestamp", "pg_ctl promote", "ls -t "} {
				if strings.Contains(text, mistake) {
					t.Errorf("%s/%s repeats a mistake of the written runbooks: %s", b.Name, s.Name, mistake)
				}
			}
		}
	}
}

func TestDecodeRunbook_reads_all_of_it(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(configs.Shipped, "runbooks/postgres-failover.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rb, faults := configs.DecodeRunbook("runbooks/postgres-failover.yaml", data)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	rb.Description, rb.Digest = "", ""
	with := func(more map[string]any) map[string]any { more["cluster"] = "${cluster}"; return more }
	at := slices.Index(strings.Split(string(data), "\n"), "steps:") + 2
	const unpooled = `pooler!="pgbouncer"`
	want := pointsman.Runbook{
		Name: "postgres-failover", Title: "PostgreSQL failover to the standby", Owner: "dba", Review: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC),
		Objective: pointsman.Objective{RTO: 5 * time.Minute, RPO: time.Hour},
		Answers: []pointsman.AnswerTo{
			{Matchers: []string{`alertname="PrimaryDown"`, unpooled}, Line: at - 9},
			{Matchers: []string{`alertname="ReplicationDisconnected"`, unpooled}, Line: at - 8},
			{Matchers: []string{`alertname="ReplicationLagCritical"`, unpooled}, Line: at - 7},
		},
		Params: []pointsman.Param{{Name: "cluster", Type: "target", Kind: "postgres", Line: at - 5}}, Target: "cluster", Modes: []pointsman.Mode{pointsman.ModeIncident, pointsman.ModeDrill}, Lock: true, Priority: 10,
		Steps: []pointsman.RunbookStep{
			{Name: "check", Kind: "postgres.check", With: with(map[string]any{"want": "failover"}), Timeout: 5 * time.Second, Line: at},
			{Name: "fence", Kind: "postgres.fence", With: with(map[string]any{"node": "${old_primary}"}), Timeout: 45 * time.Second, Line: at + 1},
			{Name: "promote", Kind: "postgres.promote", With: with(map[string]any{"candidate": "${candidate}"}), Timeout: 30 * time.Second, Irreversible: true, Line: at + 2},
			{Name: "verify", Kind: "postgres.verify", With: with(map[string]any{"candidate": "${candidate}"}), Timeout: 30 * time.Second, Line: at + 3},
			{Name: "checkpoint", Kind: "postgres.checkpoint", With: with(map[string]any{"node": "${candidate}"}), Timeout: 5 * time.Minute, Line: at + 5},
		},
		Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: 15 * time.Minute},
		Comms:    pointsman.Cadence{Every: 10 * time.Minute}, Escalation: pointsman.Escalation{After: 5 * time.Minute, Service: "dba"},
		File: "runbooks/postgres-failover.yaml", Line: rb.Line,
	}
	if diff := cmp.Diff(want, rb); diff != "" {
		t.Error(diff)
	}
}
