package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// waitsForPg3 lets every commit on the primary wait for pg-3, which streams, and the sampler has seen that.
func (w *world) waitsForPg3(t *testing.T) {
	t.Helper()
	for _, sql := range []string{`ALTER SYSTEM SET synchronous_standby_names = '"pg-3"'`, "SELECT pg_reload_conf()"} {
		if err := w.pair.Primary.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	awaitRow(t, w.pair.Primary, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'pg-3' AND sync_state = 'sync')")
	w.sampled(t)
	await(t, func(context.Context) error {
		if last := (postgres.Sampler{Clusters: w.Clusters}).Last("orders"); last.Sync != "pg-3" {
			return fmt.Errorf("the sample says that commits wait for %q", last.Sync)
		}
		return nil
	})
}

// TestSynchronousStandby: commits really wait for pg-3 of two standbys, and pg-2 stands before it in the configuration.
func TestSynchronousStandby(t *testing.T) {
	t.Parallel()

	t.Run("primary_that_dies_under_writes_loses_none_that_it_said_yes_to", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{Standbys: 2})
		w.workTable(t)
		w.waitsForPg3(t)
		clients := startTraffic(t, w.pair.Primary.AppDSN(), 4)
		clients.goOn(t, 200)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		clients.stop()

		ev := w.check(t, "postgres.check", checkArgs)
		mustStand(t, ev)
		// What pg-2 received and pg-3 did not, nobody was told of: more is more, and that it is asynchronous does not matter.
		candidate := ev.Pins["candidate"]
		if candidate == "pg-2" {
			if other := fact(t, ev, "standby pg-3").Value; !strings.Contains(other, " B less than pg-2") {
				t.Errorf("pg-2 is chosen, and pg-3 %s", other)
			}
		} else if candidate != "pg-3" {
			t.Fatalf("pins %v", ev.Pins)
		}
		w.step(t, "postgres.promote", fmt.Sprintf(`{"cluster":"orders","candidate":%q}`, candidate))
		clients.has(t, w.node(t, candidate))
	})

	t.Run("between_equals_it_is_chosen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{Standbys: 2})
		w.waitsForPg3(t)
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil { // both received everything
			t.Fatal(err)
		}
		ev := w.check(t, "postgres.check", checkArgs)
		mustStand(t, ev)
		if ev.Pins["candidate"] != "pg-3" {
			t.Errorf("pins %v, want candidate pg-3", ev.Pins)
		}
		if chosen, other := fact(t, ev, "candidate pg-3").Value, fact(t, ev, "standby pg-2").Value; !strings.HasSuffix(chosen, ", synchronous") || !strings.HasSuffix(other, ", asynchronous") {
			t.Errorf("of pg-3 is told %q, of pg-2 %q", chosen, other)
		}
	})

	t.Run("switchover_to_the_one_that_nobody_waits_for_loses_nothing", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{Standbys: 2})
		w.workTable(t)
		w.waitsForPg3(t)
		clients := startTraffic(t, pooler.DSN(lab.App, lab.AppDatabase), 4)
		clients.goOn(t, 20)
		in := w.planned(t, "postgres.switchover", switchArgs)
		if in.Pins["candidate"] != "pg-2" { // the first of the configuration that streams: its shutdown leaves it nothing to lack
			t.Fatalf("pins %v, want candidate pg-2", in.Pins)
		}
		w.stepIn(t, "postgres.switchover", in)
		clients.goOn(t, 20)
		clients.stop()
		if n := clients.errors.Load(); n > 0 {
			t.Errorf("%d clients had an error: %v", n, clients.fault.Load())
		}
		clients.has(t, w.pair.Standby)
	})
}

func (w *world) node(t *testing.T, name string) *lab.Postgres {
	t.Helper()
	for _, n := range w.pair.Nodes() {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no node %s", name)
	return nil
}
