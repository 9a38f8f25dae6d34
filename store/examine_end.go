package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
)

// endOf reads how many entries the log has, and the hash of the one that is known, which is NULL where it has none there.
const endOf = `SELECT seq, (SELECT hash FROM log WHERE seq = $1) FROM log_head WHERE id = 1`

// ExamineEnd looks whether the database still has the newest entry that is known, as a start does; nothing where none is known,
// or where it cannot be told from outside. It changes nothing.
func (c Config) ExamineEnd(ctx context.Context) []pointsman.Fact {
	if c.Known.Seq == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	end, source := c.endOfFile, c.Path
	if c.Driver == "postgres" {
		end, source = c.endOfServer, "postgres"
	}
	has, hash, err := end(ctx)
	if err != nil {
		return nil // that the store does not answer stands in a line of its own
	}
	f := pointsman.Fact{
		Kind: pointsman.Hard, Name: "end of the log", Value: "whole", Result: pointsman.Pass, Source: source, At: time.Now(),
		Text: fmt.Sprintf("the log has entry %d, the newest that was acknowledged here", c.Known.Seq),
	}
	if hash.String != c.Known.Hash {
		f.Value, f.Result, f.Text = "lost", pointsman.Fail, (&CutError{Known: c.Known, Has: has}).Error()
		f.Clears = "put the newest copy of the database back if there is a newer one; a start on this one puts the loss on record and parks what was open"
	}
	return []pointsman.Fact{f}
}

// errUntold says that a look from outside would not see the newest entries.
var errUntold = errors.New("a server is at work on the file, or was killed")

// endOfFile reads the file as it lies there. What a server has written last stands in the file beside it, which nobody else may
// take in; a running one looks at the end twice a second itself.
func (c Config) endOfFile(ctx context.Context) (has int64, hash sql.NullString, err error) {
	if beside, err := os.Stat(c.Path + "-wal"); err == nil && beside.Size() > 0 {
		return 0, hash, errUntold
	}
	if _, err := os.Stat(c.Path); errors.Is(err, fs.ErrNotExist) {
		return 0, hash, nil // the log is gone with its file
	}
	db, err := sql.Open("sqlite", sqliteDSN(c.Path, "query_only(1)")+"&mode=ro&immutable=1")
	if err != nil {
		return 0, hash, err
	}
	defer func() { _ = db.Close() }() // reads only; nothing is lost
	err = db.QueryRowContext(ctx, endOf, c.Known.Seq).Scan(&has, &hash)
	return has, hash, err
}

func (c Config) endOfServer(ctx context.Context) (has int64, hash sql.NullString, err error) {
	dsn, err := c.dsn()
	if err != nil {
		return 0, hash, err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, hash, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // reads only; nothing is lost
	err = conn.QueryRow(ctx, endOf, c.Known.Seq).Scan(&has, &hash)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P01" { // undefined_table: the database is a new one
		return 0, sql.NullString{}, nil
	}
	return has, hash, err
}
