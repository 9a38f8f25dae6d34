package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/cmd/lab"
)

// session is a client that stays connected, under a name of its own.
func session(t *testing.T, dsn, name string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn+"&application_name="+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func lives(conn *pgx.Conn) bool {
	_, err := conn.Exec(context.Background(), "SELECT 1")
	return err == nil
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	const shop = `{"cluster":"orders","node":"pg-1","application":"shop"}`

	t.Run("only_matching_clients_are_ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		a, b := session(t, w.pair.Primary.AppDSN(), "shop"), session(t, w.pair.Primary.AppDSN(), "shop")
		report, root := session(t, w.pair.Primary.AppDSN(), "report"), session(t, w.pair.Primary.SuperuserDSN(), "shop")
		ev := w.check(t, "postgres.terminate", shop)
		mustStand(t, ev)
		if got := ev.Facts[0].Value; got != "2: 2 of app (shop) in app" {
			t.Errorf("counted %q", got)
		}
		if got := ev.Facts[len(ev.Facts)-1]; got.Kind != pointsman.Warn || got.Text != "1 session of superusers will stay: Pointsman's role may not end them" {
			t.Errorf("fact %+v, want a warning about the superuser", got)
		}
		if len(ev.Bounds) != 1 || ev.Bounds[0].Text != "sessions to end <= 16" {
			t.Errorf("bounds %+v", ev.Bounds)
		}
		w.step(t, "postgres.terminate", shop)
		if lives(a) || lives(b) || !lives(report) || !lives(root) {
			t.Errorf("alive: shop %t %t, report %t, superuser %t; want only the last two", lives(a), lives(b), lives(report), lives(root))
		}
	})

	t.Run("neither_replication_nor_we_are_clients", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		ours, shop := session(t, w.pair.Primary.PointsmanDSN(), "psql"), session(t, w.pair.Primary.AppDSN(), "shop")
		w.step(t, "postgres.terminate", `{"cluster":"orders","node":"pg-1","all":true}`)
		if !lives(ours) || lives(shop) {
			t.Errorf("alive: ours %t, the shop's %t; want ours only", lives(ours), lives(shop))
		}
		awaitRow(t, w.pair.Primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND backend_start < now() - interval '1 microsecond'")
	})

	t.Run("more_sessions_than_approved_are_refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		for range 3 {
			session(t, w.pair.Primary.AppDSN(), "shop")
		}
		in := input(shop)
		in.Bounds = []pointsman.Bound{{Name: "sessions", Max: 2, Text: "sessions to end <= 2"}}
		refusedApply(t, w.kind(t, "postgres.terminate"), in, "approved was sessions to end <= 2, now there are 3")
	})

	t.Run("clients_that_come_back_are_new_sessions", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		session(t, w.pair.Primary.AppDSN(), "shop")
		out, err := w.kind(t, "postgres.terminate").Apply(t.Context(), input(shop))
		if err != nil {
			t.Fatal(err)
		}
		again := session(t, w.pair.Primary.AppDSN(), "shop")
		in := input(shop)
		in.Memo = out.Memo
		await(t, func(ctx context.Context) error {
			if ev, err := w.kind(t, "postgres.terminate").Verify(ctx, in); err != nil || !ev.Holds {
				return fmt.Errorf("facts %+v, error %w", ev.Facts, err)
			}
			return nil
		})
		if !lives(again) {
			t.Error("the new session was ended too")
		}
	})

	t.Run("who_is_meant_must_be_said", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		for _, args := range []string{`{"cluster":"orders","node":"pg-1"}`, `{"cluster":"orders","node":"pg-1","all":true,"user":"app"}`} {
			if _, err := w.kind(t, "postgres.terminate").Check(t.Context(), input(args)); err == nil || !strings.Contains(err.Error(), "and not both") {
				t.Errorf("%s: error %v", args, err)
			}
		}
	})

	t.Run("conformance", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, withCanary)
		session(t, w.pair.Primary.AppDSN(), "shop")
		actiontest.Run(t, w.suite(t, "postgres.terminate", shop))
	})
}
