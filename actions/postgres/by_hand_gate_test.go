package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestByHand_a_refused_login_is_no_silence: a server that is full, or that turns the person away, takes the writes of others. Whoever
// pastes the promotion then would make a second primary.
func TestByHand_a_refused_login_is_no_silence(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(t *testing.T, w *world){
		"the_person_is_turned_away": func(t *testing.T, w *world) { w.turnsAway(t) },
		"no_connection_is_left": func(t *testing.T, w *world) {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				conn, err := pgx.Connect(ctx, w.pair.Primary.SuperuserDSN())
				cancel()
				if err != nil {
					return
				}
				t.Cleanup(func() { _ = conn.Close(context.Background()) })
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, lab.PairOptions{})
			far, path := w.named(t)
			do, _ := far.byHand(t, "postgres.promote", promoteArgs)
			refuse(t, w)
			w.letsNobodyIn(t)
			said, err := pasteWhole(t, lab.Superuser, do, path)
			if err == nil || !strings.Contains(said, "NOT DONE: pg-2 must be a standby yet, and pg-1 a standby or stopped") || !strings.Contains(said, "pg-2 t; pg-1 said neither;") {
				t.Errorf("%v\n%s", err, said)
			}
			awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
		})
	}
}

// turnsAway has pg-1 refuse the login of people.
func (w *world) turnsAway(t *testing.T) {
	t.Helper()
	hba := filepath.Join(w.pair.Primary.DataDir(), "pg_hba.conf")
	old, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, append([]byte("host all "+lab.Superuser+" all reject\n"), old...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.sql(t, "SELECT pg_reload_conf()")
	w.letsNobodyIn(t)
}

func (w *world) letsNobodyIn(t *testing.T) {
	t.Helper()
	await(t, func(ctx context.Context) error {
		if conn, err := pgx.Connect(ctx, w.pair.Primary.SuperuserDSN()); err == nil {
			return errors.Join(errors.New("pg-1 lets people in"), conn.Close(ctx))
		}
		return nil
	})
}

// TestByHand_runs_nothing_where_the_way_is_not_known: psql without a host goes to whatever server the person's machine leads to, and
// a fence would close every database there.
func TestByHand_runs_nothing_where_the_way_is_not_known(t *testing.T) {
	t.Parallel()
	gone, several := postgres.Address{DSNFile: "/nonexistent"}, postgres.Address{DSNFile: filepath.Join(t.TempDir(), "dsn")}
	if err := os.WriteFile(several.DSNFile, []byte("postgres://p@db-1,db-2/app"), 0o600); err != nil {
		t.Fatal(err)
	}
	known := postgres.Address{DSN: "postgres://p@db-9/app"}
	for name, at := range map[string][2]postgres.Address{"no node": {gone, gone}, "not the old primary": {gone, known}, "not the new one": {known, gone}, "no console": {known, known}, "two servers": {several, known}} {
		console := known
		if name == "no console" {
			console = gone
		}
		w := &world{cluster: postgres.Cluster{
			Name: "orders", Database: "app", Fence: postgres.Fence{Ladder: []string{"revoke", "pooler"}}, Clients: postgres.Clients{Address: console},
			Nodes:   []postgres.Node{{Name: "pg-1", Address: at[0], Advertised: "db-1:5432"}, {Name: "pg-2", Address: at[1], Advertised: "db-2:5432"}},
			Poolers: []postgres.Pooler{{Name: "pgb-1", Ini: "/etc/pgbouncer/pgbouncer.ini", Console: console}},
		}.WithDefaults()}
		w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
		for kind, with := range map[string]string{
			"postgres.fence": fenceArgs, "postgres.promote": promoteArgs, "postgres.verify": promoteArgs, "postgres.switchover": `{"cluster":"orders","candidate":"pg-2"}`,
			"postgres.terminate": `{"cluster":"orders","node":"pg-1","user":"worker"}`, "postgres.checkpoint": `{"cluster":"orders","node":"pg-2"}`,
			"pgbouncer.pause": switchArgs, "pgbouncer.resume": switchArgs, "pgbouncer.repoint": `{"cluster":"orders","to":"pg-2","resume":true}`,
		} {
			do, undo := w.byHand(t, kind, with)
			for _, line := range append(do, undo...) {
				if runs := shellRuns(t, line); strings.Contains(runs, "psql") {
					t.Errorf("%s, %s: %s\nruns %s", name, kind, line, runs)
				}
				if name == "two servers" && strings.Contains(line, "could not be read") || strings.Contains(line, "names several servers") && name != "two servers" {
					t.Errorf("%s, %s: %s", name, kind, line)
				}
			}
		}
	}
}

// shellRuns are the calls of psql that a line makes without the one host that is known, whatever the servers say.
func shellRuns(t *testing.T, line string) string {
	t.Helper()
	env := stubs(t, `case " $* " in *" -h db-9 "*) ;; *) echo "psql $*" >&2 ;; esac
case "$*" in *DATABASES*) echo 'app|db-2|5432|' ;; *pg_is_in*) echo "$SAID" ;; *) echo t ;; esac`, "exit 2", `echo "10.0.0.1 $2"`)
	var runs strings.Builder
	for _, said := range []string{"t", "f"} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env, cmd.Stderr = append(env, "SAID="+said), &runs
		_ = cmd.Run() // some must fail
	}
	return runs.String()
}

// stubs is an environment in which psql, pg_isready and getent are these scripts.
func stubs(t *testing.T, psql, ready, getent string) []string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"psql": psql, "pg_isready": ready, "getent": getent} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
}

// TestByHand_what_was_asked_for_is_not_told_as_not_done: the promotion goes on where psql was cut off, and whoever reads that it was
// not done starts the old primary next.
func TestByHand_what_was_asked_for_is_not_told_as_not_done(t *testing.T) {
	t.Parallel()
	at := func(host string) postgres.Address { return postgres.Address{DSN: "postgres://p@" + host + "/app"} }
	w := &world{cluster: postgres.Cluster{
		Name: "orders", Database: "app", Nodes: []postgres.Node{{Name: "pg-1", Address: at("db-1")}, {Name: "pg-2", Address: at("db-2")}}, Clients: postgres.Clients{Address: at("db")},
		Poolers: []postgres.Pooler{{Name: "pgb-1", Ini: "/etc/pgbouncer/pgbouncer.ini", Console: at("pgb")}},
	}.WithDefaults()}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	promote, _ := w.byHand(t, "postgres.promote", promoteArgs)
	switchover, _ := w.byHand(t, "postgres.switchover", `{"cluster":"orders","candidate":"pg-2"}`)
	for _, c := range []struct {
		why, line, psql, ready, want string
		well                         bool
	}{
		{why: "the connection broke", line: promote[1], psql: `case "$*" in *pg_promote*) exit 2 ;; *db-2*) echo t ;; *) exit 2 ;; esac`, ready: "exit 2", want: "NOT KNOWN whether pg-2 is a primary now"},
		{why: "not within its minute", line: promote[1], psql: `case "$*" in *pg_promote*) echo f ;; *db-2*) echo t ;; *) exit 2 ;; esac`, ready: "exit 2", want: "NOT KNOWN whether pg-2 is a primary now"},
		{why: "promoted", line: promote[1], psql: `case "$*" in *db-1*) exit 2 ;; *) echo t ;; esac`, ready: "exit 2", want: "pg-2 is a primary now", well: true},
		{why: "both are standbys", line: promote[1], psql: `echo t`, ready: "exit 0", want: "pg-2 is a primary now", well: true},
		{why: "another primary", line: promote[1], psql: `case "$*" in *db-1*) echo f ;; *) echo t ;; esac`, ready: "exit 0", want: "NOT DONE: "},
		{why: "a primary that is silent a moment later", line: promote[1], psql: `case "$*" in *db-1*) echo f ;; *) echo t ;; esac`, ready: "exit 2", want: "NOT DONE: "},
		{why: "it starts", line: promote[1], psql: `case "$*" in *db-1*) exit 2 ;; *) echo t ;; esac`, ready: "exit 1", want: "NOT DONE: "},
		{why: "pg_isready could not ask", line: promote[1], psql: `case "$*" in *db-1*) exit 2 ;; *) echo t ;; esac`, ready: "exit 3", want: "NOT DONE: "},
		{why: "TLS fails here, and it answers without", line: promote[1], psql: `case "$*" in *db-1*) exit 2 ;; *) echo t ;; esac`, ready: `case "$*" in *sslmode=disable*) exit 0 ;; esac; exit 2`, want: "NOT DONE: "},
		{why: "promoted already", line: promote[1], psql: `case "$*" in *db-1*) exit 2 ;; *) echo f ;; esac`, ready: "exit 2", want: "NOT DONE: "},
		{why: "not paused", line: switchover[len(switchover)-1], psql: `case "$*" in *DATABASES*) echo 'app|db-2|5432|app|' ;; *RESUME*) echo 'ERROR: database app is not paused' >&2; exit 1 ;; *) echo f ;; esac`, want: "is not paused"},
		{why: "leads elsewhere", line: switchover[len(switchover)-1], psql: `case "$*" in *DATABASES*) echo 'app|db-1|5432|app|' ;; *RESUME*) echo RESUME ;; *) echo f ;; esac`, want: "NOT DONE: pgb-1 must lead to a primary: pg-2. Seen now, where a standby says t and a primary f: pgb-1 leads to db-1:5432; pg-2 f;"},
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", c.line)
		cmd.Env = stubs(t, c.psql, c.ready, `echo "10.0.0.1 $2"`)
		said, err := cmd.CombinedOutput()
		if got := string(said); err == nil != c.well || !strings.Contains(got, c.want) || strings.Contains(got, "NOT DONE") != strings.HasPrefix(c.want, "NOT DONE") {
			t.Errorf("%s: error %v, %s", c.why, err, got)
		}
	}
}

// TestByHand_clients_are_let_go_to_the_new_primary_and_not_before: behind the point of no return these lines are all that a person
// has, and whoever a pooler paused waits until one of them says RESUME.
func TestByHand_clients_are_let_go_to_the_new_primary_and_not_before(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t)
	const resumed = `{"cluster":"orders","to":"pg-2","resume":true}`
	before := ini(t, pooler)
	in := input(resumed)
	in.Pins = w.check(t, "pgbouncer.repoint", repointArgs).Pins
	do, undo := w.kind(t, "pgbouncer.repoint").(actions.Handy).ByHand(in)
	pause, _ := w.byHand(t, "pgbouncer.pause", switchArgs)
	paste(t, lab.Pointsman, pause)
	waits := func(want bool) {
		t.Helper()
		if ev := w.undone(t, "pgbouncer.pause", input(switchArgs)); ev.Holds == want {
			t.Errorf("clients wait %t, want %t", !ev.Holds, want)
		}
	}
	w.promoted(t)
	said, err := pasteWhole(t, lab.Pointsman, do)
	if err == nil || strings.Count(said, "NOT DONE: ") != 2 || !strings.Contains(said, "the entry app must have host=127.0.0.1 port=") {
		t.Errorf("nobody has edited the file: %v\n%s", err, said)
	}
	waits(true)

	edited := strings.Replace(before, fmt.Sprintf("port=%d", w.pair.Primary.Port), fmt.Sprintf("port=%d", w.pair.Standby.Port), 1)
	if err := os.WriteFile(pooler.Ini(), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err = pasteWhole(t, lab.Pointsman, do)
	if err != nil || strings.Contains(said, "NOT DONE") {
		t.Errorf("%v\n%s", err, said)
	}
	waits(false)
	if ev := w.proposed(t, "pgbouncer.repoint", resumed); !ev.Already {
		t.Errorf("not led to pg-2: %+v", ev.Facts)
	}
	if back := fmt.Sprintf("for app: host=127.0.0.1 port=%d", w.pair.Primary.Port); len(undo) != 2 || !strings.Contains(undo[0], back) {
		t.Errorf("%q, want %q", undo, back)
	}
}
