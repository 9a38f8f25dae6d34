package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What a look from outside may meet in place of an answer.
var (
	errUntold = errors.New("a server is at work on the file, or was killed") // the newest entries would not be seen
	errNew    = errors.New("the database is a new one")
)

// LastSigned returns the newest signed checkpoint as it lies in the database, for whoever looks without opening the store: the
// doctor. It is nil where there is none, and an error where it cannot be told from outside. It changes nothing.
func (c Config) LastSigned(ctx context.Context) ([]byte, error) {
	var note []byte
	err := c.look(ctx, `SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1`, nil, &note)
	if errors.Is(err, errNew) || errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last checkpoint: %w", err)
	}
	return note, nil
}

// look reads one row of the database, whether a server runs on it or not.
func (c Config) look(ctx context.Context, query string, args []any, into ...any) error {
	if c.Driver == "postgres" {
		return c.lookAtServer(ctx, query, args, into)
	}
	return c.lookAtFile(ctx, query, args, into)
}

// lookAtFile reads the file as it lies there. What a server has written last stands in the file beside it, which nobody else may
// take in; a running one looks at the end twice a second itself.
func (c Config) lookAtFile(ctx context.Context, query string, args, into []any) error {
	if beside, err := os.Stat(c.Path + "-wal"); err == nil && beside.Size() > 0 {
		return errUntold
	}
	if _, err := os.Stat(c.Path); errors.Is(err, fs.ErrNotExist) {
		return errNew // the log is gone with its file
	}
	db, err := sql.Open("sqlite", sqliteDSN(c.Path, "query_only(1)")+"&mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // reads only; nothing is lost
	return db.QueryRowContext(ctx, query, args...).Scan(into...)
}

func (c Config) lookAtServer(ctx context.Context, query string, args, into []any) error {
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // reads only; nothing is lost
	err = conn.QueryRow(ctx, query, args...).Scan(into...)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P01" { // undefined_table
		return errNew
	}
	return err
}
