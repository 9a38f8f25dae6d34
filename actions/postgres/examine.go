package postgres

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
)

// clockLimit is how far a server's clock may be from ours before ages and loss figures in seconds mislead.
const clockLimit = 2 * time.Second

// Examine looks, before anything burns, whether a failover of every configured cluster could be carried out: each node
// answers and is the one that is meant, our role there may do what the steps do and no more, clocks agree, hooks exist.
// It changes nothing.
func (c *Clusters) Examine(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	for _, name := range c.names {
		cluster := c.byName[name]
		for _, n := range cluster.Nodes {
			out = append(out, n.examine(ctx, cluster)...)
		}
		out = append(out, cluster.hooks()...)
	}
	return out
}

// Addresses lists host:port of every node by the target's key, for whoever must know what lives there.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, cluster := range c {
		key := pointsman.Target{Kind: "postgres", Name: cluster.Name}.Key()
		for _, n := range cluster.Nodes {
			if addr := n.addr(); addr != "" {
				out[key] = append(out[key], addr)
			}
		}
	}
	return out
}

// rights are what the role of our connections may do on a server.
type rights struct {
	role                            string
	super, monitor, promote, reload bool
	recovery, hasTable, writesTable bool
	clusterName                     string
	at                              time.Time
}

// rightsSQL asks without changing anything. The pooler between would not matter: it is one statement.
const rightsSQL = `SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
	pg_has_role('pg_monitor', 'MEMBER'),
	has_function_privilege('pg_promote(boolean,integer)', 'EXECUTE'), has_function_privilege('pg_reload_conf()', 'EXECUTE'),
	pg_is_in_recovery(), to_regclass($1) IS NOT NULL, current_setting('cluster_name'), clock_timestamp()`

func (n Node) examine(ctx context.Context, cluster Cluster) []pointsman.Fact {
	ctx, cancel := context.WithTimeout(ctx, cluster.ReadTimeout)
	defer cancel()
	e := examination{cluster: cluster.Name, node: n.Name, at: time.Now()}
	conn, err := n.connect(ctx, "")
	if err != nil {
		e.say(pointsman.Hard, "answers", false, err.Error(), "start the server, or correct its DSN, pg_hba.conf and password")
		return e.facts
	}
	defer discard(conn)
	asked := time.Now()
	r, err := askRights(ctx, conn, cluster.HeartbeatTable)
	if err != nil {
		e.say(pointsman.Hard, "answers", false, scrubbed(err, nil).Error(), "the role must be able to run a SELECT in its database")
		return e.facts
	}
	mid := asked.Add(time.Since(asked) / 2) // the server's answer lies somewhere between question and now
	e.judge(n, cluster, r, r.at.Sub(mid))
	return e.facts
}

func askRights(ctx context.Context, conn *pgx.Conn, table string) (r rights, err error) {
	err = conn.QueryRow(ctx, rightsSQL, table).Scan(&r.role, &r.super, &r.monitor, &r.promote, &r.reload, &r.recovery, &r.hasTable, &r.clusterName, &r.at)
	if err == nil && r.hasTable {
		err = conn.QueryRow(ctx, `SELECT has_table_privilege($1, 'SELECT') AND has_table_privilege($1, 'INSERT') AND has_table_privilege($1, 'UPDATE')`, table).Scan(&r.writesTable)
	}
	return r, err
}

// examination collects what was found on one node.
type examination struct {
	cluster, node string
	at            time.Time
	facts         []pointsman.Fact
}

func (e *examination) say(kind pointsman.GuardKind, what string, ok bool, text, clears string) {
	f := pointsman.Fact{
		Kind: kind, Name: strings.Join(strings.Fields("postgres/"+e.cluster+" "+e.node+" "+what), " "), Value: "yes", Result: pointsman.Pass,
		Text: text, Source: e.node, At: e.at,
	}
	if !ok {
		f.Value, f.Result, f.Clears = "no", pointsman.Fail, clears
	}
	e.facts = append(e.facts, f)
}

func (e *examination) judge(n Node, cluster Cluster, r rights, offset time.Duration) {
	place := "primary"
	if r.recovery {
		place = "standby"
	}
	e.say(pointsman.Hard, "answers", true, fmt.Sprintf("%s answers as %s to the role %s", n.Name, place, r.role), "")
	want := n.ClusterName
	if want == "" {
		want = n.Name
	}
	e.say(pointsman.Warn, "says its name", r.clusterName == want, fmt.Sprintf("cluster_name is %q, the configuration means %q", r.clusterName, want),
		"set cluster_name = '"+want+"' in postgresql.conf, so that a swapped address is noticed before it is promoted")
	e.say(pointsman.Warn, "role is no superuser", !r.super, fmt.Sprintf("the role %s is superuser: %t", r.role, r.super),
		"make a role with pg_monitor and the two rights below; see docs/actions/postgres.promote.md")
	e.say(pointsman.Hard, "role may look", r.monitor, "the role is a member of pg_monitor: "+fmt.Sprint(r.monitor), "GRANT pg_monitor TO "+r.role)
	e.say(pointsman.Hard, "role may promote", r.promote, "EXECUTE on pg_promote: "+fmt.Sprint(r.promote),
		"GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO "+r.role+", in the database of the DSN")
	e.say(pointsman.Hard, "role may reload", r.reload, "EXECUTE on pg_reload_conf: "+fmt.Sprint(r.reload),
		"GRANT EXECUTE ON FUNCTION pg_reload_conf() TO "+r.role+", or one promotion in six stalls for five seconds")
	switch {
	case !r.hasTable:
		e.say(pointsman.Hard, "heartbeat table", false, "there is no table "+cluster.HeartbeatTable+", so no promotion can be verified by a write",
			"CREATE TABLE "+cluster.HeartbeatTable+" (id int PRIMARY KEY, at timestamptz, token text)")
	default:
		e.say(pointsman.Hard, "heartbeat table", r.writesTable, "the role reads and writes "+cluster.HeartbeatTable+": "+fmt.Sprint(r.writesTable),
			"GRANT SELECT, INSERT, UPDATE ON "+cluster.HeartbeatTable+" TO "+r.role)
	}
	e.say(pointsman.Warn, "clock", offset.Abs() <= clockLimit, fmt.Sprintf("its clock is %s from ours, limit %s", offset.Round(time.Millisecond), clockLimit),
		"run an NTP client on both machines; ages and seconds of loss are wrong by as much")
	e.facts[len(e.facts)-1].Guard = "G32"
}

// hooks looks whether the programs that the configuration names are there.
func (c Cluster) hooks() []pointsman.Fact {
	e := examination{cluster: c.Name, at: time.Now()}
	if len(c.Fence.Command) == 0 {
		e.say(pointsman.Warn, "fence", false, "no stop hook is configured, so an old primary that cannot be reached cannot be fenced", "set fence.command")
		return e.facts
	}
	path, err := exec.LookPath(c.Fence.Command[0])
	if err != nil {
		e.say(pointsman.Hard, "fence", false, err.Error(), "correct fence.command, or install the program for the user of this process")
		return e.facts
	}
	e.say(pointsman.Hard, "fence", true, "the stop hook is "+path, "")
	return e.facts
}
