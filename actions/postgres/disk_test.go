package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const muchSQL = "INSERT INTO payments SELECT repeat('x', 1000) FROM generate_series(1, 100000)"

// cramped is a cluster in which a part of one server's data is on a disk that can be filled.
func cramped(t *testing.T, server func(*lab.Pair) *lab.Postgres, part string) (*world, *lab.SmallDisk) {
	t.Helper()
	w := newWorld(t, lab.PairOptions{})
	small := server(w.pair)
	if err := small.Stop(t.Context(), lab.Fast); err != nil {
		t.Fatal(err)
	}
	disk, err := small.OnSmallDisk(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(small.Start(t.Context()), w.pair.AwaitStreaming(t.Context())); err != nil {
		t.Fatal(err)
	}
	w.sampled(t)
	if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE payments (text text)"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT to_regclass('payments') IS NOT NULL")
	return w, disk
}

func primary(p *lab.Pair) *lab.Postgres { return p.Primary }
func standby(p *lab.Pair) *lab.Postgres { return p.Standby }

// TestFullDisk fills the disk of the database that is failed over, or of the one that is to take over.
func TestFullDisk(t *testing.T) {
	t.Parallel()

	t.Run("primary_whose_data_disk_is_full_lives_and_is_not_failed_over", func(t *testing.T) {
		t.Parallel()
		w, disk := cramped(t, primary, "")
		if err := disk.Fill(); err != nil {
			t.Fatal(err)
		}
		err := w.pair.Primary.Exec(t.Context(), muchSQL)
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "53100" {
			t.Fatalf("a client is told %v, want SQLSTATE 53100", err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "pg-1 takes writes as seen from here")
		_, err = w.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		refusal(t, err, "pg-1 takes writes as seen from here")
		awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
		if err := errors.Join(disk.Free(), w.pair.Primary.Exec(t.Context(), "INSERT INTO payments VALUES ('paid')")); err != nil {
			t.Errorf("with room again: %v", err)
		}
	})

	t.Run("primary_whose_WAL_disk_is_full_dies_of_it_and_is_failed_over", func(t *testing.T) {
		t.Parallel()
		w, disk := cramped(t, primary, "pg_wal")
		if err := disk.Fill(); err != nil {
			t.Fatal(err)
		}
		await(t, func(ctx context.Context) error { // it panics, recovers, and panics again
			if w.pair.Primary.Running() {
				_ = w.pair.Primary.Exec(ctx, muchSQL)
				return errors.New("pg-1 still runs")
			}
			return nil
		})
		if said, err := w.pair.Primary.Log(); err != nil || !strings.Contains(said, "No space left on device") {
			t.Fatalf("pg-1 did not die of its disk: %v", err)
		}
		(&scene{world: w}).failover(t)
		if err := w.pair.Standby.Exec(t.Context(), "INSERT INTO payments VALUES ('paid')"); err != nil {
			t.Errorf("the new primary: %v", err)
		}
	})

	t.Run("standby_that_stopped_receiving_because_its_disk_is_full_costs_what_it_lacks", func(t *testing.T) {
		t.Parallel()
		w, disk := cramped(t, standby, "pg_wal")
		if err := disk.Fill(); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Primary.Exec(t.Context(), muchSQL); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
		end := countRows(t, w.pair.Primary, "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint")
		await(t, func(context.Context) error {
			if last := (postgres.Sampler{Clusters: w.Clusters}).Last("orders"); int(last.LSN) < end {
				return fmt.Errorf("the last sample is at %s", last.LSN)
			}
			return nil
		})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		accepted(t, w.check(t, "postgres.check", checkArgs), "WAL of pg-1 that pg-2 did not receive may be lost")
		awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
	})

	t.Run("standby_without_room_for_its_own_WAL_dies_of_the_promotion_and_nothing_says_done", func(t *testing.T) {
		t.Parallel()
		w, disk := cramped(t, standby, "pg_wal")
		if err := errors.Join(disk.Fill(), w.pair.KillPrimary()); err != nil {
			t.Fatal(err)
		}
		promote := w.kind(t, "postgres.promote")
		out, err := promote.Apply(t.Context(), input(promoteArgs))
		if _, refused := errors.AsType[*actions.RefusedError](err); err == nil || refused {
			t.Errorf("apply: %+v, %v, want an error that says nothing about the outcome", out, err)
		}
		await(t, func(context.Context) error {
			if w.pair.Standby.Running() {
				return errors.New("pg-2 still runs")
			}
			return nil
		})
		in := input(promoteArgs)
		in.Memo = out.Memo
		ev, err := promote.Verify(t.Context(), in)
		if err == nil || ev.Holds {
			t.Errorf("verify: %+v, %v, want that it cannot be told", ev, err)
		}
		refusedBecause(t, w.check(t, "postgres.promote", promoteArgs), "pg-2 is no standby that may be promoted: it refuses connections")
		if err := errors.Join(disk.Free(), w.pair.Standby.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
		if ev, err = promote.Verify(t.Context(), in); err != nil || ev.Holds || !strings.Contains(pointsman.Refusals(ev.Facts)[0].Sentence(), "pg-2 is still in recovery") {
			t.Errorf("verify, with room again: %+v, %v", ev, err)
		}
		(&scene{world: w}).failover(t)
	})
}
