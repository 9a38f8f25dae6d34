package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/cmd/lab"
)

func TestSwitchover(t *testing.T) {
	t.Parallel()

	t.Run("clients_wait_a_moment_and_lose_nothing", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		w.workTable(t)
		clients := startTraffic(t, pooler.DSN(lab.App, lab.AppDatabase), 4)
		in := w.planned(t, "postgres.switchover", switchArgs)
		if in.Pins["old_primary"] != "pg-1" || in.Pins["candidate"] != "pg-2" || in.Pins["pooler_pgb-1"] != w.pair.Primary.Addr() {
			t.Errorf("pins %v", in.Pins)
		}
		var stored []string
		in.Remember = func(memo json.RawMessage, _ string) error { stored = append(stored, string(memo)); return nil }
		out, _ := w.stepIn(t, "postgres.switchover", in)
		if len(stored) != 2 || !strings.Contains(stored[0], `"candidate":"pg-2"`) || strings.Contains(stored[0], `"final"`) || !strings.Contains(stored[1], `"final":"`) {
			t.Errorf("stored before anybody waited, and before the promotion: %v", stored)
		}
		// An attempt that goes on behind the promotion cannot ask the old primary any more: it knows from the one before.
		again := in
		again.Earlier = json.RawMessage(stored[1])
		if out, err := w.kind(t, "postgres.switchover").Apply(t.Context(), again); err != nil || !strings.Contains(string(out.Memo), `"final":"`) {
			t.Errorf("memo %s, error %v", out.Memo, err)
		}
		t.Log(out.Note)
		clients.goOn(t, 20)
		clients.stop()
		if n := clients.errors.Load(); n > 0 {
			t.Errorf("%d clients had an error: %v", n, clients.fault.Load())
		}
		if n := countRows(t, w.pair.Standby, "SELECT count(*) FROM work"); int64(n) != clients.acked.Load() {
			t.Errorf("%d rows, acknowledged were %d", n, clients.acked.Load())
		}
		// The old primary comes back without a rewind, in the same run.
		back := input(rejoinArgs)
		back.Promised = []actions.Promise{{Kind: "postgres.switchover"}}
		if out, _ := w.stepIn(t, "postgres.rejoin", back); !strings.Contains(out.Note, "nothing had to be rewound") {
			t.Errorf("note %q", out.Note)
		}
	})

	t.Run("every_step_of_its_runbook_can_be_planned_beforehand", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		for _, step := range []struct{ kind, with string }{{"postgres.verify", promoteArgs}, {"postgres.rejoin", rejoinArgs}} {
			later := input(step.with)
			later.Phase, later.Pins, later.Promised, later.StepN = actions.Propose, in.Pins, []actions.Promise{{Kind: "postgres.switchover"}, {Kind: "postgres.verify"}}, 3
			ev, err := w.kind(t, step.kind).Check(t.Context(), later)
			if err != nil || ev.Already {
				t.Fatalf("%s: already %t, error %v", step.kind, ev.Already, err)
			}
			mustStand(t, ev)
			if risks := pointsman.Acknowledgements(ev.Facts); len(risks) > 0 {
				t.Errorf("%s asks to accept %+v", step.kind, risks)
			}
		}
	})

	t.Run("refusals_change_nothing", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{Settings: map[string]string{"max_prepared_transactions": "5"}})
		before := w.poolerAndRoles(t)
		apply := func() error {
			_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), input(switchArgs))
			return err
		}
		session, err := pgx.Connect(t.Context(), w.pair.Primary.SuperuserDSN())
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close(context.Background())
		run := func(sql string) {
			t.Helper()
			if _, err := session.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		run("BEGIN")
		run("CREATE TABLE held ()")
		run("PREPARE TRANSACTION 'held'")
		refusal(t, apply(), "pg-1 holds 1 prepared transaction, limit 0")
		run("ROLLBACK PREPARED 'held'")

		run("BEGIN")
		run("SELECT 1")
		awaitRow(t, w.pair.Primary, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'idle in transaction' AND clock_timestamp() - xact_start > '1 second'")
		_, err = w.kind(t, "postgres.switchover").Apply(t.Context(), input(`{"cluster":"orders","wait":"1s"}`))
		refusal(t, err, "1 transaction open for longer than 1.0 s on pg-1")
		run("COMMIT")

		for _, sql := range []string{"ALTER SYSTEM SET synchronous_standby_names = '\"pg-1\"'", "SELECT pg_reload_conf()"} {
			if err := w.pair.Standby.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		awaitRow(t, w.pair.Standby, "SELECT current_setting('synchronous_standby_names') <> ''")
		refusal(t, apply(), `commits on pg-2 would wait for "pg-1", and no other standby is left`)
		for _, sql := range []string{"ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()", "SELECT pg_wal_replay_pause()"} {
			if err := w.pair.Standby.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		awaitRow(t, w.pair.Standby, "SELECT current_setting('synchronous_standby_names') = ''")
		refusal(t, apply(), "the replay of pg-2 is paused")
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_wal_replay_resume()"); err != nil {
			t.Fatal(err)
		}
		if after := w.poolerAndRoles(t); after != before {
			t.Errorf("before %s, after %s", before, after)
		}
	})

	t.Run("transaction_that_does_not_end_lets_clients_go_on", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", `{"cluster":"orders","wait":"2s","hold":"6s"}`)
		holder, err := pgx.Connect(t.Context(), pooler.DSN(lab.App, lab.AppDatabase))
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close(context.Background())
		in.Remember = func(json.RawMessage, string) error { // the very last moment before the pause
			tx, err := holder.Begin(t.Context())
			if err == nil {
				_, err = tx.Exec(t.Context(), "SELECT 1")
			}
			return err
		}
		_, err = w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		refusal(t, err, "the clients' transactions did not end within 2s")
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want nothing changed", got)
		}
	})

	t.Run("stop_that_fails_leaves_the_primary_in_service", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		w.hookFails(t, "stop", "exit 7")
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "exit code 7") {
			t.Errorf("error %v", err)
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want nothing changed", got)
		}
	})

	t.Run("stop_whose_answer_is_lost_is_taken_back", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		w.hookFails(t, "stop", `"$real" "$@" >/dev/null; exit 9`)
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "pg-1 was started again as the primary") {
			t.Errorf("error %v", err)
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want the roles of before", got)
		}
	})

	t.Run("stop_that_is_still_under_way_is_waited_for_and_taken_back", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		// The shutdown goes on when nobody waits for it any more: its checkpoint takes a second longer.
		w.hookFails(t, "stop", fmt.Sprintf(`read -r pid <%s/postmaster.pid; last=$(pgrep -P "$pid" -f checkpointer); kill -STOP "$last"; kill -INT "$pid"
			. "$1/$2.conf"; echo "$POINTSMAN_ATTEMPT" >"$KEEP/$2.stopped-for"
			setsid sh -c "sleep 1; kill -CONT $last" </dev/null >/dev/null 2>&1 & exit 9`, w.pair.Primary.DataDir()))
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		if err == nil || !strings.Contains(err.Error(), "pg-1 was started again as the primary") {
			t.Errorf("error %v", err)
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want the roles of before", got)
		}
	})

	t.Run("interrupted_after_the_stop_is_gone_on_with", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		// As a crash between the stop and the promotion leaves it.
		if err := pooler.Console(t.Context(), "PAUSE app"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		if ev, err := w.kind(t, "postgres.switchover").Verify(t.Context(), in); err != nil || ev.Holds {
			t.Fatalf("verify %+v, %v; want seen not to have happened", ev, err)
		}
		w.stepIn(t, "postgres.switchover", in)
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 down pg-2 false paused 0") {
			t.Errorf("%s, want pg-2 primary and clients served", got)
		}
		ev, err := w.kind(t, "postgres.switchover").Check(t.Context(), in)
		if err != nil || !ev.Already {
			t.Errorf("check afterwards: already %t, %v", ev.Already, err)
		}
	})

	t.Run("interrupted_before_the_resume_is_gone_on_with", func(t *testing.T) {
		t.Parallel()
		w, pooler := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		if err := pooler.Console(t.Context(), "PAUSE app"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		w.stepIn(t, "postgres.switchover", in)
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 down pg-2 false paused 0") {
			t.Errorf("%s, want pg-2 primary and clients served", got)
		}
	})

	t.Run("primary_that_crashed_is_no_switchover", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		refusal(t, err, `pg-1 was not shut down in order, its control file says "in production"`)
	})
}

func TestSwitchover_conforms(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgres.switchover", "pgbouncer.pause", "pgbouncer.resume"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, pooler := switchable(t, lab.PairOptions{}, withCanary)
			s := w.suite(t, kind, switchArgs)
			if kind == "postgres.switchover" {
				s.In = w.planned(t, kind, switchArgs)
			}
			if kind == "pgbouncer.resume" {
				if err := pooler.Console(t.Context(), "PAUSE app"); err != nil {
					t.Fatal(err)
				}
			}
			s.World = func(context.Context) (string, error) { return w.poolerAndRoles(t), nil }
			actiontest.Run(t, s)
		})
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	w, pooler := switchable(t, lab.PairOptions{})
	w.step(t, "pgbouncer.pause", switchArgs)
	if ev := w.check(t, "pgbouncer.pause", switchArgs); !ev.Already {
		t.Error("that it is paused is not seen")
	}
	undo, ok := w.kind(t, "pgbouncer.pause").(actions.Undoer)
	if !ok {
		t.Fatal("no undo")
	}
	if _, err := undo.Undo(t.Context(), input(switchArgs)); err != nil {
		t.Fatal(err)
	}
	if _, err := undo.Undo(t.Context(), input(switchArgs)); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if ev := w.check(t, "pgbouncer.resume", switchArgs); !ev.Already {
		t.Error("that it serves is not seen")
	}
	// A transaction that does not end: the pause is given up, and nobody waits.
	holder, err := pgx.Connect(t.Context(), pooler.DSN(lab.App, lab.AppDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.kind(t, "pgbouncer.pause").Apply(t.Context(), input(`{"cluster":"orders","wait":"2s"}`)); err == nil || !strings.Contains(err.Error(), "did not end within 2s") {
		t.Errorf("error %v", err)
	}
	if got := w.poolerAndRoles(t); !strings.Contains(got, "paused 0") {
		t.Errorf("%s: clients are left waiting", got)
	}
}

// TestPause_holds_only_when_the_last_transaction_has_ended: PgBouncer shows an entry as paused at once, also while PAUSE waits.
func TestPause_holds_only_when_the_last_transaction_has_ended(t *testing.T) {
	t.Parallel()
	w, pooler := switchable(t, lab.PairOptions{})
	holder, err := pgx.Connect(t.Context(), pooler.DSN(lab.App, lab.AppDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	// As somebody leaves it who dies while PAUSE waits.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := pooler.Console(ctx, "PAUSE app"); err == nil {
		t.Fatal("PAUSE did not wait for the transaction")
	}
	if got := w.poolerAndRoles(t); !strings.Contains(got, "paused 1") {
		t.Fatalf("%s, want it shown as paused", got)
	}
	if ev := w.check(t, "pgbouncer.pause", switchArgs); ev.Already || ev.Holds {
		t.Errorf("a pause with an open transaction counts: %+v", ev.Facts)
	}
	pause := w.kind(t, "pgbouncer.pause")
	if ev, err := pause.Verify(t.Context(), input(switchArgs)); err != nil || ev.Holds {
		t.Errorf("verify says that it holds: %+v, %v", ev.Facts, err)
	}
	if _, err := pause.Apply(t.Context(), input(`{"cluster":"orders","wait":"2s"}`)); err == nil || !strings.Contains(err.Error(), "did not end within 2s") {
		t.Errorf("error %v, want that it waits for the transaction", err)
	}
	if _, err := holder.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	w.step(t, "pgbouncer.pause", switchArgs)
}

// TestPause_of_the_whole_pooler_is_seen: a PAUSE without a name leaves the column paused of every database at 0.
func TestPause_of_the_whole_pooler_is_seen(t *testing.T) {
	t.Parallel()
	w, pooler := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", switchArgs)
	if err := pooler.Console(t.Context(), "PAUSE"); err != nil {
		t.Fatal(err)
	}
	if got := w.poolerAndRoles(t); !strings.Contains(got, "paused 0") {
		t.Fatalf("%s, want that the entry does not say so", got)
	}
	for _, in := range []actions.Input{input(switchArgs), in} {
		_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
		refusal(t, err, "pgb-1 is paused already: somebody else is at work on it")
	}
	if ev := w.check(t, "pgbouncer.resume", switchArgs); ev.Already {
		t.Error("it is called serving")
	}
	if _, err := w.kind(t, "pgbouncer.resume").Apply(t.Context(), input(switchArgs)); err == nil || !strings.Contains(err.Error(), "by hand: RESUME in its console") {
		t.Errorf("error %v, want the command that helps", err)
	}
	if err := pooler.Console(t.Context(), "RESUME"); err != nil { // as it says
		t.Fatal(err)
	}
	if ev := w.check(t, "pgbouncer.resume", switchArgs); !ev.Already {
		t.Error("that it serves again is not seen")
	}
}
