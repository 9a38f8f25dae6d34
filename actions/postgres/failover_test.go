package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

func TestFailover(t *testing.T) {
	t.Parallel()

	t.Run("dead_primary_is_failed_over", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		ev := w.check(t, "postgres.check", checkArgs)
		mustStand(t, ev)
		if risks := pointsman.Acknowledgements(ev.Facts); len(risks) > 0 {
			t.Errorf("risks %+v, want none", risks)
		}
		if diff := cmp.Diff(map[string]string{"candidate": "pg-2", "old_primary": "pg-1"}, ev.Pins); diff != "" {
			t.Error(diff)
		}
		if len(ev.Bounds) != 2 {
			t.Errorf("bounds %+v, want bytes and seconds", ev.Bounds)
		}
		if again := w.check(t, "postgres.check", checkArgs); !cmp.Equal(ev.Bounds, again.Bounds) {
			t.Errorf("the same situation gives other bounds: %s", cmp.Diff(ev.Bounds, again.Bounds))
		}
		out, _ := w.step(t, "postgres.promote", promoteArgs)
		if !strings.Contains(string(out.Memo), `"timeline":1`) {
			t.Errorf("memo %s, want timeline 1", out.Memo)
		}
	})

	t.Run("living_primary_is_never_failed_over", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		_, err := w.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		refused, ok := errors.AsType[*actions.RefusedError](err)
		if !ok || !strings.Contains(refused.Error(), "pg-1 takes writes as seen from here") {
			t.Fatalf("error %v, want a refusal", err)
		}
		if ev := w.check(t, "postgres.promote", promoteArgs); len(pointsman.Refusals(ev.Facts)) == 0 {
			t.Error("the check does not refuse")
		}
	})

	t.Run("hung_primary_is_not_dead_until_its_standby_gives_up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, quickly).sampled(t)
		if err := w.pair.FreezePrimary(); err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "pg-2 still holds a stream from pg-1")
		_, err := w.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		if refused, ok := errors.AsType[*actions.RefusedError](err); !ok {
			t.Fatalf("error %v, want a refusal", err)
		} else if !strings.Contains(refused.Error(), "not dead") {
			t.Error(refused)
		}
		if err := w.pair.ThawPrimary(); err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "pg-1 takes writes")
	})

	t.Run("promoted_by_somebody_else_is_already_done", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		mustStand(t, w.check(t, "postgres.check", checkArgs))
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"postgres.check", "postgres.promote"} {
			args := map[string]string{"postgres.check": checkArgs, "postgres.promote": promoteArgs}[kind]
			if ev := w.check(t, kind, args); !ev.Already || !strings.Contains(ev.AlreadyBy, "somebody else: pg-2 was seen as primary at") {
				t.Errorf("%s: already %t by %q", kind, ev.Already, ev.AlreadyBy)
			}
		}
		out, _ := w.step(t, "postgres.promote", promoteArgs)
		if !strings.Contains(out.Note, "was promoted by somebody else") {
			t.Errorf("note %q", out.Note)
		}
	})

	// Somebody was promoted by mistake and rewound; the archive remembers, and the real promotion leaves that number out.
	t.Run("number_of_an_earlier_promotion_is_left_out", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		const archive = `ALTER SYSTEM SET restore_command = 'test %f = 00000002.history && echo 1 0/1000000 by mistake > %p'`
		if err := w.pair.Standby.Exec(t.Context(), archive); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		mustStand(t, w.check(t, "postgres.check", checkArgs))
		_, ev := w.step(t, "postgres.promote", promoteArgs)
		f := fact(t, ev, "timeline of pg-2")
		if f.Kind != pointsman.Warn || f.Text != "pg-2 is on timeline 3, not 2, whose history is in the archive or in pg_wal: make sure that nobody serves on it" {
			t.Errorf("%+v", f)
		}
	})

	t.Run("candidate_that_would_wait_for_the_dead_one_is_refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		set := func(sql string, want string) {
			for _, sql := range []string{sql, "SELECT pg_reload_conf()"} {
				if err := w.pair.Standby.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			awaitRow(t, w.pair.Standby, "SELECT current_setting('synchronous_standby_names') = '"+want+"'")
		}
		set("ALTER SYSTEM SET synchronous_standby_names = '*'", "*")
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), `commits on pg-2 would wait for "*", and no other standby is left`)
		_, err := w.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		if _, refused := errors.AsType[*actions.RefusedError](err); !refused {
			t.Fatalf("error %v, want a refusal", err)
		}
		set("ALTER SYSTEM SET synchronous_standby_names = ''", "") // as the refusal says
		mustStand(t, w.check(t, "postgres.check", checkArgs))
	})

	t.Run("swapped_addresses_are_refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) {
			c.Nodes[0].Address, c.Nodes[1].Address = c.Nodes[1].Address, c.Nodes[0].Address
		})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "the server at pg-1 says that it is pg-2: their addresses are swapped")
	})

	t.Run("another_cluster_is_refused", func(t *testing.T) {
		t.Parallel()
		other := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-2", InMemory: true, OwnIdentity: true})
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) {
			c.Nodes = append(c.Nodes, postgres.Node{Name: "pg-3", Address: postgres.Address{DSN: other.PointsmanDSN()}})
		})
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "they are different clusters")
	})

	t.Run("two_primaries_are_a_split_brain", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, w.check(t, "postgres.check", checkArgs), "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2")
	})

	t.Run("most_advanced_of_two_standbys_is_chosen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{Standbys: 2})
		// pg-2 stops receiving; pg-3 goes on.
		if err := w.pair.Standby.Exec(t.Context(), "ALTER SYSTEM SET primary_conninfo = ''"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
		if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE later AS SELECT * FROM generate_series(1, 1000)"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standbys[1], "SELECT to_regclass('later') IS NOT NULL")
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		ev := w.check(t, "postgres.check", checkArgs)
		if ev.Pins["candidate"] != "pg-3" {
			t.Errorf("pins %v, want candidate pg-3", ev.Pins)
		}
		ev = w.check(t, "postgres.promote", promoteArgs)
		if !slices.ContainsFunc(pointsman.Acknowledgements(ev.Facts), func(f pointsman.Fact) bool {
			return f.Guard == "G4" && strings.Contains(f.Text, "is less advanced than pg-3")
		}) {
			t.Errorf("facts %+v, want an accepted risk about pg-2", ev.Facts)
		}
	})

	t.Run("full_primary_is_not_dead", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		for range 200 { // until it says that it is full
			conn, err := pgx.Connect(t.Context(), w.pair.Primary.AppDSN())
			if err != nil {
				break
			}
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
		}
		ev := w.check(t, "postgres.check", checkArgs)
		i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Guard == "G10" })
		if i < 0 || ev.Facts[i].Result != pointsman.Fail || !strings.Contains(ev.Facts[i].Text, "SQLSTATE 53300") {
			t.Errorf("facts %+v, want G10 with 53300", ev.Facts)
		}
		refusedBecause(t, ev, "pg-2 still holds a stream from pg-1")
	})
}

// quickly shortens the deadline for a hung server. It is also the time in which the healthy ones must answer on a busy machine.
func quickly(c *postgres.Cluster) { c.ReadTimeout = 1500 * time.Millisecond }

func refusedBecause(t *testing.T, ev pointsman.Evidence, want string) {
	t.Helper()
	actiontest.Refusals(t, ev.Facts)
	for _, f := range pointsman.Refusals(ev.Facts) {
		if strings.Contains(f.Sentence(), want) {
			return
		}
	}
	t.Errorf("facts %+v, want a refusal with %q", ev.Facts, want)
}

func awaitRow(t testing.TB, server *lab.Postgres, question string) {
	t.Helper()
	await(t, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, server.SuperuserDSN())
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		var yes bool
		if err := conn.QueryRow(ctx, question).Scan(&yes); err != nil || !yes {
			return fmt.Errorf("%s: %s is %t, %w", server.Name, question, yes, err)
		}
		return nil
	})
}
