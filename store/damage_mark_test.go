package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSQLite_a_restart_does_not_take_up_a_large_file_that_was_found_damaged: of a large one not every page is looked at at
// the start, and a supervisor starts the program again whatever it said.
func TestSQLite_a_restart_does_not_take_up_a_large_file_that_was_found_damaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pointsman.db")
	s, err := Open(t.Context(), Config{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		alarm(t, s, i)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := append([]byte(nil), whole...)
	for at := len(torn) / 2; at < len(torn); at++ {
		torn[at] = 'x'
	}
	look := func(content []byte) error {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", sqliteDSN(path))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return undamaged(t.Context(), db, path, 1) // each file is a large one
	}
	if err := look(torn); err != nil {
		t.Fatalf("a large file was looked through without a reason: %v", err)
	}
	health := &damage{path: path}
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := health.saw(db.QueryRowContext(t.Context(), "SELECT count(body) FROM log").Scan(new(int))); health.refused() == nil {
		t.Fatalf("the damage was not met: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if look(torn) == nil {
		t.Error("the damaged file is taken up again")
	}
	if err := look(whole); err != nil {
		t.Errorf("a whole file in its place is refused: %v", err)
	}
	if _, err := os.Stat(marked(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the mark stays beside a whole file: %v", err)
	}
}
