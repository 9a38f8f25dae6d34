package store

import (
	"context"
	"errors"
	"strings"
)

// Tx is what a transaction, or a connection outside one, can do. It hides pgx and database/sql from everything else
// in this package, so that each statement is written once.
type Tx interface {
	// Exec returns the number of rows that it changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	Query(ctx context.Context, sql string, args ...any) (Rows, error)
	// QueryRow's Scan returns an error that is sql.ErrNoRows where there is no row.
	QueryRow(ctx context.Context, sql string, args ...any) Row
}

// Row is one row of a result.
type Row interface{ Scan(dest ...any) error }

// Rows is a result under way; Close may be called twice.
type Rows interface {
	Row
	Next() bool
	Close() error // also reports what ended the rows early
}

// transaction is a Tx that is not yet decided.
type transaction interface {
	Tx
	Commit(ctx context.Context) error
	Rollback(ctx context.Context)
}

// batch collects statements that do not depend on each other's results. PostgreSQL gets them in one round trip.
type batch []statement

type statement struct {
	sql  string
	args []any
	each func(Row) error // called for each row; nil for a statement without rows
	want int64           // how many rows the statement must change; zero if that is open
}

func (b *batch) exec(sql string, args ...any) {
	*b = append(*b, statement{sql: sql, args: args})
}

// one adds a statement that must change exactly one row.
func (b *batch) one(sql string, args ...any) {
	*b = append(*b, statement{sql: sql, args: args, want: 1})
}

func (b *batch) query(each func(Row) error, sql string, args ...any) {
	*b = append(*b, statement{sql: sql, args: args, each: each})
}

// anew has what fill adds planned for its values and the present size of the tables, and not as it was planned before:
// those of a long list of values, for which an old plan may be very wrong.
func (b *batch) anew(d *database, fill func()) {
	if d.planAnew == "" {
		fill()
		return
	}
	b.exec(d.planAnew)
	fill()
	b.exec(d.planAsEver)
}

// errMoved says that a row was not in the state that it had when it was loaded.
var errMoved = errors.New("the row changed since it was loaded")

// changed checks the number of changed rows of a statement.
func (s statement) changed(n int64) error {
	if s.want != 0 && n != s.want {
		return errMoved
	}
	return nil
}

// batcher is a Tx that can carry out a batch faster than one statement at a time.
type batcher interface {
	run(ctx context.Context, b batch) error
}

func send(ctx context.Context, tx Tx, b batch) error {
	if len(b) == 0 {
		return nil
	}
	if fast, ok := tx.(batcher); ok && len(b) > 1 {
		return fast.run(ctx, b)
	}
	for _, s := range b {
		if err := sendOne(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}

func sendOne(ctx context.Context, tx Tx, s statement) error {
	if s.each == nil {
		n, err := tx.Exec(ctx, s.sql, s.args...)
		if err != nil {
			return err
		}
		return s.changed(n)
	}
	rows, err := tx.Query(ctx, s.sql, s.args...)
	if err != nil {
		return err
	}
	return drain(rows, s.each)
}

func drain(rows Rows, each func(Row) error) error {
	for rows.Next() {
		if err := each(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close()
}

// list collects a query's rows.
func list[T any](ctx context.Context, tx Tx, scan func(Row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var out []T
	err = drain(rows, func(r Row) error {
		v, err := scan(r)
		out = append(out, v)
		return err
	})
	return out, err
}

// storable makes strings fit for a TEXT column of both databases. PostgreSQL refuses a NUL and broken UTF-8, and a
// webhook that carries one must not be turned away for ever.
func storable(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok && strings.IndexByte(s, 0) >= 0 {
			a = strings.ReplaceAll(s, "\x00", "\uFFFD")
			args[i] = a
		}
		if s, ok := a.(string); ok {
			args[i] = strings.ToValidUTF8(s, "\uFFFD")
		}
	}
	return args
}
