package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const switchArgs = `{"cluster":"orders"}`

// switchable is a world with a pooler in front and hands on every machine.
func switchable(t testing.TB, options lab.PairOptions, change ...func(*postgres.Cluster)) (*world, *lab.PgBouncer) {
	t.Helper()
	var pooler *lab.PgBouncer
	w := newWorldOf(t, options, func(pair *lab.Pair) {
		pooler = lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: pair.Primary})
	}, append([]func(*postgres.Cluster){func(c *postgres.Cluster) {
		c.Poolers = []postgres.Pooler{{
			Name: "pgb-1", Ini: pooler.Ini(), Console: postgres.Address{DSN: pooler.ConsoleDSN()},
			Clients: postgres.Address{DSN: pooler.DSN(lab.Pointsman, lab.AppDatabase)},
		}}
		c.Clients.Address = c.Poolers[0].Clients
	}}, change...)...)
	argv, _, err := w.pair.NodeHook(nodeScript)
	if err != nil {
		t.Fatal(err)
	}
	w.cluster.NodeHook.Command = argv
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	return w, pooler
}

// planned is the input as the engine makes it: what the check chose is pinned.
func (w *world) planned(t testing.TB, kind, with string) actions.Input {
	t.Helper()
	ev := w.check(t, kind, with)
	mustStand(t, ev)
	in := input(with)
	in.Pins, in.Bounds = ev.Pins, ev.Bounds
	return in
}

// traffic are clients that insert rows through the pooler, one after the other, and count what was acknowledged.
type traffic struct {
	acked  atomic.Int64
	errors atomic.Int64
	fault  atomic.Value
	wait   atomic.Int64 // the longest, in microseconds, since it was last taken
	stop   func()

	mu  sync.Mutex
	ids []int64 // of the rows that were acknowledged
}

func startTraffic(t testing.TB, dsn string, clients int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	c := &traffic{}
	for range clients {
		cfg, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close(context.Background())
			tick := time.NewTicker(5 * time.Millisecond) // as pgbench --rate: a client that thinks
			defer tick.Stop()
			for ctx.Err() == nil {
				began := time.Now()
				var id int64
				err := conn.QueryRow(context.WithoutCancel(ctx), "INSERT INTO work DEFAULT VALUES RETURNING id").Scan(&id)
				took := time.Since(began).Microseconds()
				for old := c.wait.Load(); took > old && !c.wait.CompareAndSwap(old, took); old = c.wait.Load() {
				}
				if err != nil {
					c.errors.Add(1)
					c.fault.Store(err.Error())
					return
				}
				c.acked.Add(1)
				c.mu.Lock()
				c.ids = append(c.ids, id)
				c.mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	var once sync.Once
	c.stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(c.stop)
	return c
}

// goOn waits until so many more were acknowledged.
func (c *traffic) goOn(t testing.TB, more int64) {
	t.Helper()
	before := c.acked.Load()
	await(t, func(context.Context) error {
		if n := c.acked.Load() - before; n < more {
			return fmt.Errorf("%d writes since", n)
		}
		return nil
	})
}

// has: the server has every row that was acknowledged. The clients must have stopped.
func (c *traffic) has(t testing.TB, server *lab.Postgres) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.SuperuserDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var lost []int64
	if err := conn.QueryRow(t.Context(), "SELECT array_agg(id) FROM unnest($1::bigint[]) AS id WHERE id NOT IN (SELECT id FROM work)", c.ids).Scan(&lost); err != nil {
		t.Fatal(err)
	}
	if len(lost) > 0 || len(c.ids) == 0 {
		t.Errorf("%s lost %d of %d rows that were acknowledged: %v", server.Name, len(lost), len(c.ids), lost)
	}
}

func (w *world) workTable(t testing.TB) {
	t.Helper()
	if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE work (id bigserial); ALTER TABLE work OWNER TO app; ALTER SEQUENCE work_id_seq OWNER TO app"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT to_regclass('work') IS NOT NULL")
}

// hookFails puts a script in front of the hook that does something else at one step.
func (w *world) hookFails(t *testing.T, step, instead string) {
	t.Helper()
	path := script(t, `real=`+w.cluster.NodeHook.Command[0]+`
		if [ "$POINTSMAN_STEP" = `+step+` ]; then `+instead+`; fi
		exec "$real" "$@"`)
	w.cluster.NodeHook.Command = append([]string{path}, w.cluster.NodeHook.Command[1:]...)
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
}

// poolerAndRoles is "pg-1 RECOVERY pg-2 RECOVERY paused N to PORT".
func (w *world) poolerAndRoles(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, n := range w.pair.Nodes() {
		role := "down"
		if conn, err := pgx.Connect(t.Context(), n.SuperuserDSN()); err == nil {
			var recovery bool
			if err := conn.QueryRow(t.Context(), "SELECT pg_is_in_recovery()").Scan(&recovery); err != nil {
				t.Fatal(err)
			}
			role = fmt.Sprint(recovery)
			conn.Close(t.Context())
		}
		fmt.Fprintf(&b, "%s %s ", n.Name, role)
	}
	conn, err := pgx.Connect(t.Context(), w.cluster.Poolers[0].Console.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SHOW DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all {
		if row["name"] == lab.AppDatabase {
			fmt.Fprintf(&b, "paused %v to %v", row["paused"], row["port"])
		}
	}
	return b.String()
}

func countRows(t testing.TB, server *lab.Postgres, question string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.SuperuserDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), question).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
