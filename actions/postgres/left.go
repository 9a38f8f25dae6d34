package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// left is what may still write on a server of which one database accepts no connections. That alone proves no fence:
// sessions that were open before stay, and other databases may be open.
type left struct {
	Recovery bool // a standby: nobody writes on it, whoever is in
	Open     int  // databases that accept connections
	Sessions int

	SystemID, ClusterName string
	StartedAt             time.Time
}

// closableSQL are the databases that a fence closes.
const closableSQL = `NOT datistemplate AND datname <> '` + maintenance + `'`

// insideSQL are the sessions a that may write. In such databases: clients, logical walsenders, and workers of extensions and
// subscriptions. A worker of autovacuum writes nothing of a client's. Without pg_monitor the type is not told, so it counts.
// In the others, which nobody can close: clients and logical walsenders that are not ours, here or of a probe.
const insideSQL = `(a.datid IN (SELECT oid FROM pg_database WHERE ` + closableSQL + `)
		AND coalesce(a.backend_type, '') <> 'autovacuum worker'
	OR a.datid IN (SELECT oid FROM pg_database WHERE NOT (` + closableSQL + `))
		AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender') AND a.pid <> pg_backend_pid()
		AND NOT coalesce(a.application_name = current_setting('application_name'), false))`

const leftSQL = `SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_database WHERE datallowconn AND ` + closableSQL + `)::int,
	(SELECT count(*) FROM pg_stat_activity a WHERE ` + insideSQL + `)::int,
	(SELECT system_identifier::text FROM pg_control_system()), current_setting('cluster_name'), pg_postmaster_start_time()`

// endSQL asks those to end that our role may: one that it may not is an error, and the sessions behind it would stay.
const endSQL = `SELECT count(*) FILTER (WHERE pg_terminate_backend(s.pid))::int FROM (
	SELECT a.pid FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid WHERE ` + insideSQL + mineSQL + `
	AND (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))) s`

// askClosed reads a server that answered 55000: Fenced only where it is seen that nothing is left. Who it is it still tells:
// a fence reaches the standbys that stream, and then no other node would.
func (r *Reading) askClosed(ctx context.Context, n Node) {
	r.State = Closing
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		r.Detail = "its sessions cannot be counted: " + err.Error()
		return
	}
	defer discard(conn)
	l, err := askLeft(ctx, conn)
	if err != nil {
		r.Detail = "its sessions cannot be counted: " + err.Error()
		return
	}
	r.SystemID, r.ClusterName, r.StartedAt = l.SystemID, l.ClusterName, l.StartedAt
	r.Detail = l.told()
	if l.nothing() {
		r.State, r.Detail = Fenced, ""
	}
}

func askLeft(ctx context.Context, conn *pgx.Conn) (l left, err error) {
	err = conn.QueryRow(ctx, leftSQL).Scan(&l.Recovery, &l.Open, &l.Sessions, &l.SystemID, &l.ClusterName, &l.StartedAt)
	return l, scrubbed(err, nil)
}

func (l left) nothing() bool { return l.Recovery || l.Open == 0 && l.Sessions == 0 }

func (l left) told() string {
	var parts []string
	if l.Open > 0 {
		parts = append(parts, pointsman.Count(l.Open, "open database"))
	}
	if l.Sessions > 0 {
		parts = append(parts, pointsman.Count(l.Sessions, "session"))
	}
	return "left on it: " + strings.Join(parts, " and ")
}

// endLeft ends the sessions that our role may end, again until none of them is there: one that was let in a moment before
// its database was closed shows only later. It returns how many it ended at the first time.
func endLeft(ctx context.Context, conn *pgx.Conn) (int, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for first := -1; ; {
		if err := actions.InTime(ctx); err != nil {
			return max(first, 0), err
		}
		var n int
		if err := conn.QueryRow(ctx, endSQL).Scan(&n); err != nil {
			return max(first, 0), scrubbed(err, nil)
		}
		if first < 0 {
			first = n
		}
		if n == 0 {
			return first, nil
		}
		select {
		case <-ctx.Done():
			return first, context.Cause(ctx)
		case <-again.C:
		}
	}
}
