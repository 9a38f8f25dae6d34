package store

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgPool is the connections to PostgreSQL.
type pgPool struct {
	*pgxpool.Pool
	used  *statements
	fresh atomic.Pointer[func(context.Context, Tx)] // is told of each new connection
	pages broken
}

// idle is how many connections wait for work: as many as one card needs at once. Making one takes as long as storing it.
const idle = 3

// connectLimit is how long a host may take to let us in where the DSN does not say. A server that hangs takes connections and never
// answers: without a limit the pool would wait two minutes for it, each time, before it comes to the next host.
const connectLimit = 5 * time.Second

// pool is how connections are made and kept.
func (c Config) pool() (*pgxpool.Config, error) {
	dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("storage.dsn: %w", err)
	}
	for name, value := range map[string]string{
		"application_name": "pointsman", "statement_timeout": "10s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "2s",
	} {
		if _, given := pc.ConnConfig.RuntimeParams[name]; !given {
			pc.ConnConfig.RuntimeParams[name] = value
		}
	}
	limit, err := interval(pc.ConnConfig.RuntimeParams["statement_timeout"])
	if err != nil {
		return nil, fmt.Errorf("storage.dsn: statement_timeout: %w", err)
	}
	pc.BeforeConnect = answers(limit)
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = connectLimit
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		pc.MaxConns = 10
	}
	if !strings.Contains(dsn, "pool_min_idle_conns") {
		pc.MinIdleConns = min(idle, pc.MaxConns)
	}
	// Above any row of ours; something on the port that is no PostgreSQL must not exhaust the memory by its greeting.
	pc.ConnConfig.MaxProtocolMessageBodyLen = 256 << 20
	return pc, nil
}

// openPool makes connections in the background from now on.
func openPool(ctx context.Context, pc *pgxpool.Config) (*pgPool, error) {
	p := &pgPool{used: newStatements()}
	if pc.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		p.used = nil // the DSN says that statements are not to be kept
	}
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if tell := p.fresh.Load(); tell != nil {
			(*tell)(ctx, pgTx{conn, nil})
		}
		p.used.planOnce(ctx, conn)
		p.used.teach(ctx, conn)
		return nil
	}
	var made atomic.Pointer[pgxpool.Pool] // a connection may be there before NewWithConfig has returned
	pc.ConnConfig.OnPgError = p.pages.watch(forgetful(pc.ConnConfig.OnPgError, made.Load))
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, err
	}
	p.Pool = pool
	made.Store(pool)
	return p, nil
}

// forgetful replaces all connections once one of them holds a statement that the database cannot carry out any more: a
// newer version changed the type of a column (0A000), or a pooler gave the connection another server (26000). pgx
// forgets by itself only what it prepared by itself.
func forgetful(closes pgconn.PgErrorHandler, pool func() *pgxpool.Pool) pgconn.PgErrorHandler {
	return func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if !outdated(e) || conn.CustomData()[planningNow] != nil {
			return closes(conn, e)
		}
		if p := pool(); p != nil {
			p.Reset()
		}
		return false
	}
}

func outdated(err error) bool { return pgCode("0A000", "26000")(err) }
