package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// unflushed carries out statements whose commits do not wait for the disk. It is for leases on SQLite: no lease outlives
// the process there, and a crash of the process alone loses nothing. When the machine loses power such a commit may be
// gone, but only together with all that came after it: the next commit that waits for the disk takes it along, so an
// intent is never kept without its lease.
type unflushed struct {
	writer *sql.DB
	health *damage
}

// Exec is that of Tx.
func (u unflushed) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = u.do(ctx, func(t sqlTx) error {
		n, err = t.Exec(ctx, query, args...)
		return err
	})
	return n, err
}

// QueryRow is that of Tx.
func (u unflushed) QueryRow(ctx context.Context, query string, args ...any) Row {
	return scanned(func(dest ...any) error {
		return u.do(ctx, func(t sqlTx) error { return t.QueryRow(ctx, query, args...).Scan(dest...) })
	})
}

type scanned func(dest ...any) error

// Scan implements Row.
func (s scanned) Scan(dest ...any) error { return s(dest...) }

// do takes the one connection that writes. What comes after must wait for the disk again: a connection that cannot be set
// back is given up, and the next one begins with it.
func (u unflushed) do(ctx context.Context, what func(sqlTx) error) error {
	conn, err := u.writer.Conn(ctx)
	if err != nil {
		return u.health.saw(err)
	}
	defer conn.Close()
	defer func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), `PRAGMA synchronous = FULL`); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	if _, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
		return u.health.saw(err)
	}
	return what(sqlTx{conn, u.health})
}
