package killswitch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// row is the switch as read from the primary, in one statement, so that role and value belong together.
type row struct {
	Engaged   bool
	Reason    string
	UpdatedAt time.Time
	Server    string    // address and port, as the server itself says
	LSN       string    // of the write-ahead log when it was read
	At        time.Time // when it was read, here; with the monotonic clock
}

// session is what both a connection and a transaction can do.
type session interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

var errNoRow = errors.New("no such row")

// The names and operators of the statements here are written as the system's, pg_catalog, so that nobody who may create
// functions in another schema has our role run his. The search_path itself stays: the table is the users' own, and what its
// triggers do may need it.

// read returns the row. A standby's answer is an error: it may miss the write that engaged the switch a moment ago.
func (s Switch) read(ctx context.Context, on session) (row, error) {
	var r row
	var engaged *bool
	var updated *time.Time
	var standby bool
	var host string
	var port int
	err := on.QueryRow(ctx, `SELECT engaged, COALESCE(reason, ''), updated_at, pg_catalog.pg_is_in_recovery(),
			CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END::pg_catalog.text,
			COALESCE(pg_catalog.host(pg_catalog.inet_server_addr()), ''), COALESCE(pg_catalog.inet_server_port(), 0)
		FROM `+s.table()+` WHERE id OPERATOR(pg_catalog.=) $1`, s.ID).Scan(&engaged, &r.Reason, &updated, &standby, &r.LSN, &host, &port)
	r.Server = server(host, port)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return r, fmt.Errorf("table %s has %w with id %d", s.Table, errNoRow, s.ID)
	case err != nil:
		return r, err
	case standby:
		return r, fmt.Errorf("%s is a standby, which may miss the last write; the DSN must lead to the primary", r.Server)
	case engaged == nil:
		return r, fmt.Errorf("engaged is NULL in row %d of %s", s.ID, s.Table)
	}
	r.Engaged, r.At = *engaged, time.Now()
	if updated != nil {
		r.UpdatedAt = updated.UTC()
	}
	return r, nil
}

// server is where the server says that it listens.
func server(host string, port int) string {
	if host == "" {
		return "local socket"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// newer moves the time of the row on, whatever the server's clock says.
const newer = `updated_at = GREATEST(pg_catalog.clock_timestamp(), updated_at OPERATOR(pg_catalog.+) interval '1 microsecond')`

// written is what a change of the row leaves.
type written struct {
	row
	Already bool // it was so before, and nothing was written
	Asked   bool // the commit was sent, so it may hold whatever the error says
}

// engage writes whatever the row says now; a switch that is engaged keeps its reason, which somebody else may have
// given. There is no condition that could refuse it, except that only a primary can be written.
func (s Switch) engage(ctx context.Context, reason string) (written, error) {
	var w written
	err := s.change(ctx, &w, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE `+s.table()+` SET engaged = true, reason = $2, `+newer+`
			WHERE id OPERATOR(pg_catalog.=) $1 AND engaged IS NOT TRUE`, s.ID, reason)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		tag, err = tx.Exec(ctx, `INSERT INTO `+s.table()+` (id, engaged, reason, updated_at) SELECT $1, true, $2, pg_catalog.clock_timestamp()
			WHERE NOT EXISTS (SELECT 1 FROM `+s.table()+` WHERE id OPERATOR(pg_catalog.=) $1)`, s.ID, reason)
		w.Already = err == nil && tag.RowsAffected() == 0
		return err
	})
	return w, err
}

// release writes only if the row is still the one that was approved: engaged, with this updated_at.
func (s Switch) release(ctx context.Context, approved row, reason string) (written, error) {
	var w written
	err := s.change(ctx, &w, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE `+s.table()+` SET engaged = false, reason = $3, `+newer+`
			WHERE id OPERATOR(pg_catalog.=) $1 AND engaged IS TRUE AND updated_at IS NOT DISTINCT FROM $2`, s.ID, stamp(approved.UpdatedAt), reason)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		now, err := s.read(ctx, tx)
		if err != nil {
			return err
		}
		return actions.Refuse("%s is not as approved: it is %s, approved was the release of the row of %s; nothing was written",
			s.Name, now.standing(), when(approved.UpdatedAt))
	})
	return w, err
}

// change runs write in one transaction on a primary and reads the row back on the same session, before and after the
// commit.
func (s Switch) change(ctx context.Context, w *written, write func(pgx.Tx) error) error {
	conn, err := s.connect(ctx)
	if actions.NoConnection(err) {
		return actions.NotSent(fmt.Errorf("%s cannot be reached, so nothing was written: %w", s.Name, err))
	} else if err != nil {
		return actions.Refuse("%s cannot be reached, so nothing was written: %v", s.Name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var standby bool
	// A commit that the server only promised must not be shown as done.
	if err := tx.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.set_config('synchronous_commit', CASE pg_catalog.current_setting('synchronous_commit')
		WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE pg_catalog.current_setting('synchronous_commit') END, true)`).Scan(&standby, nil); err != nil {
		return err
	}
	if standby {
		return actions.Refuse("the DSN of %s leads to a standby, so nothing was written; promote it or correct the DSN", s.Name)
	}
	if err := write(tx); err != nil {
		return err
	}
	if _, err := s.read(ctx, tx); err != nil {
		return err
	}
	if err := actions.InTime(ctx); err != nil {
		return actions.NotSent(fmt.Errorf("%s: %w", s.Name, err))
	}
	w.Asked = true
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit on %s: %w", s.Name, err)
	}
	w.row, err = s.read(ctx, conn)
	return err
}

// standing says in words what the row says.
func (r row) standing() string {
	word := "released"
	if r.Engaged {
		word = "engaged"
	}
	if r.UpdatedAt.IsZero() {
		return word
	}
	s := word + " since " + when(r.UpdatedAt)
	if r.Reason != "" {
		s += " (" + r.Reason + ")"
	}
	return s
}

// by says who made it so, as far as the row tells.
func (r row) by() string {
	if r.Reason == "" {
		return "somebody at " + when(r.UpdatedAt)
	}
	return r.Reason + " at " + when(r.UpdatedAt)
}

// when shows a time of the row with its day: a switch stays as it is for months.
func when(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2006-01-02 ") + pointsman.Clock(t)
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// hopeless reports an error of the configuration that no repetition cures: no such table or column, no right to write.
func hopeless(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(e.Code, "42")
}

// tooLong reports that the table's column is shorter than the reason.
func tooLong(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "22001"
}
