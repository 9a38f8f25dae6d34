package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSQLite_empties_its_log_beside_the_writer: the commits themselves leave the file alone, and what they wrote comes
// into it all the same.
func TestSQLite_empties_its_log_beside_the_writer(t *testing.T) {
	t.Parallel()
	ctx, folder := t.Context(), t.TempDir()
	path := filepath.Join(folder, "p.db")
	d, err := openSQLite(ctx, Config{Path: path, emptyEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	if _, err := d.direct.Exec(ctx, `CREATE TABLE things (n INT)`); err != nil {
		t.Fatal(err)
	}
	const rows = 1500 // SQLite by itself would have emptied the log at 1,000 pages
	for i := range rows {
		if _, err := d.direct.Exec(ctx, `INSERT INTO things (n) VALUES ($1)`, i); err != nil {
			t.Fatal(err)
		}
	}
	if n := inFileAlone(t, path, filepath.Join(folder, "before.db")); n != -1 {
		t.Errorf("%d rows came into the file within the commits", n)
	}
	beside, err := newEmptier(path, &damage{path: path}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = beside.close() })
	for inFileAlone(t, path, filepath.Join(folder, "after.db")) != rows {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("what was committed never comes into the file")
		}
	}
}

// inFileAlone counts the rows in a copy of the file without its log; -1 where not even the table is there.
func inFileAlone(t *testing.T, path, copied string) (n int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(copied, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+copied+"?immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if db.QueryRowContext(t.Context(), `SELECT count(*) FROM things`).Scan(&n) != nil {
		return -1 // or half of it was copied
	}
	return n
}
