package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// sqliteFile is the SQLite of one test, as a server opens it.
func sqliteFile(t *testing.T) *database {
	t.Helper()
	d, err := openSQLite(t.Context(), Config{Path: filepath.Join(t.TempDir(), "p.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

// TestPrepared: a statement is compiled once, whoever uses it, and what is compiled stays right and bounded.
func TestPrepared(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), sqliteFile(t)
	must := func(tx Tx, query string, args ...any) {
		t.Helper()
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			t.Fatal(err)
		}
	}
	inTx := func(end func(context.Context, transaction) error, query string, args ...any) {
		t.Helper()
		tx, err := d.begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		must(tx, query, args...)
		if err := end(ctx, tx); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(ctx context.Context, tx transaction) error { return tx.Commit(ctx) }
	undo := func(ctx context.Context, tx transaction) error { tx.Rollback(ctx); return nil }
	count := func() (n int) {
		t.Helper()
		if err := d.reads.QueryRow(ctx, `SELECT count(*) FROM things`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	known := func() int { return len(d.direct.(sqlTx).db.(*prepared).known) }

	must(d.direct, `CREATE TABLE things (n INT)`)
	const insert = `INSERT INTO things (n) VALUES ($1)`
	before := known()
	for i := range 5 {
		inTx(commit, insert, i)
		inTx(undo, insert, i)
	}
	if got := count(); got != 5 {
		t.Errorf("%d rows, want the 5 that were committed", got)
	}
	if got := known() - before; got != 1 {
		t.Errorf("one statement was compiled %d times", got)
	}

	must(d.direct, `ALTER TABLE things ADD COLUMN more INT`) // compiled statements are older than this
	inTx(commit, insert, 6)
	if got := count(); got != 6 {
		t.Errorf("%d rows after the schema changed, want 6", got)
	}
	if _, err := d.direct.Exec(ctx, `INSERT INTO nothing VALUES (1)`); err == nil {
		t.Error("a statement that cannot be compiled went through")
	}

	for i := range preparedMost + 10 {
		must(d.direct, fmt.Sprintf(`UPDATE things SET n = $1 WHERE n = -%d`, i+1), 0)
	}
	if got := known(); got > preparedMost {
		t.Errorf("%d statements are kept, at most %d should be", got, preparedMost)
	}

	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				rows, err := list(ctx, d.reads, func(r Row) (n int, err error) {
					err = r.Scan(&n)
					return n, err
				}, `SELECT n FROM things ORDER BY n`)
				if err != nil || len(rows) != 6 || rows[5] != 6 {
					t.Errorf("read %v beside others: %v", rows, err)
				}
			}
		})
	}
	wg.Wait()
}
