package postgres_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/cmd/lab"
)

const onNew = `{"cluster":"orders","node":"pg-2"}`

func TestCheckpoint(t *testing.T) {
	t.Parallel()

	t.Run("new_timeline_reaches_the_control_file", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		refusedApply(t, w.kind(t, "postgres.checkpoint"), input(onNew), "pg-2 is a standby")
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoted(t)
		out, ev := w.step(t, "postgres.checkpoint", onNew)
		if !strings.HasPrefix(out.Note, "checkpoint on pg-2, timeline 2, after ") {
			t.Errorf("note %q", out.Note)
		}
		if got := ev.Facts[0].Value; !strings.HasPrefix(got, "timeline 2, at ") {
			t.Errorf("seen %q, want timeline 2", got)
		}
		if ev := w.check(t, "postgres.checkpoint", onNew); !ev.Already {
			t.Error("afterwards it is not seen that the control file is on the new timeline")
		}
	})

	t.Run("missing_right_warns_and_does_not_stand_in_the_way", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		if err := w.pair.Primary.Exec(t.Context(), "REVOKE pg_checkpoint FROM pointsman"); err != nil {
			t.Fatal(err)
		}
		ev := w.check(t, "postgres.checkpoint", `{"cluster":"orders","node":"pg-1"}`)
		mustStand(t, ev)
		i := len(ev.Facts) - 1
		if f := ev.Facts[i]; f.Kind != pointsman.Warn || f.Result != pointsman.Fail || !strings.Contains(f.Text, "may not CHECKPOINT on pg-1") {
			t.Errorf("fact %+v, want a warning", f)
		}
		out, _ := w.step(t, "postgres.checkpoint", `{"cluster":"orders","node":"pg-1"}`)
		if !strings.Contains(out.Note, "the server does so by itself") {
			t.Errorf("note %q", out.Note)
		}
	})

	t.Run("conformance", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, withCanary).promoted(t)
		actiontest.Run(t, w.suite(t, "postgres.checkpoint", onNew))
	})
}
