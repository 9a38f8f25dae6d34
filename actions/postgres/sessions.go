package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// crowd is who is connected to a server, by user, application and database.
type crowd struct {
	Groups []sessionGroup
	Spared int  // superusers' sessions that our role may not end
	May    bool // our role may end sessions of other roles
	Stats  bool // our role sees what they are; else no session counts as a client's
	now    time.Time
	at     time.Time
}

type sessionGroup struct {
	User, Application, Database string
	N                           int
}

func (c crowd) total() int {
	n := 0
	for _, g := range c.Groups {
		n += g.N
	}
	return n
}

// shownGroups is how many groups are told one by one.
const shownGroups = 5

func (c crowd) told() string {
	if !c.Stats {
		return "not told"
	}
	if len(c.Groups) == 0 {
		return "0"
	}
	var parts []string
	for i, g := range c.Groups {
		if i == shownGroups {
			parts = append(parts, fmt.Sprintf("and %d groups more", len(c.Groups)-i))
			break
		}
		name := g.Application
		if name == "" {
			name = "no name"
		}
		parts = append(parts, fmt.Sprintf("%d of %s (%s) in %s", g.N, g.User, name, g.Database))
	}
	return fmt.Sprintf("%d: %s", c.total(), strings.Join(parts, ", "))
}

// clientsSQL are the sessions that may be ended at all: replication has another backend_type, and ours have our role's
// name or our application_name. $4 is the newest beginning that counts.
const clientsSQL = ` FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
	WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid() AND a.usename <> current_user
	AND a.application_name <> current_setting('application_name')
	AND ($1 = '' OR a.usename = $1) AND ($2 = '' OR a.application_name = $2) AND ($3 = '' OR a.datname = $3)
	AND ($4::timestamptz IS NULL OR a.backend_start <= $4)`

// mineSQL: only a superuser may end a superuser's session.
const mineSQL = ` AND (NOT r.rolsuper OR current_setting('is_superuser') = 'on')`

// blind says what is missing where the role does not see which sessions are clients': none looks like nobody is there.
func (c crowd) blind(f pointsman.Fact, node string) pointsman.Fact {
	if !c.Stats {
		f.Result, f.Clears = pointsman.Unknown, noStats
		f.Text = fmt.Sprintf("who is connected to %s cannot be told: Pointsman's role there may not read other roles' rows of pg_stat_activity", node)
	}
	return f
}

// countSessions counts who matches; before is zero for everybody who is there now.
func countSessions(ctx context.Context, conn *pgx.Conn, args TerminateArgs, before time.Time) (crowd, error) {
	var c crowd
	var limit *time.Time
	if !before.IsZero() {
		limit = &before
	}
	filter := []any{args.User, args.Application, args.Database, limit}
	err := conn.QueryRow(ctx, `SELECT clock_timestamp(), pg_has_role('pg_signal_backend', 'USAGE') OR current_setting('is_superuser') = 'on',
		`+statsSQL+`, (SELECT count(*)`+clientsSQL+` AND r.rolsuper AND current_setting('is_superuser') = 'off')::int`, filter...).Scan(&c.now, &c.May, &c.Stats, &c.Spared)
	if err != nil {
		return c, scrubbed(err, nil)
	}
	rows, err := conn.Query(ctx, `SELECT a.usename::text, a.application_name, coalesce(a.datname::text, ''), count(*)::int`+clientsSQL+mineSQL+
		` GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3`, filter...)
	if err != nil {
		return c, scrubbed(err, nil)
	}
	c.Groups, err = pgx.CollectRows(rows, pgx.RowToStructByPos[sessionGroup])
	c.at = time.Now()
	return c, scrubbed(err, nil)
}

// endSessions asks all that match and began before the time to end, and tells how many were asked.
func endSessions(ctx context.Context, conn *pgx.Conn, args TerminateArgs, before time.Time) (int, error) {
	if err := actions.InTime(ctx); err != nil {
		return 0, err
	}
	var n int
	err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE pg_terminate_backend(s.pid))::int FROM (SELECT a.pid`+clientsSQL+mineSQL+`) s`,
		args.User, args.Application, args.Database, before).Scan(&n)
	return n, scrubbed(err, nil)
}
