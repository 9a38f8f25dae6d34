package postgres_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// traps are what a database user who may create in public leaves there: they fit our statements better than the system's own
// functions and operators, and would run as Pointsman's role, on standbys too.
const traps = `
	CREATE FUNCTION public.pg_has_role(text, text) RETURNS boolean LANGUAGE plpgsql AS
		$$ BEGIN RAISE LOG 'hijacked: pg_has_role as %', current_user; RETURN pg_catalog.pg_has_role($1::name, $2); END $$;
	CREATE FUNCTION public.times(numeric, int) RETURNS numeric LANGUAGE plpgsql AS
		$$ BEGIN RAISE LOG 'hijacked: numeric * int as %', current_user; RETURN $1 OPERATOR(pg_catalog.*) $2::numeric; END $$;
	CREATE OPERATOR public.* (LEFTARG = numeric, RIGHTARG = int, FUNCTION = public.times);
	CREATE FUNCTION public.gather(text[], text) RETURNS text[] LANGUAGE plpgsql AS
		$$ BEGIN RAISE LOG 'hijacked: array_agg as %', current_user; RETURN array_append($1, $2); END $$;
	CREATE AGGREGATE public.array_agg(text) (SFUNC = public.gather, STYPE = text[], INITCOND = '{}');`

// hijacked counts the traps that were trodden on.
func hijacked(t *testing.T, servers ...*lab.Postgres) int {
	t.Helper()
	n := 0
	for _, server := range servers {
		text, err := server.Log()
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(text, "LOG:  hijacked")
	}
	return n
}

// See CVE-2018-1058.
func TestHostileFunctionsInPublicAreNeverCalled(t *testing.T) {
	t.Parallel()
	w, _ := pooled(t)
	w.sampled(t)
	if err := w.pair.Primary.Exec(t.Context(), traps); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT to_regprocedure('public.gather(text[],text)') IS NOT NULL")
	for _, n := range w.pair.Nodes() { // with the usual search_path they catch
		conn := session(t, n.PointsmanDSN(), "anybody")
		if _, err := conn.Exec(t.Context(), "SELECT pg_has_role('pg_monitor', 'USAGE'), array_agg('a'::text), 1.5 * 2"); err != nil {
			t.Fatal(err)
		}
	}
	caught := hijacked(t, w.pair.Nodes()...)
	if caught != 6 {
		t.Fatalf("%d traps catch, want 6", caught)
	}
	if got := w.faults(t, func(*postgres.Cluster) {}); got != "" {
		t.Errorf("the doctor says:\n%s", got)
	}
	w.check(t, "postgres.terminate", `{"cluster":"orders","node":"pg-1","user":"app"}`)
	w.check(t, "postgres.switchover", `{"cluster":"orders"}`)
	w.step(t, "postgres.lag", `{"cluster":"orders"}`)
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	mustStand(t, w.check(t, "postgres.check", checkArgs))
	w.step(t, "postgres.fence", fenceArgs)
	w.step(t, "postgres.promote", promoteArgs)
	w.step(t, "pgbouncer.repoint", `{"cluster":"orders","to":"pg-2"}`)
	w.step(t, "postgres.verify", `{"cluster":"orders","candidate":"pg-2"}`)
	w.step(t, "postgres.checkpoint", `{"cluster":"orders","node":"pg-2"}`)
	if n := hijacked(t, w.pair.Nodes()...) - caught; n != 0 {
		text, _ := w.pair.Standby.Log()
		t.Errorf("a stranger's functions ran %d times as Pointsman's role:\n%s", n, text)
	}
}

// greetings is a way to a server that keeps what each connection says first.
type greetings struct {
	addr string

	mu   sync.Mutex
	said []string
}

func greet(t *testing.T, to *lab.Postgres) *greetings {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &greetings{addr: listener.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to.Addr())
			if err != nil {
				near.Close()
				continue
			}
			end := sync.OnceFunc(func() { near.Close(); far.Close() })
			stop := context.AfterFunc(t.Context(), end)
			wg.Go(func() { g.carry(far, near); end(); stop() })
			wg.Go(func() { _, _ = io.Copy(near, far); end() })
		}
	})
	t.Cleanup(func() { listener.Close(); wg.Wait() })
	return g
}

func (g *greetings) carry(far io.Writer, near io.Reader) {
	first := make([]byte, 4<<10)
	n, err := near.Read(first) // the driver writes its startup message in one piece
	if err != nil {
		return
	}
	g.mu.Lock()
	g.said = append(g.said, string(first[:n]))
	g.mu.Unlock()
	if _, err := far.Write(first[:n]); err == nil {
		_, _ = io.Copy(far, near)
	}
}

func TestEveryConnectionToANodeSetsTheSearchPath(t *testing.T) {
	t.Parallel()
	w := owned(t)
	var ways []*greetings
	for i, n := range w.pair.Nodes() {
		g := greet(t, n)
		ways = append(ways, g)
		w.cluster.Nodes[i].DSN = strings.Replace(w.cluster.Nodes[i].DSN, n.Addr(), g.addr, 1) + "&search_path=public"
	}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	w.sampled(t)
	w.faults(t, func(*postgres.Cluster) {})
	w.check(t, "postgres.switchover", `{"cluster":"orders"}`)
	w.step(t, "postgres.terminate", `{"cluster":"orders","node":"pg-1","user":"nobody"}`)
	out, _ := w.step(t, "postgres.fence", revokeArgs) // over the database postgres
	if _, err := undo(t, w, "postgres.fence", revokeArgs, out.Memo); err != nil {
		t.Error(err)
	}
	for i, g := range ways {
		g.mu.Lock()
		if len(g.said) == 0 {
			t.Errorf("nobody asked node %d", i)
		}
		for _, first := range g.said {
			if !strings.Contains(first, "user\x00") { // it asks to cancel a statement
				continue
			}
			if !strings.Contains(first, "search_path\x00pg_catalog\x00") {
				t.Errorf("a connection begins with %q", first)
			}
		}
		g.mu.Unlock()
	}
}

// A pooler gives a server's connection to one client after the other: what we set must end with our transaction.
func TestClientsPathLeavesNoSearchPathToOthers(t *testing.T) {
	t.Parallel()
	var pooler *lab.PgBouncer
	w := newWorldOf(t, lab.PairOptions{}, func(pair *lab.Pair) {
		pooler = lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: pair.Primary, Settings: map[string]string{"default_pool_size": "1"}})
	}, func(c *postgres.Cluster) { c.Clients.DSN = pooler.DSN(lab.Pointsman, lab.AppDatabase) })
	if got := w.faults(t, func(*postgres.Cluster) {}); got != "" {
		t.Errorf("clients behind a pooler:\n%s", got)
	}
	conn := session(t, pooler.DSN(lab.Pointsman, lab.AppDatabase), "shop")
	var path string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('search_path')").Scan(&path); err != nil || path != `"$user", public` {
		t.Errorf("search_path of the next client %q, error %v", path, err)
	}
	got := w.faults(t, func(c *postgres.Cluster) { c.Nodes[0].DSN = c.Clients.DSN })
	if want := "a pooler answers, where a node's DSN must lead to the server itself"; !strings.Contains(got, want) {
		t.Errorf("a node behind a pooler: want %q in\n%s", want, got)
	}
}

// Whoever opens a connection in another place has to think of the search_path, too.
func TestConnectionsAreOpenedInKnownPlaces(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if n := strings.Count(string(text), "pgx.Connect") + strings.Count(string(text), "pgconn.Connect"); n > 0 {
			got[filepath.ToSlash(path)] = n
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"../postgres/address.go":    2, // a node by its startup, clients' addresses by transaction
		"../postgres/pooler.go":     1, // PgBouncer's console, which is no PostgreSQL
		"../postgres/path.go":       1, // by transaction, as clients do
		"../patroni/clients.go":     2, // by transaction
		"../postgres/dsn/beside.go": 2, // for kill switches, whose statements name the schema of everything, and for what reads back by transaction
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(fmt.Sprint("connections are opened in (-want +got):\n", diff))
	}
}
