package postgres_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// undone asks a kind whether nothing is left of what a step did.
func (w *world) undone(t *testing.T, kind string, in actions.Input) pointsman.Evidence {
	t.Helper()
	u, ok := w.kind(t, kind).(actions.Undone)
	if !ok {
		t.Fatalf("%s cannot tell", kind)
	}
	ev, err := u.Undone(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// An effect that does not hold whole is not gone: clients may wait, and databases may be closed.
func TestUndone(t *testing.T) {
	t.Parallel()

	t.Run("clients_may_wait_in_a_pooler_whose_console_does_not_answer", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, quickly)
		in := input(switchArgs)
		w.step(t, "pgbouncer.pause", switchArgs)
		if ev := w.undone(t, "pgbouncer.pause", in); ev.Holds {
			t.Error("clients wait, and it is taken for undone")
		}
		if err := pooler.Freeze(); err != nil {
			t.Fatal(err)
		}
		if _, err := undo(t, w, "pgbouncer.pause", switchArgs, nil); err == nil || !strings.Contains(err.Error(), "by hand: RESUME \"app\" in its console") {
			t.Errorf("undo: error %v", err)
		}
		for _, kind := range []string{"pgbouncer.pause", "postgres.switchover"} {
			if ev := w.undone(t, kind, in); ev.Holds || ev.Facts[0].Result != pointsman.Unknown {
				t.Errorf("%s: nobody can tell, and it is %+v", kind, ev)
			}
		}
		if err := pooler.Thaw(); err != nil {
			t.Fatal(err)
		}
		if _, err := undo(t, w, "pgbouncer.pause", switchArgs, nil); err != nil {
			t.Fatal(err)
		}
		if ev := w.undone(t, "pgbouncer.pause", in); !ev.Holds {
			t.Errorf("clients go on, and it is %+v", ev)
		}
	})

	t.Run("one_database_of_two_is_open_again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, asSuperuser, func(c *postgres.Cluster) { c.Fence.Command = nil })
		w.sql(t, "CREATE DATABASE billing")
		in := input(revokeArgs)
		out, _ := w.stepIn(t, "postgres.fence", in)
		in.Memo = out.Memo
		w.sql(t, "ALTER DATABASE app ALLOW_CONNECTIONS true")
		if ev := w.undone(t, "postgres.fence", in); ev.Holds || ev.Facts[0].Text != `closed still on pg-1: ["billing"]` {
			t.Errorf("it is %+v", ev)
		}
		if _, err := undo(t, w, "postgres.fence", revokeArgs, out.Memo); err != nil {
			t.Fatal(err)
		}
		if ev := w.undone(t, "postgres.fence", in); !ev.Holds {
			t.Errorf("all are open, and it is %+v", ev)
		}
	})

	t.Run("poolers_lead_back_in_file_and_in_memory", func(t *testing.T) {
		t.Parallel()
		w, _ := pooled(t)
		w.promoted(t)
		in := input(repointArgs)
		in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
		out, _ := w.stepIn(t, "pgbouncer.repoint", in)
		in.Memo = out.Memo
		if ev := w.undone(t, "pgbouncer.repoint", in); ev.Holds {
			t.Errorf("it leads to the new primary, and it is %+v", ev)
		}
		if _, err := w.kind(t, "pgbouncer.repoint").(actions.Undoer).Undo(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if ev := w.undone(t, "pgbouncer.repoint", in); !ev.Holds {
			t.Errorf("it leads back, and it is %+v", ev)
		}
	})

	t.Run("pooler_that_nobody_looked_at_leads_nowhere_known", func(t *testing.T) {
		t.Parallel()
		w, _ := pooled(t)
		in := input(repointArgs)
		in.Memo = []byte(`{"moved":[{"pooler":"pgb-of-before","from":{"Host":"127.0.0.1","Port":"1"},"to":{"Host":"127.0.0.1","Port":"2"}}]}`)
		if ev := w.undone(t, "pgbouncer.repoint", in); ev.Holds {
			t.Errorf("it is taken for led back: %+v", ev)
		}
	})

	t.Run("stopped_server_is_left_to_a_person", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		out, _ := w.step(t, "postgres.fence", fenceArgs)
		want := "the stop hook ran for pg-1, which refuses connections; start it by hand; no database of pg-1 had been closed"
		if _, err := undo(t, w, "postgres.fence", fenceArgs, out.Memo); err == nil || err.Error() != want {
			t.Errorf("undo: %v, want %q: recorded as undone nobody would be told", err, want)
		}
		in := input(fenceArgs)
		in.Memo = out.Memo
		ev := w.undone(t, "postgres.fence", in)
		if last := ev.Facts[len(ev.Facts)-1]; ev.Holds || last.Clears != "start pg-1 by hand" || strings.Contains(last.Text, "clients") {
			t.Errorf("%+v: whoever reads promote makes a second primary", last)
		}
	})
}
