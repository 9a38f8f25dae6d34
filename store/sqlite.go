package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

const inMemory = ":memory:"

// openSQLite opens the file for one writer and a few readers. One writer connection has no lock waits at all, where
// several with a busy timeout can wait for seconds.
func openSQLite(ctx context.Context, cfg Config) (*database, error) {
	unlock, err := prepareFile(cfg.Path)
	if err != nil {
		return nil, err
	}
	// FULL makes each commit reach the disk: an intent or an audit record must survive the loss of power.
	writer, err := sql.Open("sqlite", sqliteDSN(cfg.Path, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", fullAt)+"&_txlock=immediate")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", cfg.Path, err), unlock())
	}
	writer.SetMaxOpenConns(1)
	reader := writer
	if cfg.Path != inMemory {
		if reader, err = sql.Open("sqlite", sqliteDSN(cfg.Path, "query_only(1)")); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", cfg.Path, err), writer.Close(), unlock())
		}
		reader.SetMaxOpenConns(4)
	}
	health := &damage{path: cfg.Path}
	writes, reads := newPrepared(writer), newPrepared(reader)
	view := func(ctx context.Context) (transaction, error) {
		return beginSQL(ctx, reads, &sql.TxOptions{ReadOnly: true}, health)
	}
	d := &database{
		name:  cfg.Path,
		begin: func(ctx context.Context) (transaction, error) { return beginSQL(ctx, writes, nil, health) },
		view:  view,
		glance: func(ctx context.Context, b batch) error {
			tx, err := view(ctx)
			if err != nil {
				return err
			}
			defer tx.Rollback(ctx)
			return send(ctx, tx, b)
		},
		direct:     sqlTx{writes, health},
		leases:     unflushed{writer, health},
		reads:      sqlTx{reads, health},
		recovering: `FALSE`,
		alone:      true,
		unique:     sqliteCode(1555, 2067), // PRIMARY KEY and UNIQUE
		transient:  sqliteCode(5, 261, 517),
		dialect:    goose.DialectSQLite3,
		triggers:   sqliteTriggers(),
		schema:     func() (*sql.DB, func()) { return writer, func() {} },
	}
	d.clock = newClock(cfg.Wall, nil)
	d.now, d.lease = d.clock.now, func(context.Context) (time.Time, error) { return d.clock.now(), nil }
	var beside *emptier
	d.close = func() error {
		err := beside.close()
		if reader != writer {
			err = errors.Join(err, reader.Close()) // first, so that the writer is the last one and empties the write-ahead log
		}
		return errors.Join(err, closeWriter(writer), unlock())
	}
	if err := writer.PingContext(ctx); err != nil {
		_ = d.close() // it could not be opened: closing would only say the same again
		if corrupt(err) {
			return nil, damaged(cfg.Path, err.Error())
		}
		return nil, fmt.Errorf("%s: %w", cfg.Path, err)
	}
	if err := undamaged(ctx, writer, cfg.Path, checkedSize); err != nil {
		_ = d.close() // it is damaged: closing would only say the same again
		return nil, err
	}
	if cfg.Path != inMemory {
		if beside, err = newEmptier(cfg.Path, health, cmp.Or(cfg.emptyEvery, emptyEvery)); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

// checkedSize bounds the files of which every page is looked at at each opening: about a second's worth. One that was found
// damaged is looked at whatever its size.
const checkedSize = 256 << 20

// undamaged refuses a file with broken pages. A run that is read wrong, or not found because its index is broken, could
// be carried out twice.
func undamaged(ctx context.Context, writer *sql.DB, path string, checked int64) error {
	_, err := os.Stat(marked(path))
	suspect := !errors.Is(err, fs.ErrNotExist)
	if info, err := os.Stat(path); path == inMemory || err == nil && info.Size() > checked && !suspect {
		return nil
	}
	var found string
	if err := writer.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err != nil {
		found = err.Error()
	}
	if found != "ok" {
		return damaged(path, strings.TrimSpace(found))
	}
	if suspect {
		return os.Remove(marked(path)) // somebody has put a whole file in its place
	}
	return nil
}

// closeWriter waits for the transaction under way, which sql.DB.Close does not: the file lock may go only after it.
func closeWriter(writer *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), decideLimit)
	defer cancel()
	last, err := writer.Conn(ctx)
	err = errors.Join(err, writer.Close())
	if last != nil {
		err = errors.Join(err, last.Close())
	}
	return err
}

// prepareFile makes the database file, readable by its owner only, and locks it for this process.
func prepareFile(path string) (unlock func() error, err error) {
	if path == inMemory {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if unlock, err = lockFile(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, f.Close()
}

func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	if path == inMemory {
		return "file::memory:?" + q.Encode()
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func sqliteCode(codes ...int) func(error) bool {
	return sqliteError(func(code int) bool { return slices.Contains(codes, code) })
}

// sqliteKind is sqliteCode for all extended codes of a primary one.
func sqliteKind(codes ...int) func(error) bool {
	return sqliteError(func(code int) bool { return slices.Contains(codes, code&0xff) })
}

func sqliteError(is func(code int) bool) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*sqlite.Error](err)
		return ok && is(e.Code())
	}
}
