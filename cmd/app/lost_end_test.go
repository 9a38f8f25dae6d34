package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// nightly is a server whose database is kept, goes on, and is put back: what an operator does with a backup.
type nightly struct {
	*testing.T
	file, dir string
	said      bytes.Buffer
}

// run starts the program, does what is to be done, and stops it in order, as Run does.
func (n *nightly) run(what func(*App)) {
	n.Helper()
	cfg, _, err := configs.Load(n.file, nil)
	if err != nil {
		n.Fatal(err)
	}
	a, err := New(n.Context(), cfg, Options{Version: "test", Log: slog.New(slog.NewTextHandler(&n.said, nil))})
	if err != nil {
		n.Fatalf("it does not start: %v", err)
	}
	if err := a.noteStart(n.Context()); err != nil {
		n.Error(err)
	}
	what(a)
	a.announced.write(a.store.Tail())
	if err := errors.Join(a.server.stop(0), a.store.Close()); err != nil {
		n.Fatal(err)
	}
}

// diagnosed holds what the doctor says of the end of the log against what is so, while no server runs.
func (n *nightly) diagnosed(want pointsman.FactResult, says string) {
	n.Helper()
	cfg, _, err := configs.Load(n.file, nil)
	if err != nil {
		n.Fatal(err)
	}
	facts := slices.DeleteFunc(Doctor(n.Context(), cfg), func(f pointsman.Fact) bool { return f.Name != "end of the log" })
	if len(facts) != 1 || facts[0].Result != want || !strings.Contains(facts[0].Text, says) || (want == pointsman.Fail) != (facts[0].Clears != "") {
		n.Errorf("the doctor says %+v, want %s %q", facts, want, says)
	}
}

// asked has an incident opened in which a runbook is asked for.
func asked(a *App, t *testing.T, key string) pointsman.State {
	t.Helper()
	by := pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana"}, Door: pointsman.DoorCLI}
	res, err := a.store.Do(t.Context(), pointsman.Request{Key: key, Offer: pointsman.Offer{Runbook: "quick"}, By: by})
	if err != nil || !res.Answer.OK() {
		t.Fatalf("%+v, %v", res.Answer, err)
	}
	return res.State
}

// ownDatabase is a PostgreSQL with a database for the store, and what carries out statements beside it.
func ownDatabase(t *testing.T) (storage string, exec func(all ...string) func() error) {
	t.Helper()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	exec = func(all ...string) func() error {
		return func() (err error) {
			for _, sql := range all {
				err = errors.Join(err, server.Exec(t.Context(), sql))
			}
			return err
		}
	}
	if err := exec(`CREATE DATABASE own`)(); err != nil {
		t.Fatal(err)
	}
	return "driver: postgres, dsn: \"" + server.DSN(lab.Superuser, "own") + "\"", exec
}

// Whoever restores a backup at night needs a server that starts: the loss is on record, what was given a number in the lost
// part is not given out again, and nobody has to remove a file first.
func TestAServerStartsOnADatabaseThatWasRestored(t *testing.T) {
	t.Parallel()
	sqlite := func(dir string) (string, func() error, func() error) {
		db := filepath.Join(dir, "p.db")
		keep := func() error {
			raw, err := os.ReadFile(db) // the store is closed, so all of it is in this file
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "backup"), raw, 0o600))
		}
		return "path: " + db, keep, func() error { return os.Rename(filepath.Join(dir, "backup"), db) }
	}
	for name, c := range map[string]struct {
		stored func(t *testing.T, dir string) (storage string, keep, restore func() error)
		next   string // incident
	}{
		"SQLite": {func(_ *testing.T, dir string) (string, func() error, func() error) { return sqlite(dir) }, "INC-1002"},
		"SQLite and the file is gone": {func(_ *testing.T, dir string) (string, func() error, func() error) {
			storage, _, _ := sqlite(dir)
			return storage, func() error { return nil }, func() error { return os.Remove(filepath.Join(dir, "p.db")) }
		}, "INC-1001"},
		"PostgreSQL": {func(t *testing.T, _ string) (string, func() error, func() error) {
			storage, exec := ownDatabase(t)
			return storage, exec(`CREATE DATABASE backup TEMPLATE own`), exec(`DROP DATABASE own WITH (FORCE)`, `ALTER DATABASE backup RENAME TO own`)
		}, "INC-1002"},
		"PostgreSQL and the database is a new one": {func(t *testing.T, _ string) (string, func() error, func() error) {
			storage, exec := ownDatabase(t)
			return storage, exec(), exec(`DROP DATABASE own WITH (FORCE)`, `CREATE DATABASE own`)
		}, "INC-1001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			storage, keep, restore := c.stored(t, dir)
			n := &nightly{T: t, dir: dir, file: filepath.Join(dir, "pointsman.yaml")}
			text := quiet + "storage: {" + storage + "}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\n"
			if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			n.run(func(a *App) { asked(a, t, "one") })
			if err := keep(); err != nil {
				t.Fatal(err)
			}
			var lost store.Tail
			n.run(func(a *App) { asked(a, t, "two"); lost = a.store.Tail() })
			n.diagnosed(pointsman.Pass, fmt.Sprintf("the log has entry %d", lost.Seq))
			if err := restore(); err != nil {
				t.Fatal(err)
			}
			n.diagnosed(pointsman.Fail, fmt.Sprintf("the log has lost its end: entry %d was acknowledged", lost.Seq))
			n.said.Reset()
			n.run(func(a *App) {
				entries, err := a.store.Log(t.Context(), 0, 1000)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(entries, func(e audit.Entry) bool { return strings.Contains(string(e.Body), "the log has lost its end") }) {
					t.Errorf("the record of %d entries does not say what was lost after entry %d", len(entries), lost.Seq)
				}
				if id := asked(a, t, "three").Incident.ID; id != c.next {
					t.Errorf("the next incident is %s, want %s: a number of the lost part is given out again", id, c.next)
				}
			})
			if said := n.said.String(); !strings.Contains(said, "the log has lost its end") || !strings.Contains(said, "the loss is on record") {
				t.Errorf("the log of the server says %s", said)
			}
			n.diagnosed(pointsman.Pass, "the newest that was acknowledged here")
			n.said.Reset()
			n.run(func(*App) {})
			if said := n.said.String(); strings.Contains(said, "lost") {
				t.Errorf("and the start after it says %s", said)
			}
		})
	}
}
