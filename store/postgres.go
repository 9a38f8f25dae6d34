package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// channel is where replicas tell each other of commits.
const channel = "pointsman"

// openPostgres opens a pool. Every connection carries limits of its own: a hung statement or a forgotten transaction
// must not hold the log's head for the others.
func openPostgres(ctx context.Context, cfg Config) (*database, error) {
	pc, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, pc)
	if err != nil {
		return nil, err
	}
	d := &database{
		name: "PostgreSQL",
		begin: func(ctx context.Context) (transaction, error) {
			// Not READ WRITE: where somebody has set default_transaction_read_only, to save the database, that counts.
			return pool.take(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
		},
		view: func(ctx context.Context) (transaction, error) { return pool.take(ctx, oneMoment) },
		glance: func(ctx context.Context, b batch) error {
			tx, err := pool.take(ctx, oneMoment)
			if err != nil {
				return err
			}
			return tx.only(ctx, b)
		},
		direct:     pgTx{pool, pool.used},
		leases:     pgTx{pool, pool.used},
		reads:      pgTx{pool, pool.used},
		forUpdate:  " FOR UPDATE",
		forShare:   " FOR SHARE",
		skipLocked: " FOR UPDATE SKIP LOCKED",
		recovering: `pg_is_in_recovery()`,
		notify:     `SELECT pg_notify('` + channel + `', $1)`,
		planAnew:   `SET LOCAL plan_cache_mode = force_custom_plan`,
		planAsEver: `SET LOCAL plan_cache_mode = force_generic_plan`,
		unique:     pgCode("23505"),
		transient:  lostOrUnsent,
		dialect:    goose.DialectPostgres,
		triggers:   postgresTriggers(),
		schema: func() (*sql.DB, func()) {
			db := stdlib.OpenDBFromPool(pool.Pool)
			return db, func() { _ = db.Close() } // leaves the pool open
		},
		fresh:  func(tell func(context.Context, Tx)) { pool.fresh.Store(&tell) },
		ailing: pool.pages.told,
		teach:  func(ctx context.Context) { pool.used.spread(ctx, pool.Pool) },
		close:  func() error { pool.Close(); return nil },
	}
	d.clock = newClock(cfg.Wall, func(ctx context.Context) (time.Time, error) { return databaseTime(ctx, d.direct) })
	d.now, d.lease, d.leaseSQL = d.clock.now, d.clock.sample, readTime
	d.listen = func(ctx context.Context, self string, heard func(Tail)) error {
		return listen(ctx, pc.ConnConfig, self, noNotice, heard)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("storage: %w", err)
	}
	return d, nil
}

// oneMoment is a transaction in which all reads see the database as of its first one.
var oneMoment = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func (c Config) dsn() (string, error) {
	if c.DSN != "" {
		return c.DSN, nil
	}
	b, err := os.ReadFile(c.DSNFile)
	if err != nil {
		return "", fmt.Errorf("storage.dsn_file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

const readTime = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// databaseTime reads the time of the database, the only clock that all replicas share.
func databaseTime(ctx context.Context, tx Tx) (time.Time, error) {
	var n int64
	err := tx.QueryRow(ctx, readTime).Scan(&n)
	if err != nil {
		return time.Time{}, fmt.Errorf("clock of the database: %w", err)
	}
	return fromMicros(n), nil
}

// lostOrUnsent: the transaction lost a conflict (40001) or a deadlock (40P01), it met a statement that was outdated, or
// nothing of it was sent because the pool's connection was dead.
func lostOrUnsent(err error) bool {
	return pgCode("40001", "40P01")(err) || outdated(err) || pgconn.SafeToRetry(err)
}

func pgCode(codes ...string) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*pgconn.PgError](err)
		if !ok {
			return false
		}
		for _, c := range codes {
			if e.Code == c {
				return true
			}
		}
		return false
	}
}
