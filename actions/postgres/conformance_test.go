package postgres_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const canary = "canary-6f1d-password"

// withCanary puts a password into every address; the servers of the lab do not ask for it.
func withCanary(c *postgres.Cluster) {
	put := func(a *postgres.Address) {
		for _, role := range []string{lab.Pointsman, lab.Superuser} {
			a.DSN = strings.Replace(a.DSN, "//"+role+"@", "//"+role+":"+canary+"@", 1)
		}
	}
	for i := range c.Nodes {
		put(&c.Nodes[i].Address)
	}
	put(&c.Clients.Address)
	for i := range c.Poolers {
		put(&c.Poolers[i].Console)
		put(&c.Poolers[i].Clients)
	}
}

// broken are clusters whose addresses fail in all ways that have a text.
func broken(t *testing.T, kind string) []actions.Action {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	talkative, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { talkative.Close() })
	go func() {
		for {
			conn, err := talkative.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 mail.example ready\r\n")
			conn.Close()
		}
	}()
	file := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(file, []byte("postgres://u:"+canary+"@h:port/db?sslmode=never"), 0o600); err != nil {
		t.Fatal(err)
	}
	addresses := []postgres.Address{
		{DSN: "postgres://pointsman:" + canary + "@" + silent.Addr().String() + "/app?sslmode=disable"},
		{DSN: "postgres://pointsman:" + canary + "@" + talkative.Addr().String() + "/app?sslmode=disable"},
		{DSN: "postgres://pointsman:" + canary + "@no-such-host.invalid/app"},
		{DSNFile: file},
		{DSNFile: file + "-missing"},
	}
	var fence postgres.Fence
	if kind == "postgres.fence" { // with no hook, silence is what one more approver accepts
		fence.Command = []string{"/nowhere/stop", "{node}"}
	} else { // nobody listens: to a fence that is an answer, and the one that it wants
		addresses = append(addresses, postgres.Address{DSN: "postgres://pointsman:" + canary + "@127.0.0.1:1/app?sslmode=disable"})
	}
	var out []actions.Action
	for _, a := range addresses {
		w := world{Clusters: postgres.New(postgres.Config{{
			Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: a}, {Name: "pg-2", Address: a}}, Clients: postgres.Clients{Address: a},
			Poolers:     []postgres.Pooler{{Name: "pgb-1", Database: "app", Console: a, Clients: a, Ini: file}},
			ReadTimeout: 300_000_000, Fence: fence,
		}}, nil)}
		out = append(out, w.kind(t, kind))
	}
	return out
}

// picture is all that the kinds could change: roles, pauses, closed databases and rows.
func (w *world) picture(ctx context.Context) (string, error) {
	var b strings.Builder
	for _, n := range w.pair.Nodes() {
		if !n.Running() {
			fmt.Fprintln(&b, n.Name, "down")
			continue
		}
		conn, err := pgx.Connect(ctx, n.SuperuserDSN())
		if err != nil {
			return "", err
		}
		var role, paused bool
		var open, rows string
		err = conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
			(SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datallowconn),
			coalesce((SELECT string_agg(id || ' ' || token, ',' ORDER BY id) FROM pointsman_heartbeat WHERE id > 1), '')`).
			Scan(&role, &paused, &open, &rows)
		if err != nil {
			return "", err
		}
		if err := conn.Close(ctx); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, n.Name, role, paused, open, rows)
	}
	return b.String(), nil
}

func (w *world) suite(t *testing.T, kind, with string) actiontest.Suite {
	return actiontest.Suite{
		Action: w.kind(t, kind), In: input(with), World: w.picture, Secrets: []string{canary, token}, Failing: broken(t, kind),
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()

	t.Run("failover_in_order", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, withCanary).sampled(t)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		t.Run("postgres.check", func(t *testing.T) {
			s := w.suite(t, "postgres.check", checkArgs)
			s.OnlyLooks = true
			actiontest.Run(t, s)
		})
		w.step(t, "postgres.fence", fenceArgs)
		for _, kind := range []string{"postgres.promote", "postgres.verify"} {
			t.Run(kind, func(t *testing.T) { actiontest.Run(t, w.suite(t, kind, promoteArgs)) })
		}
	})

	t.Run("postgres.fence", func(t *testing.T) { // of a primary that works: a dead one is fenced before anybody does it
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, asSuperuser, withCanary, func(c *postgres.Cluster) { c.Fence.Command = nil })
		actiontest.Run(t, w.suite(t, "postgres.fence", `{"cluster":"orders","node":"pg-1","living":true}`))
	})

	t.Run("postgres.lag", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, withCanary)
		s := w.suite(t, "postgres.lag", `{"cluster":"orders"}`)
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_wal_replay_pause()"); err != nil {
			t.Fatal(err)
		}
		actiontest.Run(t, s)
	})
}
