package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman/actions"
)

// maintenance is the database from which the others are closed: nobody can close the one that he is connected to.
const maintenance = "postgres"

// localCommit is set where databases are closed and opened: a commit must not wait for a synchronous standby that is gone, and
// one that is gone is why there is a fence at all.
const localCommit = "SET synchronous_commit = local"

// upkeep connects to the maintenance database for changes that wait for no standby.
func (n Node) upkeep(ctx context.Context) (*pgx.Conn, error) {
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, localCommit); err != nil {
		discard(conn)
		return nil, scrubbed(err, nil)
	}
	return conn, nil
}

// revoked is what a revoke did, whole or not.
type revoked struct {
	Closed []string // by it, or perhaps by it
	Ended  int      // sessions
}

// revoke closes all databases of a node but the maintenance one, and ends the sessions in all of them, also in those that
// were closed before: that keeps nobody out who is in. That holds for superusers too, which default_transaction_read_only
// does not: a session may set that off again. What cannot be closed or ended does not keep the rest from it; the error
// tells what is left. before is told which databases will be closed, and its error keeps them open.
func (n Node) revoke(ctx context.Context, limit time.Duration, before func(names []string) error) (done revoked, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := n.upkeep(ctx)
	if err != nil {
		return done, err
	}
	defer discard(conn)
	names, err := databases(ctx, conn)
	if err != nil {
		return done, err
	}
	if err := before(names); err != nil {
		return done, fmt.Errorf("which databases it would close could not be kept, so it closed none: %w", err)
	}
	var faults []error
	for _, name := range names {
		err := allow(ctx, conn, name, false)
		_, refused := errors.AsType[*pgconn.PgError](err)
		if !refused && !errors.Is(err, actions.ErrLate) {
			done.Closed = append(done.Closed, name)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("database %s: %w", name, err))
		}
		if err != nil && !refused {
			return done, errors.Join(faults...)
		}
	}
	if done.Ended, err = endLeft(ctx, conn); err != nil {
		return done, errors.Join(append(faults, err)...)
	}
	rest, err := askLeft(ctx, conn)
	if err == nil && !rest.nothing() {
		err = errors.New(rest.told())
	}
	return done, errors.Join(append(faults, err)...)
}

func databases(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database WHERE datallowconn AND `+closableSQL+` ORDER BY datname`)
	if err != nil {
		return nil, scrubbed(err, nil)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, scrubbed(err, nil)
}

func allow(ctx context.Context, conn *pgx.Conn, database string, open bool) error {
	if err := actions.InTime(ctx); err != nil && !open {
		return err
	}
	// A name cannot be a parameter here; it is the server's own and quoted.
	_, err := conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", pgx.Identifier{database}.Sanitize(), open))
	return scrubbed(err, nil)
}

// open opens the databases again. One that cannot be opened does not keep the others closed.
func (n Node) open(ctx context.Context, limit time.Duration, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, limit))
	defer cancel()
	conn, err := n.upkeep(ctx)
	if err != nil {
		return fmt.Errorf("open %s again: %w", n.Name, err)
	}
	defer discard(conn)
	var faults []error
	for _, name := range names {
		if err := allow(ctx, conn, name, true); err != nil {
			faults = append(faults, fmt.Errorf("open database %s of %s again: %w", name, n.Name, err))
		}
	}
	return errors.Join(faults...)
}
