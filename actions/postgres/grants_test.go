package postgres_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// watchman is the role of the test; the lab's own already has the rights.
const watchman = "watchman"

// granted are the statements of SECURITY.md, for the role of the test and a table of its own.
func granted(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```sql\n")
	text, _, _ = strings.Cut(text, "```")
	text = regexp.MustCompile(`(?m)^--.*\n`).ReplaceAllString(text, "")
	var out []string
	for statement := range strings.SplitSeq(strings.ReplaceAll(text, "pointsman", watchman), ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			out = append(out, statement)
		}
	}
	if len(out) < 8 {
		t.Fatalf("SECURITY.md has %d statements: %q", len(out), out)
	}
	return out
}

// watched is a world in which Pointsman is the role of SECURITY.md.
func watched(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.HeartbeatTable = watchman + "_heartbeat" })
	for _, statement := range granted(t) {
		if err := w.pair.Primary.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	w.cluster.Clients.DSN = w.pair.ClientDSN(watchman)
	for i, n := range w.pair.Nodes() {
		w.cluster.Nodes[i].DSN = n.DSN(watchman, lab.AppDatabase)
	}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	await(t, func(ctx context.Context) error { // the standby replays the role
		if got := w.faults(t, func(*postgres.Cluster) {}); got != "" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	return w
}

// Least rights are only worth something if they are enough at night.
func TestTheRoleOfThisPageIsEnough(t *testing.T) {
	t.Parallel()
	w := watched(t).sampled(t)
	w.step(t, "postgres.terminate", `{"cluster":"orders","node":"pg-1","user":"app"}`)
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	mustStand(t, w.check(t, "postgres.check", checkArgs))
	w.step(t, "postgres.fence", fenceArgs)
	w.step(t, "postgres.promote", promoteArgs)
	w.step(t, "postgres.verify", `{"cluster":"orders","candidate":"pg-2"}`)
	if out, _ := w.step(t, "postgres.checkpoint", `{"cluster":"orders","node":"pg-2"}`); !strings.Contains(out.Note, "checkpoint on pg-2, timeline 2") {
		t.Errorf("note %q, want a checkpoint of ours", out.Note)
	}
}

// A right on the page that nobody misses is one too many; one that is missed must be named as it is granted.
func TestEveryGrantOfThisPageIsMissed(t *testing.T) {
	t.Parallel()
	w := watched(t)
	onPrimary := func(c *postgres.Cluster) { c.Nodes[1].DSN = c.Nodes[0].DSN } // the standby may be behind
	for _, grant := range granted(t) {
		if !strings.HasPrefix(grant, "GRANT ") {
			continue
		}
		revoke := strings.NewReplacer("GRANT ", "REVOKE ", " TO ", " FROM ").Replace(grant)
		if err := w.pair.Primary.Exec(t.Context(), revoke); err != nil {
			t.Fatalf("%s: %v", revoke, err)
		}
		if got := w.faults(t, onPrimary); !strings.Contains(got, grant) {
			t.Errorf("without %q the doctor says only:\n%s", grant, got)
		}
		if err := w.pair.Primary.Exec(t.Context(), grant); err != nil {
			t.Fatalf("%s: %v", grant, err)
		}
	}
}
