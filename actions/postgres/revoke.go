package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
)

// maintenance is the database from which the others are closed: nobody can close the one that he is connected to.
const maintenance = "postgres"

// revoke closes all databases of a node but the maintenance one, and ends the sessions in them. That holds for
// superusers too, which default_transaction_read_only does not: a session may set that off again.
func (n Node) revoke(ctx context.Context, limit time.Duration) (closed []string, ended int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		return nil, 0, err
	}
	defer discard(conn)
	// A commit must not wait for a synchronous standby that is gone.
	if _, err := conn.Exec(ctx, "SET synchronous_commit = local"); err != nil {
		return nil, 0, scrubbed(err, nil)
	}
	names, err := databases(ctx, conn)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		if err := allow(ctx, conn, name, false); err != nil {
			return closed, 0, err
		}
		closed = append(closed, name)
	}
	err = conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = ANY($1) AND pid <> pg_backend_pid()`, names).Scan(&ended)
	return closed, ended, scrubbed(err, nil)
}

func databases(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT datname FROM pg_database
		WHERE datallowconn AND NOT datistemplate AND datname <> current_database() ORDER BY datname`)
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

// open opens the databases again.
func (n Node) open(ctx context.Context, limit time.Duration, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, limit))
	defer cancel()
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		return fmt.Errorf("open %s again: %w", n.Name, err)
	}
	defer discard(conn)
	for _, name := range names {
		if err := allow(ctx, conn, name, true); err != nil {
			return fmt.Errorf("open database %s of %s again: %w", name, n.Name, err)
		}
	}
	return nil
}
