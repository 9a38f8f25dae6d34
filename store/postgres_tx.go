package store

import (
	"context"
	"errors"
	"time"

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

// pgTransaction is a transaction over pgx. Only this package unwraps tx.
type pgTransaction struct {
	pgTx
	tx pgx.Tx
}

// decideLimit bounds the end of a transaction. It does not end with the caller's context: whoever hung up while a
// commit was under way should find it done or not done, and not a torn connection.
const decideLimit = 10 * time.Second

// Commit implements transaction.
func (t pgTransaction) Commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideLimit)
	defer cancel()
	return t.tx.Commit(ctx)
}

// Rollback implements transaction.
func (t pgTransaction) Rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideLimit)
	defer cancel()
	_ = t.tx.Rollback(ctx) // a connection that cannot roll back is closed, which rolls back
}

// run implements batcher: all statements in one round trip.
func (t pgTransaction) run(ctx context.Context, b batch) (err error) {
	b = b.joined()
	var out pgx.Batch
	for _, s := range b {
		t.used.note(s.sql)
		out.Queue(s.sql, storable(s.args)...)
	}
	results := t.tx.SendBatch(ctx, &out)
	defer func() { err = errors.Join(err, results.Close()) }()
	for _, s := range b {
		if s.each == nil {
			tag, err := results.Exec()
			if err != nil {
				return err
			}
			if err := s.changed(tag.RowsAffected()); err != nil {
				return err
			}
			continue
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		if err := drain(pgRows{rows}, s.each); err != nil {
			return err
		}
	}
	return nil
}
