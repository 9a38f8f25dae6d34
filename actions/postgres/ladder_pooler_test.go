package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const poolerRung = `{"cluster":"orders","node":"pg-1","living":true,"modes":["pooler"]}`

// halfPaused gives the command while a transaction is open, for which it waits, and reports whether that one can still write.
func (w *world) halfPaused(t *testing.T, pooler *lab.PgBouncer, command, shown string) (alive func() bool) {
	t.Helper()
	conn := session(t, pooler.DSN(lab.App, lab.AppDatabase), "shop")
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pooler.Console(ctx, command) // it ends with the transaction, or with the test
	}()
	t.Cleanup(func() { cancel(); <-done })
	await(t, func(ctx context.Context) error {
		ev, err := w.kind(t, "pgbouncer.pause").Check(ctx, input(`{"cluster":"orders"}`))
		if err == nil && ev.Facts[0].Value != shown {
			err = fmt.Errorf("the pooler is %s, want %s", ev.Facts[0].Value, shown)
		}
		return err
	})
	return func() bool { return lives(conn) }
}

func paused(t *testing.T, pooler *lab.PgBouncer) bool {
	t.Helper()
	rows, err := pooler.Show(t.Context(), "SHOW DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row["name"] == lab.AppDatabase {
			return fmt.Sprint(row["paused"]) == "1"
		}
	}
	t.Fatalf("no database %s in %v", lab.AppDatabase, rows)
	return false
}

func TestLadder_pooler(t *testing.T) {
	t.Parallel()

	t.Run("half_a_pause_lets_no_transaction_write_on", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, quickly, func(c *postgres.Cluster) { c.Fence.Command = nil })
		alive := w.halfPaused(t, pooler, "PAUSE app", "paused, with transactions still open")
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), input(poolerRung))
		if err != nil {
			t.Fatal(err)
		}
		if alive() {
			t.Error("the transaction that was open can still write")
		}
		if out.Note != "paused: 0 poolers" {
			t.Errorf("note %q, want that it was not we who paused it", out.Note)
		}
		if _, err := undo(t, w, "postgres.fence", poolerRung, out.Memo); err != nil || !paused(t, pooler) {
			t.Errorf("undo let somebody else's pause go, error %v", err)
		}
	})

	t.Run("whole_pooler_is_left_to_whoever_paused_it_and_said", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, quickly, func(c *postgres.Cluster) { c.Fence.Command = nil })
		alive := w.halfPaused(t, pooler, "PAUSE", "paused as a whole")
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), input(poolerRung))
		want := "pooler pgb-1: somebody has paused it with all its databases, and transactions in it are still open; by hand: RESUME, then KILL \"app\" in its console"
		if err != nil || out.Note != want {
			t.Errorf("note %q, error %v; want %q", out.Note, err, want)
		}
		examined := w.faults(t, func(*postgres.Cluster) {})
		if want := "its database app is paused as a whole: clients wait; RESUME in its console, if nobody works on it"; !strings.Contains(examined, want) {
			t.Errorf("%q is not said in:\n%s", want, examined)
		}
		for _, command := range []string{"RESUME", "KILL app"} { // as it says
			if err := pooler.Console(t.Context(), command); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
		}
		if alive() {
			t.Error("the transaction that was open can still write")
		}
	})

	t.Run("what_it_pauses_is_on_record_before", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, func(c *postgres.Cluster) { c.Fence.Command = nil })
		in, fence := input(poolerRung), w.kind(t, "postgres.fence")
		in.Remember = func(json.RawMessage, string) error { return errors.New("the store is away") }
		if out, err := fence.Apply(t.Context(), in); err != nil || !strings.Contains(out.Note, "could not be kept, so it was not: the store is away") || paused(t, pooler) {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		var kept json.RawMessage
		in.Remember = func(memo json.RawMessage, _ string) error {
			if paused(t, pooler) {
				t.Error("it was paused before that was on record")
			}
			kept = memo
			return nil
		}
		if _, err := fence.Apply(t.Context(), in); err != nil || !paused(t, pooler) {
			t.Fatalf("it is not paused, error %v", err)
		}
		next := input(poolerRung) // the process died after the pause, and the next attempt finds it
		next.Earlier = kept
		out, err := fence.Apply(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		next.Memo = out.Memo
		if _, err := fence.(actions.Undoer).Undo(t.Context(), next); err != nil || paused(t, pooler) {
			t.Errorf("clients still wait in it, error %v", err)
		}
	})
}
