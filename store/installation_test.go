package store_test

import (
	"database/sql"
	"testing"

	"github.com/pointsman/pointsman/store"
)

// TestStore_two_databases_are_told_apart: both count their incidents from INC-1, and may page the same service.
func TestStore_two_databases_are_told_apart(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for range 2 {
		for _, cfg := range []func() (string, string){
			func() (string, string) { return named(t, onSQLite(t)) },
			func() (string, string) { return named(t, onPostgres(t)) },
		} {
			first, again := cfg()
			if first == "" || first != again {
				t.Errorf("a database is called %q, and after a restart %q", first, again)
			}
			names[first] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("four databases have the names %v", names)
	}
}

// TestStore_an_older_database_keeps_its_keys: a page that was raised under another name could not be ended.
func TestStore_an_older_database_keeps_its_keys(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	if _, err := s.Do(t.Context(), outage(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	forget(t, cfg.Path, `DELETE FROM counters WHERE name = 'installation'`)
	if name, err := open(t, cfg).Installation(t.Context()); err != nil || name != "" {
		t.Errorf("it is called %q, %v", name, err)
	}
}

// named is what a new database is called, at first and after a restart with entries in its log.
func named(t *testing.T, cfg store.Config) (first, again string) {
	t.Helper()
	for _, name := range []*string{&first, &again} {
		s := open(t, cfg)
		var err error
		if *name, err = s.Installation(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Do(t.Context(), outage(1)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return first, again
}

// forget changes a database that nobody has open.
func forget(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
