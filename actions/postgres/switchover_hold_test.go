package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
)

// pausedFor watches the pooler and returns, when asked, how long its clients waited.
func pausedFor(t *testing.T, pooler *lab.PgBouncer) func() time.Duration {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pooler.ConsoleDSN())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var began, ended time.Time
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer conn.Close(context.Background())
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for last := false; ; {
			last = ctx.Err() != nil // what is asked after the end of it all is seen too
			rows, err := conn.Query(context.WithoutCancel(ctx), "SHOW DATABASES")
			if err != nil {
				return
			}
			all, _ := pgx.CollectRows(rows, pgx.RowToMap)
			for _, row := range all {
				switch on := fmt.Sprint(row["paused"]) == "1"; {
				case row["name"] != lab.AppDatabase:
				case on && began.IsZero():
					began = time.Now()
				case !on && !began.IsZero() && ended.IsZero():
					ended = time.Now()
				}
			}
			if last {
				return
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	return func() time.Duration {
		stop()
		<-done
		if began.IsZero() || ended.IsZero() {
			t.Fatalf("paused from %s to %s: not seen", began, ended)
		}
		return ended.Sub(began)
	}
}

// TestSwitchover_holds_clients_no_longer_than_it_says, whatever goes wrong.
func TestSwitchover_holds_clients_no_longer_than_it_says(t *testing.T) {
	t.Parallel()
	const hold, slack = 6 * time.Second, 3 * time.Second // slack: of a busy machine

	t.Run("stop_and_way_back_both_hang", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"2s","hold":"6s"}`)
		w.hookFails(t, "stop", `"$real" "$@" >/dev/null; sleep 60`)
		w.hookFails(t, "again", `sleep 60`)
		waited := pausedFor(t, pooler)
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "the hook's step again for pg-1 did not end in time") {
			t.Errorf("error %v", err)
		}
		if took := waited(); took > hold+slack {
			t.Errorf("clients waited %s, said were at most %s", took, hold)
		}
	})

	t.Run("way_back_that_is_slow_is_gone_while_clients_go_on_already", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"2s","hold":"6s"}`)
		w.hookFails(t, "stop", `"$real" "$@" >/dev/null; sleep 60`)
		w.hookFails(t, "again", `sleep 7`) // and then what it should
		waited := pausedFor(t, pooler)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := w.kind(t, "postgres.switchover").Apply(ctx, in)
		if err == nil || !strings.Contains(err.Error(), "pg-1 was started again as the primary") {
			t.Errorf("error %v", err)
		}
		took := waited()
		if took > hold+slack {
			t.Errorf("clients waited %s, said were at most %s", took, hold)
		}
		if !strings.HasPrefix(out.Note, "clients waited at most ") {
			t.Errorf("note %q", out.Note)
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want the roles of before", got)
		}
	})
}

// TestSwitchover_takes_nothing_back_after_its_time: then a successor may be at work, and promote.
func TestSwitchover_takes_nothing_back_after_its_time(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"2s","hold":"6s"}`)
	stop, again := t.TempDir(), t.TempDir()
	w.hookFails(t, "stop", `"$real" "$@" >/dev/null; `+hangs(stop))
	w.hookFails(t, "again", hangs(again)) // and then what it should
	apply := func(left time.Duration) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		deadline, _ := ctx.Deadline()
		_, err := w.kind(t, "postgres.switchover").Apply(ctx, in)
		return time.Since(deadline), err
	}
	_, err := apply(5 * time.Second)
	refusal(t, err, "to switch over and to take it back again needs hold, 6.0 s; nothing was done")
	if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
		t.Fatalf("%s, want nothing changed", got)
	}
	over, err := apply(10 * time.Second)
	if err == nil || over > 20*time.Second {
		t.Errorf("it was at work until %s after its time, error %v", over, err)
	}
	gone(t, stop)
	gone(t, again) // or it would start the old primary beside the successor's new one
}

// TestSwitchover_writes_the_checkpoint_while_nobody_waits: else the shutdown does, at the clients' expense.
func TestSwitchover_writes_the_checkpoint_while_nobody_waits(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", switchArgs)
	const asked = "SELECT (checkpoint_lsn - '0/0')::bigint FROM pg_control_checkpoint()"
	if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE dirty AS SELECT generate_series(1, 1000) AS n"); err != nil {
		t.Fatal(err)
	}
	before := countRows(t, w.pair.Primary, asked)
	in.Remember = func(json.RawMessage, string) error { // right before the pause
		if now := countRows(t, w.pair.Primary, asked); now <= before {
			t.Errorf("the last checkpoint is at %d as before, at %d", now, before)
		}
		return errors.New("seen")
	}
	_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
	refusal(t, err, "nothing was done: seen")
}

// TestSwitchover_that_cannot_let_clients_go_is_no_refusal: a refusal says that nothing happened.
func TestSwitchover_that_cannot_let_clients_go_is_no_refusal(t *testing.T) {
	t.Parallel()
	w, pooler := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"1s","hold":"6s"}`)
	holder, err := pgx.Connect(t.Context(), pooler.DSN(lab.App, lab.AppDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	in.Remember = func(json.RawMessage, string) error {
		_, err := holder.Exec(t.Context(), "BEGIN; SELECT 1")
		return err
	}
	done := make(chan struct{})
	go func() { // the pooler hangs while PAUSE waits
		defer close(done)
		_ = lab.Await(t.Context(), func(ctx context.Context) error {
			rows, err := pooler.Show(ctx, "SHOW DATABASES")
			for _, row := range rows {
				if row["name"] == lab.AppDatabase && fmt.Sprint(row["paused"]) == "1" {
					return pooler.Freeze()
				}
			}
			return errors.Join(err, errors.New("not paused"))
		})
	}()
	_, err = w.kind(t, "postgres.switchover").Apply(t.Context(), in)
	<-done
	if terr := pooler.Thaw(); terr != nil {
		t.Fatal(terr)
	}
	if _, refused := errors.AsType[*actions.RefusedError](err); refused || err == nil || !strings.Contains(err.Error(), "by hand: RESUME \"app\" in its console") {
		t.Errorf("error %v, want one that is no refusal and says what to do", err)
	}
}

// TestSwitchover_that_goes_on_stops_the_old_primary_again: what the interrupted attempt had begun may have started it since.
func TestSwitchover_that_goes_on_stops_the_old_primary_again(t *testing.T) {
	t.Parallel()
	w, pooler := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", switchArgs)
	if err := errors.Join(pooler.Console(t.Context(), "PAUSE app"), w.pair.StopPrimary(t.Context(), lab.Fast)); err != nil {
		t.Fatal(err)
	}
	in.Remember = func(memo json.RawMessage, _ string) error { // it was looked at: stopped
		if strings.Contains(string(memo), `"final"`) {
			return nil
		}
		return w.pair.Primary.Start(t.Context())
	}
	// pg-2 may have found pg-1 again in time or not: then the switch is made, or taken back.
	_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
	want := "pg-1 down pg-2 false paused 0"
	if err != nil {
		want = "pg-1 false pg-2 true paused 0"
	}
	if got := w.poolerAndRoles(t); !strings.Contains(got, want) {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}

// TestSwitchover_takes_a_stop_back_also_where_the_old_primary_is_silent: the hook may go another way to its machine, and nobody else
// would start it.
func TestSwitchover_takes_a_stop_back_also_where_the_old_primary_is_silent(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{}, quickly)
	way := newWire(t, w.pair.Primary)
	w.cluster.Nodes[0].DSN = way.through(w.pair.Primary.PointsmanDSN(), w.pair.Primary)
	asked := filepath.Join(t.TempDir(), "asked")
	w.hookFails(t, "stop", `echo "the connection broke" >&2; exit 255`)
	w.hookFails(t, "again", `touch `+asked)
	in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"2s","hold":"6s"}`)
	in.Remember = func(json.RawMessage, string) error { // right before the pause
		way.set(0, true)
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	_, err := w.kind(t, "postgres.switchover").Apply(ctx, in)
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, gone := os.Stat(asked); gone != nil {
		t.Errorf("nobody asked the hook to start pg-1 again: %v", err)
	}
	if err == nil || strings.Contains(err.Error(), "pg-2") || !strings.Contains(err.Error(), "pg-1 was to be started again as the primary and does not answer") {
		t.Errorf("error %v", err)
	}
}
