package killswitch_test

import (
	"context"
	"encoding/json"
	"errors"
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
	pg := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
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
		for column, begins := range map[string]string{"varchar(64)": "INC-7/R1: long long long long long long long long", "varchar(32)": "INC-7/R1: long long", "varchar(5)": ""} {
			pg, s := server(t, strings.Replace(table, "reason text", "reason "+column, 1)+strings.Replace(released, "first installation", "new", 1))
			k := kind(t, watcher(t, s), killswitch.KindEngage)
			if _, err := k.Apply(t.Context(), input(strings.Repeat("long ", 100)+"'; DROP TABLE kill_switch_state; --")); err != nil {
				t.Fatal(err)
			}
			if engaged, reason, _ := stored(t, pg.SuperuserDSN()); !engaged || !strings.HasPrefix(reason, begins) || len(begins) == 0 && reason != "" {
				t.Errorf("%s: row %v %q", column, engaged, reason)
			}
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

func await(t *testing.T, fact func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := lab.Await(ctx, fact); err != nil {
		t.Fatal(err)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	w := watcher(t, killswitch.Switch{Name: "trading", DSN: "postgres://localhost/x"})
	for _, c := range []struct{ kind, with, want string }{
		{killswitch.KindEngage, `{"switch":"trading"}`, "engage the kill switch trading"},
		{killswitch.KindRelease, `{"switch":"${switch}"}`, "release the kill switch ${switch}"},
		{killswitch.KindVerify, `{"switch":"trading","want":"released"}`, "verify the kill switch trading is released"},
		{killswitch.KindEngage, `{"swich":"trading"}`, `error: arguments {"swich":"trading"}: json: unknown field "swich", did you mean "switch"?`},
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
