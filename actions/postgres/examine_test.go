package postgres_test

import (
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/cmd/lab"
)

// everything is used: each right that some kind needs is asked for.
var everything = map[string]string{
	"postgres.checkpoint": "a-runbook", "postgres.rejoin": "a-runbook", "postgres.terminate": "a-runbook", "postgres.lag": "a-runbook",
	"postgres.switchover": "a-runbook",
}

// faults are the lines that are not well after a change of the configuration.
func (w *world) faults(t *testing.T, change func(*postgres.Cluster)) string {
	t.Helper()
	cluster := w.cluster
	cluster.Nodes, cluster.Probes, cluster.Poolers = slices.Clone(cluster.Nodes), slices.Clone(cluster.Probes), slices.Clone(cluster.Poolers)
	change(&cluster)
	var out []string
	for _, f := range postgres.New(postgres.Config{cluster}, nil).Examine(t.Context(), everything) {
		if f.Result == pointsman.Pass {
			continue
		}
		if f.Text == "" || f.Clears == "" {
			t.Errorf("%+v does not say what is wrong, or what would clear it", f)
		}
		out = append(out, string(f.Kind)+" "+f.Name+": "+f.Text+"; "+f.Clears)
	}
	return strings.Join(out, "\n")
}

// What the doctor does not find in the afternoon, a failover finds at night, as "permission denied".
func TestExamine(t *testing.T) {
	t.Parallel()
	w, pooler := pooled(t, func(c *postgres.Cluster) { secureProbe(t, c) })
	if got := w.faults(t, func(*postgres.Cluster) {}); got != "" {
		t.Errorf("a cluster that is ready:\n%s", got)
	}
	// A role that may look at the pooler and not act, and one that may do nothing on the servers.
	if err := w.pair.Primary.Exec(t.Context(), "CREATE ROLE bare LOGIN"); err != nil {
		t.Fatal(err)
	}
	far, unrelated := otherProbes(t, w), stranger(t)
	hook, _, err := w.pair.NodeHook("../../docs/hooks/postgres-node.sh")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.faults(t, func(c *postgres.Cluster) { c.NodeHook = postgres.NodeHook{Command: hook, Timeout: time.Minute} }); got != "" {
		t.Errorf("a cluster whose node hook is ready:\n%s", got)
	}
	says := func(text string) func(c *postgres.Cluster) {
		return func(c *postgres.Cluster) {
			c.NodeHook = postgres.NodeHook{Command: []string{"sh", "-c", text, "hook", "{node}"}, Timeout: time.Minute}
		}
	}
	nowhere := postgres.Address{DSN: "postgres://pointsman@127.0.0.1:1/app"}
	for _, c := range []struct {
		name   string
		change func(*postgres.Cluster)
		want   []string
	}{
		{"a role without rights", func(c *postgres.Cluster) { c.Nodes[0].DSN = w.pair.Primary.DSN("bare", lab.AppDatabase) }, []string{
			"GRANT pg_monitor TO bare", "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO bare", "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO bare",
			"GRANT SELECT, INSERT, UPDATE ON public.pointsman_heartbeat TO bare", "WARN postgres/orders pg-1 role may checkpoint", "GRANT pg_checkpoint TO bare",
			"postgres.terminate, which the runbook a-runbook uses", "GRANT pg_signal_backend TO bare", "GRANT EXECUTE ON FUNCTION pg_wal_replay_resume() TO bare",
		}},
		{"a superuser", func(c *postgres.Cluster) { c.Nodes[0].DSN = w.pair.Primary.SuperuserDSN() }, []string{"WARN postgres/orders pg-1 role is no superuser"}},
		{"a rung that the role cannot climb", func(c *postgres.Cluster) { c.Fence.Ladder = []string{"stop", "revoke"} }, []string{
			"pg-1 role may close databases: fence.ladder names revoke, and the role does not own all databases; GRANT the owner of each database TO pointsman",
		}},
		{"swapped addresses", func(c *postgres.Cluster) { c.Nodes[0].DSN, c.Nodes[1].DSN = c.Nodes[1].DSN, c.Nodes[0].DSN }, []string{
			`cluster_name is "pg-2", the configuration means "pg-1"`, `cluster_name is "pg-1", the configuration means "pg-2"`,
		}},
		{"nobody there", func(c *postgres.Cluster) { c.Nodes[1].Address = nowhere }, []string{"HARD postgres/orders pg-2 answers: 127.0.0.1:1: connection refused"}},
		{"a node of another cluster", func(c *postgres.Cluster) { c.Nodes[1].DSN = unrelated.PointsmanDSN() }, []string{
			"HARD postgres/orders one database: the nodes' system identifiers are pg-1 ", "one primary: pg-1 and pg-2 both take writes",
		}},
		{"no heartbeat table", func(c *postgres.Cluster) { c.HeartbeatTable = "elsewhere" }, []string{"CREATE TABLE public.elsewhere", "clients leads to the primary: the role pointsman may not write public.elsewhere"}},
		{"no fence", func(c *postgres.Cluster) { c.Fence.Command = nil }, []string{"no stop hook is configured"}},
		{"a node hook of before", says("echo timeline=1; echo checkpoint_lsn=0/1; echo fork_lsn=0/0; echo last_lsn=0/0"), []string{
			"HARD postgres/orders pg-1 node hook: the node hook of pg-1 is an older one, of contract 1", "postgres/orders pg-2 node hook: ", "copy the newest postgres-node.sh to pg-2",
		}},
		{"a node hook that is not there", says("echo no such host >&2; exit 255"), []string{
			"HARD postgres/orders pg-2 node hook: the hook's step inspect for pg-2 failed with exit code 255 (no such host); the runbook a-runbook needs it; run it as the server's user",
		}},
		{"a node hook with another data folder", says(`echo contract=2; echo timeline=1; echo checkpoint_lsn=0/1; echo fork_lsn=0/0; echo last_lsn=0/0; echo system_identifier=7; test "$1" = pg-1`), []string{
			"HARD postgres/orders pg-1 node hook: the hook's data folder for pg-1 is of the database 7, and the node is of ",
		}},
		{"clients that reach nobody", func(c *postgres.Cluster) { c.Clients.Address = nowhere }, []string{"HARD postgres/orders clients leads to the primary: it cannot be connected to: 127.0.0.1:1: connection refused"}},
		{"clients with the wrong role", func(c *postgres.Cluster) { c.Clients.DSN = w.pair.ClientDSN("nobody") }, []string{"clients leads to the primary: it cannot be connected to: 127.0.0.1:", `: role "nobody" does not exist (SQLSTATE 28000)`}},
		{"clients that stay with a host that hangs", func(c *postgres.Cluster) {
			c.Clients.DSN = strings.Replace(w.pair.ClientDSN(lab.Pointsman), "connect_timeout=5&", "", 1)
		}, []string{"WARN postgres/orders clients goes on to the next host: its DSN names 2 hosts and no connect_timeout", "add connect_timeout=2 to it"}},
		{"clients without rights", func(c *postgres.Cluster) { c.Clients.DSN = w.pair.ClientDSN("bare") }, []string{"the role bare may not write public.pointsman_heartbeat there", "TO bare, in the database of its DSN"}},
		{"clients that are led to a standby", func(c *postgres.Cluster) {
			c.Clients.More = []postgres.Address{{DSN: w.pair.Standby.PointsmanDSN()}}
		}, []string{"HARD postgres/orders clients.more[0] leads to the primary: it leads to a standby"}},
		{"clients of another database", func(c *postgres.Cluster) { c.Clients.DSN = unrelated.PointsmanDSN() }, []string{"clients leads to the primary: it leads to another database: system identifier "}},
		{"a probe that is not there", func(c *postgres.Cluster) { c.Probes[0].URL = "https://127.0.0.1:1" }, []string{"HARD postgres/orders probe probe-b answers: the probe does not answer: "}},
		{"a probe with another token", func(c *postgres.Cluster) { c.Probes[0].Token = "another" }, []string{"probe probe-b answers: it refuses our token; put the same token"}},
		{"a probe whose authority nobody knows", func(c *postgres.Cluster) { c.Probes[0].CAFile = "" }, []string{"probe probe-b answers: the probe does not answer: tls: failed to verify certificate"}},
		{"an authority file that is gone", func(c *postgres.Cluster) { c.Probes[0].CAFile = "/nonexistent/ca.pem" }, []string{"probe probe-b answers: the probe does not answer: ca_file: open /nonexistent/ca.pem"}},
		{"a probe that has no such node", func(c *postgres.Cluster) {
			c.Probes[0].URL, c.Probes[0].CAFile, c.Nodes[1].Name, c.Nodes[1].ClusterName = far.seeing, "", "pg-two", "pg-2"
		}, []string{"probe probe-b knows pg-two: no such node is configured there"}},
		{"a probe that is blind", func(c *postgres.Cluster) { c.Probes[0].URL, c.Probes[0].CAFile = far.blind, "" }, []string{
			"probe probe-b sees pg-1: from there pg-1 refuses connections (connection refused), while we reach it: in a failover the probe would count as one that sees it gone",
		}},
		{"a pooler that is not there", func(c *postgres.Cluster) { c.Poolers[0].Console, c.Poolers[0].Clients = nowhere, nowhere }, []string{
			"HARD postgres/orders pooler pgb-1 console: 127.0.0.1:1: connection refused", "pooler pgb-1 clients leads to the primary: it cannot be connected to",
		}},
		{"a pooler's user who may only look", func(c *postgres.Cluster) { c.Poolers[0].Console.DSN = pooler.DSN(lab.App, "pgbouncer") }, []string{
			"pooler pgb-1 console: app may PAUSE, RELOAD and RESUME the database app: false; add app to admin_users",
		}},
		{"a pooler's user whom it does not let in", func(c *postgres.Cluster) { c.Poolers[0].Console.DSN = pooler.DSN(lab.Superuser, "pgbouncer") }, []string{"pooler pgb-1 console: 127.0.0.1:", ": not allowed"}},
		{"a database that the pooler has not", func(c *postgres.Cluster) { c.Poolers[0].Database = "shop" }, []string{
			"pooler pgb-1 ini: its file cannot be used: there is no entry shop in [databases]", "pooler pgb-1 console: 127.0.0.1:", ": it has no database shop",
		}},
		{"a pooler's file that is not there", func(c *postgres.Cluster) { c.Poolers[0].Ini = "/nonexistent/pgbouncer.ini" }, []string{"pooler pgb-1 ini: its file cannot be used: open /nonexistent/pgbouncer.ini"}},
		{"a place that the pooler does not know", func(c *postgres.Cluster) { c.Nodes[0].Advertised = "127.0.0.1:1" }, []string{
			"WARN postgres/orders pooler pgb-1 ini: ", "set advertised of the node", "WARN postgres/orders pg-1 advertised: 127.0.0.1:1 cannot be reached from here",
		}},
	} {
		got := w.faults(t, c.change)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not said in:\n%s", c.name, want, got)
			}
		}
	}
}

// secureProbe puts the probe behind TLS with an authority of its own.
func secureProbe(t *testing.T, c *postgres.Cluster) {
	t.Helper()
	server := httptest.NewUnstartedServer(probe.Handler(postgres.New(postgres.Config{*c}, nil), func() (string, error) { return token, nil }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Probes[0].URL, c.Probes[0].CAFile = server.URL, file
}

type elsewhere struct{ seeing, blind string }

// otherProbes are one that knows the nodes by their own names, and one whose own way to them is cut off.
func otherProbes(t *testing.T, w *world) elsewhere {
	t.Helper()
	serve := func(change func(*postgres.Cluster)) string {
		cluster := w.cluster
		cluster.Nodes = slices.Clone(cluster.Nodes)
		change(&cluster)
		server := httptest.NewServer(probe.Handler(postgres.New(postgres.Config{cluster}, nil), func() (string, error) { return token, nil }))
		t.Cleanup(server.Close)
		return server.URL
	}
	return elsewhere{
		seeing: serve(func(*postgres.Cluster) {}),
		blind:  serve(func(c *postgres.Cluster) { c.Nodes[0].DSN = "postgres://pointsman@127.0.0.1:1/app" }),
	}
}

// stranger is a server of another database.
func stranger(t *testing.T) *lab.Postgres {
	t.Helper()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "other", InMemory: true, OwnIdentity: true})
	return server
}
