package store

import (
	"context"
	"database/sql"
	"errors"
)

// sqlTx is a Tx over database/sql.
type sqlTx struct {
	db interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	health *damage
}

// Exec implements Tx.
func (t sqlTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.health.refused(); err != nil {
		return 0, err
	}
	res, err := t.db.ExecContext(ctx, query, storable(args)...)
	if err != nil {
		return 0, t.health.saw(err)
	}
	return res.RowsAffected()
}

// Query implements Tx.
func (t sqlTx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	if err := t.health.refused(); err != nil {
		return nil, err
	}
	rows, err := t.db.QueryContext(ctx, query, storable(args)...)
	if err != nil {
		return nil, t.health.saw(err)
	}
	return sqlRows{rows, t.health}, nil
}

// QueryRow implements Tx.
func (t sqlTx) QueryRow(ctx context.Context, query string, args ...any) Row {
	return sqlRow{t, ctx, query, args}
}

// sqlRow is a query of which the one row is read when it is scanned.
type sqlRow struct {
	on    sqlTx
	ctx   context.Context //nolint:containedctx // it is the caller's own, for as long as database/sql keeps it, too
	query string
	args  []any
}

// Scan implements Row.
func (r sqlRow) Scan(dest ...any) error {
	if err := r.on.health.refused(); err != nil {
		return err
	}
	return r.on.health.saw(r.on.db.QueryRowContext(r.ctx, r.query, storable(r.args)...).Scan(dest...))
}

type sqlRows struct {
	*sql.Rows
	health *damage
}

// Close implements Rows.
func (r sqlRows) Close() error { return r.health.saw(errors.Join(r.Err(), r.Rows.Close())) }

// sqlTransaction is a transaction over database/sql.
type sqlTransaction struct {
	sqlTx
	tx *sql.Tx
}

func beginSQL(ctx context.Context, db *prepared, opts *sql.TxOptions, health *damage) (transaction, error) {
	if err := health.refused(); err != nil {
		return nil, err
	}
	tx, err := db.begin(ctx, opts)
	if err != nil {
		return nil, health.saw(err)
	}
	return sqlTransaction{sqlTx{preparedTx{tx, db}, health}, tx}, nil
}

// Commit implements transaction.
func (t sqlTransaction) Commit(context.Context) error {
	if err := t.health.refused(); err != nil {
		return err
	}
	return t.health.saw(t.tx.Commit())
}

// Rollback implements transaction.
func (t sqlTransaction) Rollback(context.Context) { _ = t.tx.Rollback() }
