package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
)

// follow leads a standby to another server, or to nothing.
func follow(t *testing.T, s *lab.Postgres, conninfo string) {
	t.Helper()
	for _, sql := range []string{"ALTER SYSTEM SET primary_slot_name = ''", "ALTER SYSTEM SET primary_conninfo = '" + conninfo + "'", "SELECT pg_reload_conf()"} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func fact(t *testing.T, ev pointsman.Evidence, name string) pointsman.Fact {
	t.Helper()
	i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no fact %q in %+v", name, ev.Facts)
	}
	return ev.Facts[i]
}

// TestTwoStandbys is one story: pg-2 is cut off, business goes on, the primary dies.
func TestTwoStandbys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{Standbys: 2}).sampled(t)
	behind, best := w.pair.Standbys[0], w.pair.Standbys[1]
	follow(t, behind, "")
	awaitRow(t, behind, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
	if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE later AS SELECT * FROM generate_series(1, 1000)"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, best, "SELECT to_regclass('later') IS NOT NULL")
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}

	ev := w.check(t, "postgres.check", checkArgs)
	mustStand(t, ev)
	if ev.Pins["candidate"] != "pg-3" {
		t.Fatalf("pins %v, want candidate pg-3", ev.Pins)
	}
	if told := fact(t, ev, "standby pg-2").Value; !strings.Contains(told, " B less than pg-3") {
		t.Errorf("of pg-2 is told %q, not how far it is behind", told)
	}
	if len(ev.Bounds) != 2 {
		t.Errorf("bounds %+v, want bytes and seconds", ev.Bounds)
	}
	named := w.check(t, "postgres.check", `{"cluster":"orders","want":"failover","candidate":"pg-2"}`)
	if risk := fact(t, named, "candidate pg-2"); !risk.NeedsAcknowledgement() || !strings.Contains(risk.Text, "is less advanced than pg-3") {
		t.Errorf("fact %+v, want a risk to accept", risk)
	}
	if named.Bounds[0].Max <= ev.Bounds[0].Max {
		t.Errorf("loss of pg-2 %s, of pg-3 %s: the one behind loses more", named.Bounds[0].Text, ev.Bounds[0].Text)
	}

	w.step(t, "postgres.promote", `{"cluster":"orders","candidate":"pg-3"}`)
	_, ev = w.step(t, "postgres.verify", `{"cluster":"orders","candidate":"pg-3"}`)
	if f := fact(t, ev, "standby pg-2"); f.Text != "pg-2 does not follow pg-3: it has no stream" {
		t.Errorf("fact %+v, want that pg-2 does not follow", f)
	}
	if f := fact(t, ev, "standbys left"); f.Kind != pointsman.Warn || !strings.HasPrefix(f.Text, "pg-3 runs without a standby") {
		t.Errorf("fact %+v, want the warning about running without a standby", f)
	}
	if _, err := w.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs)); err == nil {
		t.Error("the standby that is left could be promoted beside the new primary")
	} else if _, refused := errors.AsType[*actions.RefusedError](err); !refused {
		t.Errorf("error %v, want a refusal", err)
	}

	follow(t, behind, fmt.Sprintf("host=127.0.0.1 port=%d user=replicator", best.Port))
	awaitRow(t, best, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
	await(t, func(context.Context) error { // its timeline is seen once the first records of it arrived
		_, ev := w.step(t, "postgres.verify", `{"cluster":"orders","candidate":"pg-3"}`)
		if f := fact(t, ev, "standby pg-2"); f.Result != pointsman.Pass {
			return errors.New(f.Text)
		}
		return nil
	})
}

// TestCascadingStandbySaysNothingOfThePrimary: pg-3 follows pg-2, by another name of its host than ours.
func TestCascadingStandbySaysNothingOfThePrimary(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{Standbys: 2}).sampled(t)
	follow(t, w.pair.Standbys[1], fmt.Sprintf("host=localhost port=%d user=replicator application_name=pg-3", w.pair.Standby.Port))
	awaitRow(t, w.pair.Standby, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standbys[1], "SELECT status = 'streaming' AND sender_host = 'localhost' FROM pg_stat_wal_receiver")
	ev := w.check(t, "postgres.check", checkArgs)
	mustStand(t, ev)
	if ev.Pins["candidate"] == "" {
		t.Errorf("no candidate in %+v", ev)
	}
}

func TestDelayedStandbyIsNotChosenByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{Standbys: 2})
	for _, sql := range []string{"ALTER SYSTEM SET recovery_min_apply_delay = '1h'", "SELECT pg_reload_conf()"} {
		if err := w.pair.Standby.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	awaitRow(t, w.pair.Standby, "SELECT current_setting('recovery_min_apply_delay') = '1h'")
	if err := w.pair.Primary.Stop(t.Context(), lab.Fast); err != nil { // both received everything
		t.Fatal(err)
	}
	if ev := w.check(t, "postgres.check", checkArgs); ev.Pins["candidate"] != "pg-3" {
		t.Errorf("pins %v, want candidate pg-3: pg-2 replays an hour late", ev.Pins)
	}
}
