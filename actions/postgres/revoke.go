package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
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
	// A name cannot be a parameter here; it is the server's own and quoted.
	_, err := conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", pgx.Identifier{database}.Sanitize(), open))
	return scrubbed(err, nil)
}

// Undo implements actions.Undoer: it opens the databases again that Apply closed. What the stop hook stopped is
// started by a person. With another primary it refuses: the node would be a second one.
func (a Fencing) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	var memo FenceMemo
	if err := json.Unmarshal(in.Memo, &memo); err != nil {
		return actions.Outcome{}, fmt.Errorf("memo of the fence: %w", err)
	}
	if len(memo.Databases) == 0 {
		return actions.Outcome{Memo: in.Memo, Note: "no database of " + args.Node + " had been closed"}, nil
	}
	s, _ := a.c.look(ctx, cluster)
	for _, r := range s.in(Writable) {
		if r.Node != args.Node {
			return actions.Outcome{}, actions.Refuse("%s is primary: opening %s again would make a second one", r.Node, args.Node)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, 2*cluster.ReadTimeout))
	defer cancel()
	n, _ := cluster.node(args.Node)
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		return actions.Outcome{}, fmt.Errorf("open %s again: %w", args.Node, err)
	}
	defer discard(conn)
	for _, name := range memo.Databases {
		if err := allow(ctx, conn, name, true); err != nil {
			return actions.Outcome{}, fmt.Errorf("open database %s of %s again: %w", name, args.Node, err)
		}
	}
	return actions.Outcome{Memo: in.Memo, Note: fmt.Sprintf("open again on %s: %s", args.Node, pointsman.Count(len(memo.Databases), "database"))}, nil
}
