package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// With its receiver a standby loses what it says of the timeline that it received: without the names of its WAL files one that
// followed to timeline 2 reads as if it were on 1 until its next restartpoint, and another with less would be promoted.
func TestStandbyThatLostItsPrimaryKeepsItsTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{Standbys: 2}).sampled(t)
	second, third := w.pair.Standbys[0], w.pair.Standbys[1]
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	if err := second.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
		t.Fatal(err)
	}
	follow(t, third, fmt.Sprintf("host=127.0.0.1 port=%d user=replicator application_name=pg-3", second.Port))
	if err := second.Exec(t.Context(), "CREATE TABLE on_two ()"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, third, "SELECT to_regclass('on_two') IS NOT NULL")
	if err := second.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, third, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")
	await(t, func(ctx context.Context) error {
		ev, err := w.kind(t, "postgres.check").Check(ctx, input(checkArgs))
		if err != nil {
			return err
		}
		if told := fact(t, ev, "candidate pg-3").Value; !strings.HasPrefix(told, "timeline 2, received ") {
			t.Fatalf("pg-3 followed to timeline 2 and is told to be at %q", told)
		}
		return nil
	})
}
