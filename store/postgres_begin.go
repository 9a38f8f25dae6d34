package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgTransaction is a transaction on a connection of the pool. It begins with its first statement, in the same round trip:
// of a click, the way to the server and back is a good part.
type pgTransaction struct {
	conn  *pgxpool.Conn
	used  *statements
	modes pgx.TxOptions
	tx    pgx.Tx // nil until the first statement
}

// take takes a connection for a transaction.
func (p *pgPool) take(ctx context.Context, modes pgx.TxOptions) (*pgTransaction, error) {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &pgTransaction{conn: conn, used: p.used, modes: modes}, nil
}

// begun is the transaction for what cannot bring its beginning along.
func (t *pgTransaction) begun(ctx context.Context) (pgTx, error) {
	if t.tx == nil {
		tx, err := t.conn.BeginTx(ctx, t.modes)
		if err != nil {
			return pgTx{}, err
		}
		t.tx = tx
	}
	return pgTx{t.tx, t.used}, nil
}

// Exec implements Tx.
func (t *pgTransaction) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tx, err := t.begun(ctx)
	if err != nil {
		return 0, err
	}
	return tx.Exec(ctx, sql, args...)
}

// Query implements Tx.
func (t *pgTransaction) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	tx, err := t.begun(ctx)
	if err != nil {
		return nil, err
	}
	return tx.Query(ctx, sql, args...)
}

// QueryRow implements Tx.
func (t *pgTransaction) QueryRow(ctx context.Context, sql string, args ...any) Row {
	if t.tx != nil {
		return pgTx{t.tx, t.used}.QueryRow(ctx, sql, args...)
	}
	return firstRow(func(scan func(Row) error) error {
		return t.run(ctx, batch{{sql: sql, args: args, each: scan}})
	})
}

// firstRow is the row of a query that brings its transaction's beginning along.
type firstRow func(scan func(Row) error) error

// Scan implements Row.
func (ask firstRow) Scan(dest ...any) error {
	found := false
	err := ask(func(r Row) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// decideLimit bounds the end of a transaction. It does not end with the caller's context: whoever hung up while a
// commit was under way should find it done or not done, and not a torn connection.
const decideLimit = 10 * time.Second

// Commit implements transaction.
func (t *pgTransaction) Commit(ctx context.Context) error {
	defer t.conn.Release()
	if t.tx == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideLimit)
	defer cancel()
	return t.tx.Commit(ctx)
}

// Rollback implements transaction.
func (t *pgTransaction) Rollback(ctx context.Context) {
	defer t.conn.Release()
	if t.tx == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideLimit)
	defer cancel()
	_ = t.tx.Rollback(ctx) // a connection that cannot roll back is closed, which rolls back
}

// run implements batcher: all statements in one round trip.
func (t *pgTransaction) run(ctx context.Context, b batch) error { return t.send(ctx, b, false) }

// only is a whole transaction that changes nothing, in one round trip.
func (t *pgTransaction) only(ctx context.Context, b batch) error {
	defer t.Rollback(ctx)
	return t.send(ctx, b, true)
}

// send sends statements, before them the beginning of the transaction if they are its first ones, and behind them its end
// if they are its last ones.
func (t *pgTransaction) send(ctx context.Context, b batch, ends bool) (err error) {
	var out pgx.Batch
	begins := t.tx == nil
	if begins {
		out.BeginTx(t.modes)
		t.used.note(out.QueuedQueries[0].SQL)
	}
	b = b.joined()
	for _, s := range b {
		t.used.note(s.sql)
		out.Queue(s.sql, storable(s.args)...)
	}
	if ends {
		t.used.note(commit)
		out.Queue(commit)
	}
	results := t.sender().SendBatch(ctx, &out)
	defer func() { err = errors.Join(err, results.Close()) }()
	if begins {
		t.tx = results.Tx()
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return b.answered(results)
}

const commit = "commit"

func (t *pgTransaction) sender() interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
} {
	if t.tx == nil {
		return t.conn
	}
	return t.tx
}

// answered reads what the statements were answered.
func (b batch) answered(results pgx.BatchResults) error {
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
