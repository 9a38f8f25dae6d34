package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestWeakCandidate reads the weaknesses of G11 from a real standby, before a failover to it is approved.
func TestWeakCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{}).sampled(t)
	for _, sql := range []string{
		"ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()",
		"SELECT pg_create_physical_replication_slot('somebody')",
	} {
		if err := w.pair.Standby.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	awaitRow(t, w.pair.Standby, "SELECT current_setting('full_page_writes') = 'off'")
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	ev := w.check(t, "postgres.check", checkArgs)
	for _, want := range []string{
		"pg-2 runs with fsync or full_page_writes off: a crash of it can lose everything",
		"pg-2 runs with synchronous_commit off, wanted is at least on: what it acknowledged can be lost",
		"pg-2 keeps WAL for 1 slot without a limit: a standby that stays away fills its disk",
	} {
		if !slices.ContainsFunc(ev.Facts, func(f pointsman.Fact) bool {
			return f.Guard == "G11" && f.Kind == pointsman.Warn && f.Result == pointsman.Fail && strings.Contains(f.Sentence(), want)
		}) {
			t.Errorf("facts %+v, want %q", ev.Facts, want)
		}
	}
	for _, f := range append(pointsman.Refusals(ev.Facts), pointsman.Acknowledgements(ev.Facts)...) {
		if f.Guard == "G11" {
			t.Errorf("a warning stands in the way: %s", f.Sentence())
		}
	}
}
