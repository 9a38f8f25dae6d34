package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgTx is a Tx over pgx.
type pgTx struct {
	db interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
		QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	}
	used *statements
}

// Exec implements Tx.
func (t pgTx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	t.used.note(sql)
	tag, err := t.db.Exec(ctx, sql, storable(args)...)
	return tag.RowsAffected(), err
}

// Query implements Tx.
func (t pgTx) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	t.used.note(sql)
	rows, err := t.db.Query(ctx, sql, storable(args)...)
	return pgRows{rows}, err
}

// QueryRow implements Tx. pgx.ErrNoRows is sql.ErrNoRows.
func (t pgTx) QueryRow(ctx context.Context, sql string, args ...any) Row {
	t.used.note(sql)
	return t.db.QueryRow(ctx, sql, storable(args)...)
}

type pgRows struct{ pgx.Rows }

// Close implements Rows.
func (r pgRows) Close() error {
	r.Rows.Close()
	return r.Err()
}
