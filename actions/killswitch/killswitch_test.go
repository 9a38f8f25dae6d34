package killswitch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/lab"
)

const table = `CREATE TABLE kill_switch_state (id int PRIMARY KEY, engaged boolean NOT NULL, reason text, updated_at timestamptz NOT NULL);
	GRANT SELECT, INSERT, UPDATE ON kill_switch_state TO pointsman;`

const released = `INSERT INTO kill_switch_state VALUES (1, false, 'first installation', '2026-02-01T00:00:00Z');`

// server starts a server with the table, and a watcher of its one switch "trading".
func server(t *testing.T, ddl string) (*lab.Postgres, killswitch.Switch) {
	t.Helper()
	pg, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, pg, ddl)
	return pg, killswitch.Switch{Name: "trading", DSN: pg.PointsmanDSN(), Poll: 100 * time.Millisecond, StaleAfter: 2 * time.Second}
}

func exec(t *testing.T, pg *lab.Postgres, sql string) {
	t.Helper()
	if err := pg.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func watcher(t *testing.T, s ...killswitch.Switch) *killswitch.Watcher {
	t.Helper()
	w, err := killswitch.New(s, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func kind(t *testing.T, w *killswitch.Watcher, name string) actions.Action {
	t.Helper()
	for _, k := range w.Kinds() {
		if k.Kind() == name {
			return k
		}
	}
	t.Fatalf("no kind %s", name)
	return nil
}

func input(reason string) actions.Input {
	return actions.Input{
		Phase: actions.Propose, Key: "INC-7/R1/2", Incident: "INC-7", Target: pointsman.Target{Kind: "killswitch", Name: "trading"},
		With: json.RawMessage(`{"switch":"trading"}`), StepN: 2, Reason: reason, Actor: "Ana Ruiz", Log: slog.New(slog.DiscardHandler),
	}
}

// stored is the row as the database has it.
func stored(t *testing.T, dsn string) (engaged bool, reason string, at time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), `SELECT engaged, reason, updated_at FROM kill_switch_state WHERE id = 1`).Scan(&engaged, &reason, &at); err != nil {
		t.Fatal(err)
	}
	return engaged, reason, at
}

func refused(err error) bool {
	_, ok := errors.AsType[*actions.RefusedError](err)
	return ok
}

func TestEngage(t *testing.T) {
	t.Parallel()
	t.Run("writes, reads back and verifies", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, table+released)
		k := kind(t, watcher(t, s), killswitch.KindEngage)
		in := input("orders run away in EU")
		ev, err := k.Check(t.Context(), in)
		if err != nil || ev.Already || len(ev.Facts) != 1 || !strings.HasPrefix(ev.Facts[0].Value, "released since 2026-02-01 00:00:00 UTC") {
			t.Fatalf("evidence %+v, error %v, want the fact that it is released", ev, err)
		}
		out, err := k.Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.Note, "trading engaged on the primary 127.0.0.1:") || !strings.Contains(out.Note, "at LSN 0/") {
			t.Errorf("note %q, want server and LSN", out.Note)
		}
		engaged, reason, at := stored(t, pg.SuperuserDSN())
		if !engaged || reason != "INC-7/R1: orders run away in EU (Ana Ruiz)" || time.Since(at) > time.Minute {
			t.Errorf("row %v %q %s", engaged, reason, at)
		}
		in.Memo = out.Memo
		if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
			t.Errorf("evidence %+v, error %v, want it to hold", ev, err)
		}
	})
	t.Run("twice keeps the first reason", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, table+released)
		k := kind(t, watcher(t, s), killswitch.KindEngage)
		if _, err := k.Apply(t.Context(), input("the first reason")); err != nil {
			t.Fatal(err)
		}
		_, _, at := stored(t, pg.SuperuserDSN())
		again := input("another reason")
		if ev, err := k.Check(t.Context(), again); err != nil || !ev.Already {
			t.Errorf("evidence %+v, error %v, want already", ev, err)
		}
		if out, err := k.Apply(t.Context(), again); err != nil || !strings.HasPrefix(out.Note, "nothing to write: trading is engaged since") {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		if _, reason, now := stored(t, pg.SuperuserDSN()); reason != "INC-7/R1: the first reason (Ana Ruiz)" || !now.Equal(at) {
			t.Errorf("the second engage changed the row to %q of %s", reason, now)
		}
	})
	t.Run("a missing row is made", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, table)
		k := kind(t, watcher(t, s), killswitch.KindEngage)
		if ev, err := k.Check(t.Context(), input("x")); err != nil || len(pointsman.Refusals(ev.Facts)) > 0 {
			t.Errorf("evidence %+v, error %v: a check of engage must not refuse", ev, err)
		}
		if _, err := k.Apply(t.Context(), input("no row yet")); err != nil {
			t.Fatal(err)
		}
		if engaged, _, _ := stored(t, pg.SuperuserDSN()); !engaged {
			t.Error("not engaged")
		}
	})
	t.Run("a short column cuts the reason, not the decision", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, strings.Replace(table, "reason text", "reason varchar(64)", 1)+released)
		k := kind(t, watcher(t, s), killswitch.KindEngage)
		if _, err := k.Apply(t.Context(), input(strings.Repeat("long ", 100)+"'; DROP TABLE kill_switch_state; --")); err != nil {
			t.Fatal(err)
		}
		if engaged, reason, _ := stored(t, pg.SuperuserDSN()); !engaged || !strings.HasPrefix(reason, "INC-7/R1: long ") {
			t.Errorf("row %v %q", engaged, reason)
		}
	})
	t.Run("an unreachable database is shown and refuses nothing", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, table+released)
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		k := kind(t, watcher(t, s), killswitch.KindEngage)
		ev, err := k.Check(t.Context(), input("x"))
		if err != nil || len(pointsman.Refusals(ev.Facts)) > 0 || ev.Facts[0].Result != pointsman.Unknown || ev.Already {
			t.Errorf("evidence %+v, error %v, want an unknown fact without a guard", ev, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.Apply(ctx, input("x")); err == nil || !strings.Contains(err.Error(), "so nothing was written") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("it waits for a database that comes back", func(t *testing.T) {
		t.Parallel()
		pg, s := server(t, table+released)
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		back := make(chan error, 1)
		go func() { back <- pg.Start(context.WithoutCancel(t.Context())) }()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := kind(t, watcher(t, s), killswitch.KindEngage).Apply(ctx, input("x"))
		if started := <-back; started != nil || err != nil {
			t.Errorf("start %v, apply %v", started, err)
		}
	})
	t.Run("no right to write ends at once", func(t *testing.T) {
		t.Parallel()
		_, s := server(t, strings.Replace(table, ", INSERT, UPDATE", "", 1)+released)
		began := time.Now()
		_, err := kind(t, watcher(t, s), killswitch.KindEngage).Apply(t.Context(), input("x"))
		if err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("error %v after %s", err, time.Since(began))
		}
	})
}

func TestRelease(t *testing.T) {
	t.Parallel()
	const engaged = `INSERT INTO kill_switch_state VALUES (1, true, 'INC-3/R1: quotes were wrong (Chi)', '2026-11-20T03:00:00.123456Z');`
	setup := func(t *testing.T, row string) (*lab.Postgres, actions.Action, actions.Action) {
		pg, s := server(t, table+row)
		w := watcher(t, s)
		return pg, kind(t, w, killswitch.KindRelease), kind(t, w, killswitch.KindEngage)
	}
	t.Run("releases the row that was approved", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil || len(pointsman.Refusals(ev.Facts)) > 0 {
			t.Fatalf("evidence %+v, error %v", ev, err)
		}
		if d := cmp.Diff(map[string]string{"row of trading": "2026-11-20T03:00:00.123456Z"}, ev.Pins); d != "" {
			t.Fatal(d)
		}
		in.Pins = ev.Pins
		out, err := k.Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		on, reason, _ := stored(t, pg.SuperuserDSN())
		if on || reason != "INC-7/R1: quotes are right again (Ana Ruiz)" {
			t.Errorf("row %v %q", on, reason)
		}
		in.Memo = out.Memo
		if ev, err := k.Verify(t.Context(), in); err != nil || !ev.Holds {
			t.Errorf("evidence %+v, error %v", ev, err)
		}
	})
	t.Run("refuses when it was engaged anew since the approval", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, engaged)
		in := input("quotes are right again")
		ev, err := k.Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Pins = ev.Pins
		exec(t, pg, `UPDATE kill_switch_state SET reason = 'INC-9/R1: now orders too', updated_at = '2026-11-21T04:00:00Z'`)
		_, err = k.Apply(t.Context(), in)
		const want = "trading is not as approved: it is engaged since 2026-11-21 04:00:00 UTC (INC-9/R1: now orders too), " +
			"approved was the release of the row of 2026-11-20 03:00:00 UTC; nothing was written"
		if !refused(err) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if on, _, _ := stored(t, pg.SuperuserDSN()); !on {
			t.Error("it was released")
		}
	})
	t.Run("refuses what is not known or not so", func(t *testing.T) {
		t.Parallel()
		pg, k, _ := setup(t, released)
		ev, err := k.Check(t.Context(), input("short"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range pointsman.Refusals(ev.Facts) {
			got = append(got, f.Sentence())
		}
		want := []string{
			"the reason has 5 characters, at least 10 are needed: it is what others read afterwards",
			"there is nothing to release: trading is released since 2026-02-01 00:00:00 UTC (first installation)",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if _, err := k.Apply(t.Context(), input("long enough a reason")); !refused(err) {
			t.Errorf("without a pinned row: error %v, want a refusal", err)
		}
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		ev, err = k.Check(t.Context(), input("long enough a reason"))
		if no := pointsman.Refusals(ev.Facts); err != nil || len(no) != 1 || no[0].Result != pointsman.Unknown {
			t.Errorf("evidence %+v, error %v, want unreadable to refuse", ev, err)
		}
	})
	t.Run("after an engage of the same run it releases that and nothing else", func(t *testing.T) {
		t.Parallel()
		pg, k, eng := setup(t, released)
		in := input("planned maintenance")
		in.Promised = []string{killswitch.KindEngage}
		ev, err := k.Check(t.Context(), in)
		if err != nil || len(pointsman.Refusals(ev.Facts)) > 0 {
			t.Fatalf("evidence %+v, error %v: it is not due yet", ev, err)
		}
		in.Pins = ev.Pins
		if _, err := k.Apply(t.Context(), in); !refused(err) {
			t.Errorf("before the engage: error %v, want a refusal", err)
		}
		if _, err := eng.Apply(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		other := in
		other.Key = "INC-8/R1/4"
		if _, err := k.Apply(t.Context(), other); !refused(err) {
			t.Errorf("by another run: error %v, want a refusal", err)
		}
		if _, err := k.Apply(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if on, _, _ := stored(t, pg.SuperuserDSN()); on {
			t.Error("still engaged")
		}
	})
}

func TestAStandbyIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	pair, err := lab.StartPair(t.Context(), lab.PairOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Error(err)
		}
	})
	exec(t, pair.Primary, table+released)
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: pair.Standby.PointsmanDSN()}, killswitch.Switch{Name: "clients", DSN: pair.ClientDSN(lab.Pointsman)})
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	_, err = kind(t, w, killswitch.KindEngage).Apply(ctx, input("x"))
	if err == nil || err.Error() != "the DSN of trading leads to a standby, so nothing was written; promote it or correct the DSN" {
		t.Errorf("error %v", err)
	}
	if _, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), input("")); err == nil || !strings.Contains(err.Error(), "is a standby, which may miss the last write") {
		t.Errorf("error %v", err)
	}

	// The address of the clients leads to the primary, and after a failover to the new one. The last write is lost
	// there, and the watcher says so.
	in := input("orders run away")
	in.With = json.RawMessage(`{"switch":"clients"}`)
	ev, err := kind(t, w, killswitch.KindVerify).Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, pair.Standby, `ALTER SYSTEM SET primary_conninfo = ''`)
	exec(t, pair.Standby, `SELECT pg_reload_conf()`)
	await(t, func(ctx context.Context) error {
		return pair.Standby.Exec(ctx, `DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_wal_receiver) THEN RAISE 'still receives'; END IF; END $$`)
	})
	if _, err := kind(t, w, killswitch.KindEngage).Apply(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	exec(t, pair.Standby, `SELECT pg_promote()`)
	got, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), in)
	if err != nil || got.Holds {
		t.Fatalf("evidence %+v, error %v, want it not to hold: the engaged row is lost", got, err)
	}
	if f := got.Facts[1]; f.Kind != pointsman.Warn || !strings.HasSuffix(f.Text, "was seen: a just engaged switch may have been lost") {
		t.Errorf("fact %+v", f)
	}
	if st, _ := w.Status("clients"); !st.WentBack || st.State != killswitch.Released {
		t.Errorf("status %+v", st)
	}
	// Another process, which saw nothing of this, knows it from the plan.
	fresh := watcher(t, killswitch.Switch{Name: "clients", DSN: pair.ClientDSN(lab.Pointsman)})
	in.Pins = ev.Pins
	if got, err := kind(t, fresh, killswitch.KindVerify).Verify(t.Context(), in); err != nil || !got.Holds {
		t.Errorf("evidence %+v, error %v, want it to hold: the plan was made before the engage", got, err)
	}
	in.Pins = map[string]string{"last seen row of clients": time.Now().UTC().Format(time.RFC3339Nano)}
	if got, err := kind(t, fresh, killswitch.KindVerify).Verify(t.Context(), in); err != nil || got.Holds {
		t.Errorf("evidence %+v, error %v, want it not to hold", got, err)
	}
	// Engaged again, in doubt: the safe direction, and in order.
	if _, err := kind(t, w, killswitch.KindEngage).Apply(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got, err := kind(t, w, killswitch.KindVerify).Verify(t.Context(), in); err != nil || !got.Holds || len(got.Facts) != 1 {
		t.Errorf("evidence %+v, error %v", got, err)
	}
}

func await(t *testing.T, fact func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := lab.Await(ctx, fact); err != nil {
		t.Fatal(err)
	}
}

func TestWatcher(t *testing.T) {
	t.Parallel()
	pg, s := server(t, table+released)
	w := watcher(t, s)
	if st, _ := w.Status("trading"); st.State != killswitch.Stale || !st.Engaged() || st.Text() != "trading was never read and counts as engaged: not read yet" {
		t.Errorf("before the first read: %+v %q", st, st.Text())
	}
	changes := make(chan killswitch.State, 10)
	w.OnChange = func(st killswitch.Status) { changes <- st.State }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	becomes := func(want killswitch.State) killswitch.Status {
		t.Helper()
		await(t, func(context.Context) error {
			if st, _ := w.Status("trading"); st.State != want {
				return fmt.Errorf("%s, want %s", st.State, want)
			}
			return nil
		})
		st, _ := w.Status("trading")
		return st
	}
	// Its row was not touched for months, and it is fresh all the same.
	if st := becomes(killswitch.Released); st.Engaged() || time.Since(st.Since) < 24*time.Hour {
		t.Errorf("status %+v", st)
	}
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	st := becomes(killswitch.Stale)
	if !st.Engaged() || st.Age < s.StaleAfter || !strings.Contains(st.Text(), "and counts as engaged: ") {
		t.Errorf("status %+v %q", st, st.Text())
	}
	if err := pg.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(killswitch.Released)
	exec(t, pg, `UPDATE kill_switch_state SET engaged = true, updated_at = now()`)
	becomes(killswitch.Engaged)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(changes)
	var got []killswitch.State
	for c := range changes {
		got = append(got, c)
	}
	if d := cmp.Diff([]killswitch.State{"released", "stale", "released", "engaged"}, got); d != "" {
		t.Error(d)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: "postgres://localhost/x"})
	for _, c := range []struct{ kind, with, want string }{
		{killswitch.KindEngage, `{"switch":"trading"}`, "engage the kill switch trading"},
		{killswitch.KindRelease, `{"switch":"${switch}"}`, "release the kill switch ${switch}"},
		{killswitch.KindVerify, `{"switch":"trading","want":"released"}`, "verify the kill switch trading is released"},
		{killswitch.KindEngage, `{"swich":"trading"}`, `error: arguments {"swich":"trading"}: json: unknown field "swich"`},
		{killswitch.KindEngage, `{"switch":"payments"}`, `error: there is no kill switch "payments"; configured are trading`},
		{killswitch.KindVerify, `{"switch":"trading","want":"on"}`, `error: want "on" is neither engaged nor released`},
	} {
		got, err := kind(t, w, c.kind).(actions.Describer).Describe(actions.Input{With: json.RawMessage(c.with)})
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.kind, c.with, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := killswitch.Config{
		{Name: "trading", DSN: "postgres://u:secret@h:bad/x"},
		{Name: "trading", DSN: "postgres://h/x", DSNFile: "f", Table: `x"; DROP TABLE y`, StaleAfter: time.Second},
		{},
	}
	var got []string
	for _, f := range c.Validate() {
		got = append(got, f.Error())
	}
	want := []string{
		"[0].dsn: the connection string cannot be read; its form is postgres://user:password@host:5432/database",
		`[1].name: "trading" is configured twice`,
		"[1]: set dsn_file or dsn, not both",
		`[1].table: "x\"; DROP TABLE y" is no table name such as kill_switch_state or ops.kill_switch_state`,
		"[1].stale_after: 1s is less than two reads, which come every 3s: one slow answer would count as engaged",
		"[2].name: a kill switch needs a name",
		"[2]: set dsn_file, or dsn",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
