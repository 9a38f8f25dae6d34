package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const livingArgs = `{"cluster":"orders","node":"pg-1","living":true}`

func undo(t *testing.T, w *world, kind, with string, memo json.RawMessage) (actions.Outcome, error) {
	t.Helper()
	u, ok := w.kind(t, kind).(actions.Undoer)
	if !ok {
		t.Fatalf("%s has no undo", kind)
	}
	in := input(with)
	in.Memo = memo
	return u.Undo(t.Context(), in)
}

func TestLadder(t *testing.T) {
	t.Parallel()

	t.Run("next_rung_only_where_the_one_before_did_not_prove_it", func(t *testing.T) {
		t.Parallel()
		cut := filepath.Join(t.TempDir(), "cut")
		w := newWorld(t, lab.PairOptions{}, asSuperuser, func(c *postgres.Cluster) {
			c.Fence.Command = []string{script(t, "echo no such unit >&2; exit 4")}
			c.Fence.Network = []string{script(t, "touch "+cut)}
		})
		out, _ := w.step(t, "postgres.fence", livingArgs)
		want := "the stop hook for pg-1 failed with exit code 4 (no such unit); closed on pg-1: 1 database, ended: "
		if !strings.HasPrefix(out.Note, want) {
			t.Errorf("note %q, want %q", out.Note, want)
		}
		if _, err := os.Stat(cut); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the network hook ran although closed databases had proven the fence: %v", err)
		}
	})

	t.Run("up_to_the_network_and_down_again", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		w, pooler := pooled(t, func(c *postgres.Cluster) {
			c.Fence.Command = nil
			c.Fence.Ladder = []string{"revoke", "pooler", "network"} // Pointsman's role may not close a database here
			c.Fence.NetworkUndo = []string{script(t, "touch "+folder+"/open"), "{node}"}
			// A session that has ended since is not there to be stopped, and the hook has not failed for that.
			c.Fence.Network = []string{script(t, "for pid in $(cat "+folder+"/pids); do kill -STOP $pid || [ ! -e /proc/$pid ] || exit 1; done"), "{node}"}
		}, quickly)
		var pids []string
		for _, pid := range w.pair.Primary.Pids() {
			pids = append(pids, fmt.Sprint(pid))
		}
		if err := os.WriteFile(filepath.Join(folder, "pids"), []byte(strings.Join(pids, " ")), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := w.step(t, "postgres.fence", livingArgs)
		var memo postgres.FenceMemo
		if err := json.Unmarshal(out.Memo, &memo); err != nil || memo.Network != "done" || len(memo.Poolers) != 1 || len(memo.Databases) != 0 {
			t.Errorf("memo %s, error %v", out.Memo, err)
		}
		for _, part := range []string{"the databases of pg-1 could not be closed", "paused: 1 pooler", "the network hook for pg-1 ended well"} {
			if !strings.Contains(out.Note, part) {
				t.Errorf("note %q, want %q", out.Note, part)
			}
		}
		if err := w.pair.ThawPrimary(); err != nil {
			t.Fatal(err)
		}
		back, err := undo(t, w, "postgres.fence", livingArgs, out.Memo)
		if want := "the network of pg-1 is open again; no database of pg-1 had been closed; resumed: 1 pooler"; err != nil || back.Note != want {
			t.Errorf("undo %q, error %v; want %q", back.Note, err, want)
		}
		if _, err := os.Stat(filepath.Join(folder, "open")); err != nil {
			t.Error(err)
		}
		if !lives(session(t, pooler.DSN(lab.App, lab.AppDatabase), "shop")) {
			t.Error("clients still wait in the pooler")
		}
	})

	t.Run("paused_pooler_alone_proves_nothing", func(t *testing.T) {
		t.Parallel()
		w, _ := pooled(t, func(c *postgres.Cluster) { c.Fence.Command = nil })
		in := input(`{"cluster":"orders","node":"pg-1","living":true,"modes":["pooler"]}`)
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Memo = out.Memo
		ev, err := w.kind(t, "postgres.fence").Verify(t.Context(), in)
		if err != nil || ev.Holds || !strings.Contains(ev.Facts[0].Text, "pg-1 is not stopped: it takes writes") {
			t.Errorf("facts %+v, error %v; clients that do not come through the pooler still write", ev.Facts, err)
		}
	})

	t.Run("open_transaction_does_not_hold_up_the_pooler", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, quickly, func(c *postgres.Cluster) { c.Fence.Command = nil })
		conn := session(t, pooler.DSN(lab.App, lab.AppDatabase), "shop")
		if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.kind(t, "postgres.fence").Apply(t.Context(), input(`{"cluster":"orders","node":"pg-1","living":true,"modes":["pooler"]}`)); err != nil {
			t.Fatal(err)
		}
		if lives(conn) {
			t.Error("the transaction that was open can still write")
		}
	})

	t.Run("program_that_is_not_there_is_as_good_as_none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.Fence.Command = []string{"/nowhere/stop"} })
		f := fact(t, w.check(t, "postgres.fence", livingArgs), "fence by stop")
		if !f.NeedsAcknowledgement() || f.Text != "the fence by stop would not work: the program /nowhere/stop cannot be run on this host" {
			t.Errorf("fact %+v", f)
		}
	})

	t.Run("rungs_are_named_and_configured", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		if _, err := w.kind(t, "postgres.fence").Check(t.Context(), input(`{"cluster":"orders","node":"pg-1","modes":["pray"]}`)); err == nil ||
			!strings.Contains(err.Error(), "it must be one of stop, revoke, pooler, network") {
			t.Errorf("error %v", err)
		}
		network := `{"cluster":"orders","node":"pg-1","living":true,"modes":["network"]}`
		refusedBecause(t, w.check(t, "postgres.fence", network), "the step fences by network, which is not configured")
		refusedApply(t, w.kind(t, "postgres.fence"), input(network), "the step fences by network, which is not configured")
		c := w.cluster
		c.Fence.Ladder = []string{"network", "revoke", "revoke", "pray"}
		var texts []string
		for _, f := range (postgres.Config{c}).Validate() {
			texts = append(texts, f.Error())
		}
		want := `[0].fence.ladder[0]: network is not configured: set fence.network
[0].fence.ladder[2]: "revoke" stands in it twice
[0].fence.ladder[3]: "pray" is none of stop, revoke, pooler, network`
		if got := strings.Join(texts, "\n"); got != want {
			t.Errorf("faults\n%s", got)
		}
	})

	t.Run("repoint_lets_the_clients_through_again", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, func(c *postgres.Cluster) { c.Fence.Ladder = []string{"pooler", "stop"} })
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.step(t, "postgres.fence", fenceArgs)
		w.step(t, "postgres.promote", promoteArgs)
		out, _ := w.step(t, "pgbouncer.repoint", `{"cluster":"orders","to":"pg-2","resume":true}`)
		if strings.Contains(out.Note, "paused") {
			t.Errorf("note %q", out.Note)
		}
		conn, err := pgx.Connect(t.Context(), pooler.DSN(lab.Pointsman, lab.AppDatabase))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		w.step(t, "postgres.verify", promoteArgs)
	})
}
