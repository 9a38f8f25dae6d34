package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
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
}
