package store

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statements are those that this process has used on PostgreSQL. A new connection knows none of them, and a card or a
// click on one that has to prepare them first takes two to three times as long. Incidents are rare and connections live
// for an hour, so nearly every incident would meet new ones: they are taught while nobody waits for them.
type statements struct {
	mu    sync.Mutex
	known map[string]bool
	all   []string
	more  chan struct{} // holds a token when there are more than were taught

	unplanned atomic.Bool // the server does not plan by our names
}

// quiet is how long nothing new is to be learned before connections are taken out of the pool to be taught: in the middle
// of an incident they are needed.
const quiet = time.Second

func newStatements() *statements {
	return &statements{known: map[string]bool{}, more: make(chan struct{}, 1)}
}

// note remembers a statement. A nil receiver remembers none and teaches nothing.
func (s *statements) note(query string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[query] || len(s.all) == preparedMost {
		return
	}
	s.known[query] = true
	s.all = append(s.all, query)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// untaught are the statements that a connection has not been taught.
func (s *statements) untaught(conn *pgx.Conn) []string {
	const taught = "pointsman.taught"
	s.mu.Lock()
	defer s.mu.Unlock()
	own := conn.PgConn().CustomData()
	n, _ := own[taught].(int)
	own[taught] = len(s.all)
	return s.all[n:]
}

// teach prepares on a connection what it was not taught, and has it planned. What cannot be prepared is left to whoever uses
// it, who also hears why.
func (s *statements) teach(ctx context.Context, conn *pgx.Conn) {
	if s == nil {
		return
	}
	var plans strings.Builder
	for _, query := range s.untaught(conn) {
		known, err := conn.Prepare(ctx, query, query)
		if err != nil && (ctx.Err() != nil || conn.IsClosed()) {
			return
		}
		if err == nil && plannable.MatchString(query) {
			plans.WriteString(planning(known))
		}
	}
	if plans.Len() > 0 {
		s.plan(ctx, conn, plans.String())
	}
}

// planningNow marks a connection whose server is asked for plans: that it knows no such statement is no reason to make all
// connections anew.
const planningNow = "pointsman.planning"

// plan has the server make plans. What could not be planned is planned when it is used. A pooler that keeps statements under
// names of its own knows none of ours by name, and is not asked again.
func (s *statements) plan(ctx context.Context, conn *pgx.Conn, explains string) {
	if s.unplanned.Load() {
		return
	}
	own := conn.PgConn().CustomData()
	own[planningNow] = true
	defer delete(own, planningNow)
	if _, err := conn.PgConn().Exec(ctx, explains).ReadAll(); outdated(err) {
		s.unplanned.Store(true)
	}
}

// planOnce has a statement planned once on a connection and not at each of its first five uses, which on a connection that is
// an hour old are all there ever are. Ours find rows by their keys, whatever these are; where that is not so, see anew. It is no
// parameter of the connection's start, which a pooler would refuse, and one that the DSN names stays.
// https://www.postgresql.org/docs/15/runtime-config-query.html#GUC-PLAN-CACHE-MODE
func (s *statements) planOnce(ctx context.Context, conn *pgx.Conn) {
	if _, given := conn.Config().RuntimeParams["plan_cache_mode"]; s == nil || given {
		return
	}
	_, _ = conn.Exec(ctx, "SET plan_cache_mode = force_generic_plan", pgx.QueryExecModeSimpleProtocol) // it only saves time
}

// plannable are the statements that EXPLAIN takes, which carries none of them out.
var plannable = regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s`)

// planning has the server make the plan of a prepared statement that serves whatever its arguments are. See planOnce.
func planning(known *pgconn.StatementDescription) string {
	args := ""
	if n := len(known.ParamOIDs); n > 0 {
		args = "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	return "EXPLAIN EXECUTE " + known.Name + args + ";"
}

// spread teaches the idle connections of a pool after something new was learned, until ctx ends.
func (s *statements) spread(ctx context.Context, pool *pgxpool.Pool) {
	if s == nil {
		return
	}
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.more:
			due = time.After(quiet)
		case <-due:
			all, free := pool.Stat().TotalConns(), pool.AcquireAllIdle(ctx)
			for _, conn := range free {
				s.teach(ctx, conn.Conn())
				conn.Release()
			}
			if due = nil; len(free) < int(all) {
				due = time.After(quiet) // others are at work, or only being made
			}
		}
	}
}
