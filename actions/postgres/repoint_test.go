package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const repointArgs = `{"cluster":"orders","to":"pg-2"}`

// pooled is a world whose clients go through a real PgBouncer.
func pooled(t *testing.T, change ...func(*postgres.Cluster)) (*world, *lab.PgBouncer) {
	t.Helper()
	var pooler *lab.PgBouncer
	withPooler := func(c *postgres.Cluster) {
		c.Poolers = []postgres.Pooler{{
			Name: "pgb-1", Ini: pooler.Ini(), Console: postgres.Address{DSN: pooler.ConsoleDSN()},
			Clients: postgres.Address{DSN: pooler.DSN(lab.Pointsman, lab.AppDatabase)},
		}}
		c.Clients.Address = c.Poolers[0].Clients
	}
	w := newWorldOf(t, lab.PairOptions{}, func(pair *lab.Pair) {
		pooler = lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: pair.Primary, Settings: map[string]string{"stats_users": lab.App}})
	}, append([]func(*postgres.Cluster){withPooler}, change...)...)
	return w, pooler
}

func (w *world) promoted(t *testing.T) *world {
	t.Helper()
	if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
		t.Fatal(err)
	}
	return w
}

// proposed is the check that the card shows.
func (w *world) proposed(t *testing.T, kind, with string) pointsman.Evidence {
	t.Helper()
	in := input(with)
	in.Phase = actions.Propose
	ev, err := w.kind(t, kind).Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func ini(t *testing.T, pooler *lab.PgBouncer) string {
	t.Helper()
	text, err := os.ReadFile(pooler.Ini())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func refusedApply(t *testing.T, a actions.Action, in actions.Input, want string) {
	t.Helper()
	out, err := a.Apply(t.Context(), in)
	if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || !strings.Contains(refused.Error(), want) {
		t.Errorf("note %q, error %v; want a refusal with %q", out.Note, err, want)
	}
}

func TestRepoint(t *testing.T) {
	t.Parallel()

	t.Run("clients_of_a_dead_primary_reach_the_new_one", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t)
		before := ini(t, pooler)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		refusedApply(t, w.kind(t, "pgbouncer.repoint"), input(repointArgs), "pg-2 is a standby")
		w.promoted(t)
		ev := w.check(t, "pgbouncer.repoint", repointArgs)
		mustStand(t, ev)
		if want := w.pair.Primary.Addr(); ev.Pins["pooler_pgb-1"] != want || ev.Already {
			t.Errorf("pins %v, already %t; want %s pinned", ev.Pins, ev.Already, want)
		}
		out, _ := w.step(t, "pgbouncer.repoint", repointArgs)
		if want := fmt.Sprintf("pgb-1 leads to pg-2 (%s, before %s)", w.pair.Standby.Addr(), w.pair.Primary.Addr()); out.Note != want {
			t.Errorf("note %q, want %q", out.Note, want)
		}
		want := strings.Replace(before, fmt.Sprintf("port=%d", w.pair.Primary.Port), fmt.Sprintf("port=%d", w.pair.Standby.Port), 1)
		if got := ini(t, pooler); got != want {
			t.Errorf("the file is now\n%s", got)
		}
		w.step(t, "postgres.verify", promoteArgs) // the clients' address leads through the pooler
		if ev := w.proposed(t, "pgbouncer.repoint", repointArgs); !ev.Already {
			t.Error("it is not seen that the poolers lead there already")
		}
		// A retry writes once more: what an earlier attempt led there it may not have proven.
		if ev := w.check(t, "pgbouncer.repoint", repointArgs); ev.Already {
			t.Error("a retry would take it for done without a write")
		}
		retry := input(repointArgs)
		retry.Pins = map[string]string{"pooler_pgb-1": w.pair.Primary.Addr()}
		again, _ := w.stepIn(t, "pgbouncer.repoint", retry)
		if diff := cmp.Diff(out.Note, again.Note); diff != "" {
			t.Error(diff)
		}
		in := input(repointArgs)
		in.Memo = out.Memo
		_, err := w.kind(t, "pgbouncer.repoint").(actions.Undoer).Undo(t.Context(), in)
		if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || !strings.Contains(refused.Error(), "pgb-1 is not led back: pg-1") {
			t.Errorf("undo to a dead server: error %v, want a refusal", err)
		}
	})

	t.Run("what_leads_to_a_dead_node_is_not_done", func(t *testing.T) {
		t.Parallel()
		w, _ := pooled(t)
		w.promoted(t)
		w.step(t, "pgbouncer.repoint", repointArgs)
		if err := w.pair.Standby.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, ev := range []pointsman.Evidence{w.proposed(t, "pgbouncer.repoint", repointArgs), w.check(t, "pgbouncer.repoint", repointArgs)} {
			if ev.Already || ev.AlreadyBy != "" {
				t.Errorf("done already, by %s, and the node is dead", ev.AlreadyBy)
			}
		}
		refusedApply(t, w.kind(t, "pgbouncer.repoint"), input(repointArgs), "clients would be led to a server that does not take their writes")
	})

	t.Run("undo_leads_back_to_a_primary", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t)
		before := ini(t, pooler)
		w.promoted(t)
		out, _ := w.step(t, "pgbouncer.repoint", repointArgs)
		in := input(repointArgs)
		in.Memo = out.Memo
		if _, err := w.kind(t, "pgbouncer.repoint").(actions.Undoer).Undo(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if got := ini(t, pooler); got != before {
			t.Errorf("the file is now\n%s", got)
		}
		rows, err := pooler.Show(t.Context(), "SHOW DATABASES")
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row["name"] == lab.AppDatabase && fmt.Sprint(row["port"]) != fmt.Sprint(w.pair.Primary.Port) {
				t.Errorf("the pooler itself leads to port %v", row["port"])
			}
		}
	})

	t.Run("somebody_elses_change_is_never_overwritten", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t)
		w.promoted(t)
		in := input(repointArgs)
		in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
		changed := strings.Replace(ini(t, pooler), "host=127.0.0.1", "host=127.0.0.9", 1)
		if err := os.WriteFile(pooler.Ini(), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		refusedApply(t, w.kind(t, "pgbouncer.repoint"), in, "somebody changed it meanwhile")
		in.Pins = nil // nor without a plan: the pooler does not run what its file says
		refusedApply(t, w.kind(t, "pgbouncer.repoint"), in, "a RELOAD would bring more than this change")
		if got := ini(t, pooler); got != changed {
			t.Errorf("the file is now\n%s", got)
		}
	})

	t.Run("interrupted_between_file_and_reload_it_is_finished", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t)
		w.promoted(t)
		in := input(repointArgs)
		in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
		text := strings.Replace(ini(t, pooler), fmt.Sprintf("port=%d", w.pair.Primary.Port), fmt.Sprintf("port=%d", w.pair.Standby.Port), 1)
		if err := os.WriteFile(pooler.Ini(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ev, err := w.kind(t, "pgbouncer.repoint").Verify(t.Context(), in)
		if err != nil || ev.Holds {
			t.Errorf("half of it holds already: %+v, error %v", ev.Facts, err)
		}
		out, err := w.kind(t, "pgbouncer.repoint").Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Memo = out.Memo
		await(t, func(ctx context.Context) error {
			if ev, err := w.kind(t, "pgbouncer.repoint").Verify(ctx, in); err != nil || !ev.Holds {
				return fmt.Errorf("facts %+v, error %w", ev.Facts, err)
			}
			return nil
		})
	})

	t.Run("silent_console_is_unknown_and_refused", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, quickly)
		w.promoted(t)
		if err := pooler.Freeze(); err != nil {
			t.Fatal(err)
		}
		refusedApply(t, w.kind(t, "pgbouncer.repoint"), input(repointArgs), "the console of pgb-1 cannot be read")
		if err := pooler.Thaw(); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("paused_pooler_is_led_and_proven_later", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoted(t)
		if err := pooler.Console(t.Context(), "PAUSE app"); err != nil {
			t.Fatal(err)
		}
		out, _ := w.step(t, "pgbouncer.repoint", repointArgs)
		if !strings.HasSuffix(out.Note, ", paused") {
			t.Errorf("note %q does not say that it is paused", out.Note)
		}
		if err := pooler.Console(t.Context(), "RESUME app"); err != nil {
			t.Fatal(err)
		}
		w.step(t, "postgres.verify", promoteArgs)
	})

	t.Run("cluster_without_poolers_is_told_so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		refusedBecause(t, w.check(t, "pgbouncer.repoint", repointArgs), "cluster orders has no pooler configured")
	})

	t.Run("conformance", func(t *testing.T) {
		t.Parallel()
		w, pooler := pooled(t, withCanary)
		w.promoted(t)
		suite := w.suite(t, "pgbouncer.repoint", repointArgs)
		suite.World = func(ctx context.Context) (string, error) {
			rows, err := w.picture(ctx)
			text, readErr := os.ReadFile(pooler.Ini())
			return rows + string(text), errors.Join(err, readErr)
		}
		actiontest.Run(t, suite)
	})
}

// Without a step for the poolers the run would park after the point of no return, with all clients before a dead server.
// It has to be said before anybody approves.
func TestVerify_says_before_the_approval_that_a_pooler_is_left_behind(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t)
	verify := func(promised ...string) (facts []string) {
		in := input(`{"cluster":"orders","candidate":"pg-2"}`)
		for _, kind := range append([]string{"postgres.check", "postgres.fence", "postgres.promote"}, promised...) {
			in.Promised = append(in.Promised, actions.Promise{Kind: kind})
		}
		ev, err := w.kind(t, "postgres.verify").Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ev.Facts {
			if f.Guard == "G18" {
				facts = append(facts, fmt.Sprintf("%s %s: %s", f.Kind, f.Result, strings.ReplaceAll(f.Sentence(), pooler.Ini(), "INI")))
			}
		}
		return facts
	}
	says := func(what, want string, facts []string) {
		t.Helper()
		if got := strings.Join(facts, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	left := fmt.Sprintf("HARD fail: the pooler pgb-1 leads to %s, and no step leads it to pg-2: its clients would not come to the new primary", w.pair.Primary.Addr())
	says("no step", left, verify())
	says("the step is there", "", verify("pgbouncer.repoint"))
	says("a command may do it", "", verify("exec.run"))
	rewrite := func(from, to string) {
		t.Helper()
		if err := os.WriteFile(pooler.Ini(), []byte(strings.Replace(ini(t, pooler), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	port := fmt.Sprintf("port=%d", w.pair.Primary.Port)
	rewrite(port, fmt.Sprintf("port=%d", w.pair.Standby.Port))
	says("it leads to the candidate already", "HARD pass", verify())
	rewrite("host=127.0.0.1", "host=primary.example")
	says("it leads to a name that follows the primary", "HARD pass", verify())
	rewrite("[databases]", "[other]")
	says("where it leads cannot be told", "ACK unknown: no step leads the pooler pgb-1 to pg-2, and where it leads now cannot be told", verify())
}
