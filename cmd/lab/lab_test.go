package lab_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/cmd/lab"
)

// one reads a single value from a server.
func one[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var value T
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func await(t *testing.T, limit time.Duration, fact func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := lab.Await(ctx, fact); err != nil {
		t.Fatal(err)
	}
}

func write(dsn, token string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, `INSERT INTO pointsman_heartbeat VALUES (1, now(), $1)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token`, token)
		return err
	}
}

func mustBeGone(t *testing.T, pids []int) {
	t.Helper()
	if len(pids) == 0 {
		t.Error("no process was seen while the server ran")
	}
	for _, pid := range pids {
		await(t, 30*time.Second, func(context.Context) error { return gone(pid) })
	}
}

// gone is an error while the process exists, also as a zombie.
func gone(pid int) error {
	if err := syscall.Kill(pid, 0); err == nil {
		return fmt.Errorf("process %d still exists", pid)
	}
	return nil
}

func TestPair(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	pids := append(pair.Primary.Pids(), pair.Standby.Pids()...)

	t.Run("the_standby_has_what_the_primary_wrote", func(t *testing.T) {
		await(t, 10*time.Second, write(pair.ClientDSN(lab.Pointsman), "before"))
		await(t, 30*time.Second, func(context.Context) error {
			const read = `SELECT coalesce(max(token), '') FROM pointsman_heartbeat`
			if got := one[string](t, pair.Standby.PointsmanDSN(), read); got != "before" {
				return fmt.Errorf("standby reads %q", got)
			}
			return nil
		})
	})
	t.Run("the_nodes_are_set_up_as_in_production", func(t *testing.T) {
		for _, node := range pair.Nodes() {
			for setting, want := range map[string]string{
				"cluster_name": node.Name, "data_checksums": "on", "wal_log_hints": "on", "fsync": "on",
				"listen_addresses": "127.0.0.1",
			} {
				if got := one[string](t, node.PointsmanDSN(), "SHOW "+setting); got != want {
					t.Errorf("%s on %s is %q, want %q", setting, node.Name, got, want)
				}
			}
		}
		if one[bool](t, pair.Primary.PointsmanDSN(), "SELECT rolsuper FROM pg_roles WHERE rolname = 'pointsman'") {
			t.Error("the role pointsman is a superuser")
		}
	})
	t.Run("a_frozen_primary_does_not_answer_until_it_thaws", func(t *testing.T) {
		if err := pair.FreezePrimary(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := write(pair.Primary.PointsmanDSN(), "frozen")(ctx); err == nil {
			t.Error("a frozen primary took a write")
		}
		if err := pair.ThawPrimary(); err != nil {
			t.Fatal(err)
		}
		await(t, 30*time.Second, write(pair.Primary.PointsmanDSN(), "thawed"))
	})
	t.Run("a_killed_primary_refuses_connections_and_is_reaped", func(t *testing.T) {
		primary := pair.Primary.Pids()
		if err := pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		mustBeGone(t, primary)
		err := write(pair.Primary.PointsmanDSN(), "dead")(t.Context())
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("a killed primary answered: %v", err)
		}
	})
	t.Run("the_role_pointsman_promotes_the_standby_and_writes", func(t *testing.T) {
		if !one[bool](t, pair.Standby.PointsmanDSN(), "SELECT pg_promote(true, 30)") {
			t.Fatal("pg_promote answered false")
		}
		await(t, 30*time.Second, write(pair.ClientDSN(lab.Pointsman), "after"))
		log, err := pair.StandbyLogs()
		if err != nil || !strings.Contains(log, "received promote request") {
			t.Errorf("log of the standby without a promotion (%v):\n%s", err, log)
		}
	})
	t.Run("the_old_primary_can_come_back_beside_the_new", func(t *testing.T) {
		if err := pair.Primary.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if one[bool](t, pair.Primary.PointsmanDSN(), "SELECT pg_is_in_recovery()") {
			t.Error("the old primary came back as a standby")
		}
	})
	pids = append(pids, pair.Primary.Pids()...)
	if err := pair.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeGone(t, pids)
	if _, err := os.Stat(pair.Primary.DataDir()); !os.IsNotExist(err) {
		t.Errorf("data directory after Close: %v", err)
	}
}

func TestPair_two_standbys_stream_through_their_own_slots(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{Standbys: 2})
	got := one[string](t, pair.Primary.SuperuserDSN(),
		`SELECT string_agg(slot_name || ' ' || active, ', ' ORDER BY slot_name) FROM pg_replication_slots`)
	if want := "pg_2 true, pg_3 true"; got != want {
		t.Errorf("slots %q, want %q", got, want)
	}
}

func TestStartPostgres_own_identity_differs_from_the_template(t *testing.T) {
	t.Parallel()
	identity := make(map[int64]bool)
	for _, own := range []bool{true, true, false} {
		server, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{OwnIdentity: own, InMemory: true})
		if err != nil {
			t.Fatal(err)
		}
		identity[one[int64](t, server.SuperuserDSN(), "SELECT system_identifier FROM pg_control_system()")] = true
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(identity) != 3 {
		t.Errorf("%d different system identifiers, want 3", len(identity))
	}
}

func TestStartPostgres_tells_why_it_did_not_start(t *testing.T) {
	t.Parallel()
	_, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{Settings: map[string]string{"shared_buffers": "a lot"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Errorf("error %v, want the server's own words", err)
	}
}

func TestPostgresDSN_gives_each_test_a_database_of_its_own(t *testing.T) {
	t.Parallel()
	first, second := lab.PostgresDSN(t), lab.PostgresDSN(t)
	for _, dsn := range []string{first, second} {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE t (id int)"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if first == second {
		t.Errorf("both are %s", first)
	}
}
