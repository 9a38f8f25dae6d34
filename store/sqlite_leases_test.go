package store

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestSQLite_only_leases_do_not_wait_for_the_disk: whatever became of a lease, the commits after it are flushed.
func TestSQLite_only_leases_do_not_wait_for_the_disk(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), sqliteFile(t)
	const normal, full = 1, 2 // https://www.sqlite.org/pragma.html#pragma_synchronous
	flushes := func(row Row) (mode int) {
		t.Helper()
		if err := row.Scan(&mode); err != nil {
			t.Fatal(err)
		}
		return mode
	}
	const ask = `PRAGMA synchronous`
	for name, lease := range map[string]func() error{
		"one that is taken": func() error { _, err := d.leases.Exec(ctx, `CREATE TABLE IF NOT EXISTS things (n INT)`); return err },
		"one that fails": func() error {
			if _, err := d.leases.Exec(ctx, `no such statement`); err == nil {
				return errors.New("it was carried out")
			}
			return nil
		},
		"one whose caller gives up": func() error {
			ended, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			row := d.leases.QueryRow(ended, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n`)
			if row.Scan(new(int)) == nil {
				return errors.New("it came to its end")
			}
			return nil
		},
	} {
		if err := lease(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if mode := flushes(d.leases.QueryRow(ctx, ask)); mode != normal {
			t.Errorf("after %s: a lease is kept with synchronous %d, want %d", name, mode, normal)
		}
		if mode := flushes(d.direct.QueryRow(ctx, ask)); mode != full {
			t.Errorf("after %s: a statement is kept with synchronous %d, want %d", name, mode, full)
		}
		tx, err := d.begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if mode := flushes(tx.QueryRow(ctx, ask)); mode != full {
			t.Errorf("after %s: a transaction is kept with synchronous %d, want %d", name, mode, full)
		}
		tx.Rollback(ctx)
	}
}
