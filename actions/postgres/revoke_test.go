package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const revokeArgs = `{"cluster":"orders","node":"pg-1","living":true,"modes":["revoke"]}`

// owned is a world in which Pointsman's role owns the database app and may end sessions, and is no superuser.
func owned(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.Fence.Command = nil })
	w.sql(t, "ALTER DATABASE app OWNER TO pointsman")
	return w
}

// sql runs statements on the primary as a superuser, in a database that stays open.
func (w *world) sql(t *testing.T, statements ...string) {
	t.Helper()
	conn := session(t, w.pair.Primary.DSN(lab.Superuser, "postgres"), "psql")
	defer conn.Close(context.Background()) // who is in that database may write
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// closed lists the primary's databases that accept no connections.
func (w *world) closed(t *testing.T) string {
	t.Helper()
	var names string
	conn := session(t, w.pair.Primary.DSN(lab.Superuser, "postgres"), "psql")
	defer conn.Close(context.Background())
	err := conn.QueryRow(t.Context(),
		`SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database WHERE NOT datallowconn AND NOT datistemplate`).Scan(&names)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func memoOf(t *testing.T, raw json.RawMessage) (memo postgres.FenceMemo) {
	t.Helper()
	if err := json.Unmarshal(raw, &memo); err != nil {
		t.Fatalf("memo %s: %v", raw, err)
	}
	return memo
}

// notFenced verifies the step, asks the check and looks; each must see that it may still take writes.
func (w *world) notFenced(t *testing.T, in actions.Input, why string) {
	t.Helper()
	ev, err := w.kind(t, "postgres.fence").Verify(t.Context(), in)
	if err != nil || ev.Holds || !strings.Contains(ev.Facts[0].Text, why) {
		t.Errorf("holds %t, facts %+v, error %v; want %q", ev.Holds, ev.Facts, err, why)
	}
	if ev := w.check(t, "postgres.fence", string(in.With)); ev.Already {
		t.Error("the check calls it done")
	}
	if seen, _ := w.Look(t.Context(), "orders", "pg-1"); seen.State != postgres.Closing || !strings.Contains(seen.Detail, why) {
		t.Errorf("seen %+v, want %q", seen, why)
	}
}

// standbyToo waits until the standby has replayed that the database is closed. It reads as fenced: whoever is in only reads.
func (w *world) standbyToo(t *testing.T) {
	t.Helper()
	await(t, func(ctx context.Context) error {
		fresh := postgres.New(postgres.Config{w.cluster}, nil) // has no connection from before
		if seen, _ := fresh.Look(ctx, "orders", "pg-2"); seen.State != postgres.Fenced {
			return fmt.Errorf("pg-2 is seen as %+v", seen)
		}
		return nil
	})
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
}

func TestRevoke(t *testing.T) {
	t.Parallel()

	// pg_terminate_backend fails for the whole statement at the first session that it may not end.
	t.Run("superusers_session_that_stays_is_no_fence_and_shields_nobody", func(t *testing.T) {
		t.Parallel()
		w := owned(t)
		root := session(t, w.pair.Primary.DSN(lab.Superuser, lab.AppDatabase), "psql")
		shop := session(t, w.pair.Primary.AppDSN(), "shop")
		in := input(revokeArgs)
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
		if want := "the databases of pg-1 could not be closed: left on it: 1 session"; err != nil || out.Note != want {
			t.Fatalf("note %q, error %v; want %q", out.Note, err, want)
		}
		if lives(shop) || !lives(root) {
			t.Errorf("the application's session lives: %t, the superuser's: %t", lives(shop), lives(root))
		}
		if _, err := root.Exec(t.Context(), "CREATE TABLE written_after_the_fence ()"); err != nil {
			t.Fatal(err)
		}
		in.Memo = out.Memo
		w.notFenced(t, in, "left on it: 1 session")
		if err := root.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, func(ctx context.Context) error {
			ev, err := w.kind(t, "postgres.fence").Verify(ctx, in)
			if err == nil && !ev.Holds {
				err = fmt.Errorf("it does not hold: %+v", ev.Facts)
			}
			return err
		})
		if out, err := undo(t, w, "postgres.fence", revokeArgs, out.Memo); err != nil || out.Note != "open again on pg-1: 1 database" || w.closed(t) != "" {
			t.Errorf("undo %q, error %v, closed are %q", out.Note, err, w.closed(t))
		}
	})

	// It is the one database that cannot be closed, and somebody may keep tables there.
	t.Run("clients_of_the_database_that_stays_open_are_ended_or_told", func(t *testing.T) {
		t.Parallel()
		w := owned(t)
		app := session(t, w.pair.Primary.DSN(lab.App, "postgres"), "jobs")
		root := session(t, w.pair.Primary.DSN(lab.Superuser, "postgres"), "psql")
		in := input(revokeArgs)
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
		if want := "the databases of pg-1 could not be closed: left on it: 1 session"; err != nil || out.Note != want {
			t.Fatalf("note %q, error %v; want %q", out.Note, err, want)
		}
		if lives(app) || !lives(root) {
			t.Errorf("the application's session lives: %t, the superuser's: %t", lives(app), lives(root))
		}
		if _, err := root.Exec(t.Context(), "CREATE TABLE written_after_the_fence ()"); err != nil {
			t.Fatal(err)
		}
		in.Memo = out.Memo
		w.notFenced(t, in, "left on it: 1 session")
		if err := root.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		await(t, func(ctx context.Context) error {
			ev, err := w.kind(t, "postgres.fence").Verify(ctx, in)
			if err == nil && !ev.Holds {
				err = fmt.Errorf("it does not hold: %+v", ev.Facts)
			}
			return err
		})
	})

	t.Run("database_of_another_owner_keeps_it_from_being_a_fence", func(t *testing.T) {
		t.Parallel()
		w := owned(t)
		w.sql(t, "CREATE DATABASE reports")
		shop := session(t, w.pair.Primary.AppDSN(), "shop")
		in := input(revokeArgs)
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
		if err != nil || !strings.Contains(out.Note, "database reports: must be owner of database reports") || !strings.Contains(out.Note, "left on it: 1 open database") {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		if lives(shop) {
			t.Error("the session in the database that could be closed was not ended")
		}
		in.Memo = out.Memo
		w.notFenced(t, in, "1 open database")
		if got := memoOf(t, out.Memo).Databases; !slices.Equal(got, []string{lab.AppDatabase}) {
			t.Errorf("the memo says that %q were closed", got)
		}
	})

	t.Run("killed_between_closing_and_ending_is_finished_by_the_next_attempt", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, asSuperuser, func(c *postgres.Cluster) { c.Fence.Command = nil })
		w.sql(t, "CREATE DATABASE reports", "CREATE DATABASE resting", "ALTER DATABASE resting ALLOW_CONNECTIONS false")
		shop := session(t, w.pair.Primary.AppDSN(), "shop")
		first := input(revokeArgs)
		var kept json.RawMessage
		first.Remember = func(memo json.RawMessage, _ string) error { kept = memo; return errors.New("the store is away") }
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), first)
		if err != nil || !strings.Contains(out.Note, "so it closed none: the store is away") || w.closed(t) != "resting" || !lives(shop) {
			t.Errorf("note %q, error %v, closed are %q: what cannot be kept must not be closed", out.Note, err, w.closed(t))
		}
		if got := memoOf(t, kept).Databases; !slices.Equal(got, []string{"app", "reports"}) {
			t.Fatalf("before the first is closed %q are kept", got)
		}
		// So far it came, and then it was killed, with its own connections.
		const own = " FROM pg_stat_activity WHERE datname = 'app' AND application_name = 'pointsman'"
		w.sql(t, "ALTER DATABASE app ALLOW_CONNECTIONS false", "SELECT pg_terminate_backend(pid)"+own,
			"DO 'BEGIN WHILE EXISTS (SELECT"+strings.ReplaceAll(own, "'", "''")+") LOOP PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP; END'") // they end when they get to it
		first.Memo = kept
		w.notFenced(t, first, "left on it: 1 open database and 1 session")

		w.standbyToo(t)
		second := input(revokeArgs)
		second.Earlier = kept
		out, _ = w.stepIn(t, "postgres.fence", second)
		if lives(shop) {
			t.Error("the session lives in the database that the first attempt closed")
		}
		if got := memoOf(t, out.Memo).Databases; !slices.Equal(got, []string{"app", "reports"}) {
			t.Errorf("the second attempt's memo says that %q were closed", got)
		}
		if diff := cmp.Diff("app reports resting", w.closed(t)); diff != "" {
			t.Error(diff)
		}
		// A third that found it done left nothing of its own.
		third := input(revokeArgs)
		third.Earlier = out.Memo
		back, err := w.kind(t, "postgres.fence").(actions.Undoer).Undo(t.Context(), third)
		if err != nil || back.Note != "open again on pg-1: 2 databases" || w.closed(t) != "resting" {
			t.Errorf("undo %q, error %v, closed are %q; want those open again that the run closed, and no other", back.Note, err, w.closed(t))
		}
	})

	t.Run("undo_without_a_record_does_not_say_that_nothing_was_closed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, asSuperuser)
		if out, err := undo(t, w, "postgres.fence", revokeArgs, nil); err == nil || !strings.Contains(err.Error(), "not on record") {
			t.Errorf("undo %q, error %v", out.Note, err)
		}
	})

	t.Run("sessions_that_cannot_be_counted_are_no_fence", func(t *testing.T) {
		t.Parallel()
		w := owned(t)
		w.sql(t, "ALTER DATABASE app ALLOW_CONNECTIONS false", "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
		w.notFenced(t, input(revokeArgs), "its sessions cannot be counted")
	})
}

// TestRevoke_is_taken_back_though_a_synchronous_standby_is_gone: the link that broke is why there was a fence at all.
func TestRevoke_is_taken_back_though_a_synchronous_standby_is_gone(t *testing.T) {
	t.Parallel()
	w := owned(t)
	w.sql(t, "CREATE DATABASE billing OWNER pointsman")
	in := input(revokeArgs)
	out, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
	if err != nil || w.closed(t) != "app billing" {
		t.Fatalf("closed %q, error %v", w.closed(t), err)
	}
	w.sql(t, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
	in.Memo = out.Memo
	out, err = w.kind(t, "postgres.fence").(actions.Undoer).Undo(t.Context(), in)
	if closed := w.closed(t); err != nil || closed != "" {
		t.Errorf("closed still: %q, note %q, error %v", closed, out.Note, err)
	}
}
