package postgres_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// What the doctor does not find in the afternoon, a failover finds at night, as "permission denied".
func TestExamine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	faults := func(change func(*postgres.Cluster)) string {
		t.Helper()
		cluster := w.cluster
		cluster.Nodes = append([]postgres.Node(nil), cluster.Nodes...)
		change(&cluster)
		var out []string
		for _, f := range postgres.New(postgres.Config{cluster}, nil).Examine(t.Context()) {
			if f.Result != pointsman.Pass {
				out = append(out, string(f.Kind)+" "+f.Name+": "+f.Text+"; "+f.Clears)
			}
		}
		return strings.Join(out, "\n")
	}
	if got := faults(func(c *postgres.Cluster) { c.Fence.Command = []string{"true"} }); got != "" {
		t.Errorf("a cluster that is ready:\n%s", got)
	}
	if err := w.pair.Primary.Exec(t.Context(), "CREATE ROLE bare LOGIN"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*postgres.Cluster)
		want   []string
	}{
		{"a role without rights", func(c *postgres.Cluster) { c.Nodes[0].DSN = w.pair.Primary.DSN("bare", lab.AppDatabase) }, []string{
			"GRANT pg_monitor TO bare", "GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO bare", "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO bare",
			"GRANT SELECT, INSERT, UPDATE ON pointsman_heartbeat TO bare",
		}},
		{"a superuser", func(c *postgres.Cluster) { c.Nodes[0].DSN = w.pair.Primary.SuperuserDSN() }, []string{"WARN postgres/orders pg-1 role is no superuser"}},
		{"swapped addresses", func(c *postgres.Cluster) { c.Nodes[0].DSN, c.Nodes[1].DSN = c.Nodes[1].DSN, c.Nodes[0].DSN }, []string{
			`cluster_name is "pg-2", the configuration means "pg-1"`, `cluster_name is "pg-1", the configuration means "pg-2"`,
		}},
		{"nobody there", func(c *postgres.Cluster) { c.Nodes[1].DSN = "postgres://pointsman@127.0.0.1:1/app" }, []string{"HARD postgres/orders pg-2 answers: connection refused"}},
		{"no heartbeat table", func(c *postgres.Cluster) { c.HeartbeatTable = "elsewhere" }, []string{"CREATE TABLE elsewhere"}},
		{"no fence", func(c *postgres.Cluster) { c.Fence.Command = nil }, []string{"no stop hook is configured"}},
		{"a fence that is not installed", func(c *postgres.Cluster) { c.Fence.Command = []string{"/nonexistent/stop"} }, []string{"HARD postgres/orders fence: exec: \"/nonexistent/stop\""}},
	} {
		got := faults(c.change)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not said in:\n%s", c.name, want, got)
			}
		}
	}
}
