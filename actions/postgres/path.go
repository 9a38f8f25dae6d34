package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// endpoint is one address that clients use.
type endpoint struct {
	Address
	name string
	row  int // its own row of the heartbeat table
}

func (c Cluster) endpoints() []endpoint {
	out := []endpoint{{Address: c.Clients.Address, name: "clients", row: writeRow}}
	for i, more := range c.Clients.More {
		out = append(out, endpoint{Address: more, name: fmt.Sprintf("clients.more[%d]", i), row: writeRow + 1 + i})
	}
	return out
}

// arrival is where an endpoint led to, and what stood in its row.
type arrival struct {
	Token     string
	SystemID  string
	StartedAt time.Time
	Timeline  int
	Port      int
	At        time.Time
}

// is reports whether the endpoint leads to the server that was read directly. Two servers of one cluster share the
// identifier and may share the port; when their postmasters started tells them apart, also behind a pooler.
func (a arrival) is(r Reading) bool {
	return a.SystemID == r.SystemID && a.StartedAt.Equal(r.StartedAt)
}

const arriveSQL = `SELECT (SELECT system_identifier::text FROM pg_control_system()), pg_postmaster_start_time(),
	CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
	coalesce(inet_server_port(), 0), coalesce((SELECT token FROM `

// visit opens a new connection through the endpoint, writes the token where one is given, and reads the row back.
func (e endpoint) visit(ctx context.Context, table, token string) (arrival, error) {
	cfg, err := e.config()
	if err != nil {
		return arrival{At: time.Now()}, err
	}
	return e.through(ctx, cfg, pgx.ConnectConfig, table, token)
}

// readBack is a visit for a token that only the way of the clients can have brought there, so that way is proven. A look is shorter than
// many a connect_timeout: the hosts are asked beside each other, or one that hangs would keep the proof from being seen for as long as it hangs.
func (e endpoint) readBack(ctx context.Context, table string) (arrival, error) {
	cfg, err := e.config()
	if err != nil {
		return arrival{At: time.Now()}, err
	}
	return e.through(ctx, cfg, dsn.Beside, table, "")
}

func (e endpoint) through(ctx context.Context, cfg *pgx.ConnConfig, open opener, table, token string) (arrival, error) {
	var a arrival
	err := transact(ctx, cfg, open, func(tx pgx.Tx) error {
		if token != "" {
			if _, err := tx.Exec(ctx, "INSERT INTO "+table+beatSQL, e.row, time.Now().UTC(), token); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, arriveSQL+table+" WHERE id = $1), '')", e.row).
			Scan(&a.SystemID, &a.StartedAt, &a.Timeline, &a.Port, &a.Token)
	})
	a.At = time.Now()
	return a, err
}

// patience is how long one try through the endpoint may take: a primary that hangs is a usual reason for a failover, and clients
// come to the new one all the same.
func (e endpoint) patience(ctx context.Context, read time.Duration) time.Duration {
	cfg, err := e.config()
	if err != nil {
		return 2 * read
	}
	return dsn.AsClients(ctx, cfg, 2*read)
}

// retryPath is how often a write is tried again: addresses may need a moment to lead to the new primary.
const retryPath = 100 * time.Millisecond

// writeLimit bounds the trying where the step has no deadline of its own.
const writeLimit = time.Minute

// write writes the token through the endpoint until it is seen on the wanted server, or the context ends.
func (e endpoint) write(ctx context.Context, cluster Cluster, token string, primary Reading) error {
	tick := time.NewTicker(retryPath)
	defer tick.Stop()
	for {
		visitCtx, cancel := context.WithTimeout(ctx, e.patience(ctx, cluster.ReadTimeout))
		a, err := e.visit(visitCtx, cluster.HeartbeatTable, token)
		cancel()
		if err == nil && a.is(primary) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("it leads to another server (port %d, timeline %d) than %s", a.Port, a.Timeline, primary.Node)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("write through %s: %w", e.name, errors.Join(err, context.Cause(ctx)))
		case <-tick.C:
		}
	}
}
