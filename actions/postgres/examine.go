package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// clockLimit is how far a server's clock may be from ours before ages and loss figures in seconds mislead.
const clockLimit = 2 * time.Second

// Examine looks, before anything burns, whether a failover of every configured cluster could be carried out: each node
// answers and is the one that is meant, our role there may do what the steps do and no more, clocks agree, and the
// clients' addresses, probes and poolers lead where they should. used names a runbook for each kind that one uses: rights
// that only some kinds need are asked for where they are used, and so are the node hooks. It changes nothing.
func (c *Clusters) Examine(ctx context.Context, used map[string]string) []pointsman.Fact {
	var out []pointsman.Fact
	for _, name := range c.names {
		cluster := c.byName[name]
		var met nodesMet
		for _, n := range cluster.Nodes {
			facts, r := n.examine(ctx, cluster, used)
			out = append(out, facts...)
			if r.systemID != "" {
				met = append(met, r)
			}
		}
		out = append(out, cluster.examineNodes(met)...)
		out = append(out, cluster.examineClients(ctx, met)...)
		out = append(out, c.examineProbes(ctx, cluster, met)...)
		out = append(out, cluster.examinePoolers(ctx, met)...)
		out = append(out, cluster.examineFence()...)
		out = append(out, cluster.examineHooks(ctx, met, used)...)
	}
	return out
}

// Addresses lists host:port of everything that belongs to a cluster, by the target's key, for whoever must know what
// lives there: its nodes, the clients' addresses and its poolers.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, cluster := range c {
		key := pointsman.Target{Kind: "postgres", Name: cluster.Name}.Key()
		var all []Address
		for _, n := range cluster.Nodes {
			all = append(all, n.Address)
		}
		all = append(append(all, cluster.Clients.Address), cluster.Clients.More...)
		for _, p := range cluster.Poolers {
			all = append(all, p.Console, p.Clients)
		}
		for _, a := range all {
			cfg, err := a.config()
			if a.empty() || err != nil {
				continue // of what cannot be read nothing is known; Examine says why
			}
			for _, addr := range dsn.Hosts(cfg) {
				if !slices.Contains(out[key], addr) {
					out[key] = append(out[key], addr)
				}
			}
		}
	}
	return out
}

// ProbeAddresses lists host:port of every probe by its name.
func (c Config) ProbeAddresses() map[string]string {
	out := map[string]string{}
	for _, cluster := range c {
		for _, p := range cluster.Probes {
			if addr := actions.HostPort(p.URL); addr != "" {
				out[p.Name] = addr
			}
		}
	}
	return out
}

// rights are what the role of our connections may do on a server, and which server it is.
type rights struct {
	node, role, systemID                        string
	super, monitor, promote, reload             bool
	checkpoint, signal, replay, owner, mayClose bool
	grantsCheckpoint                            bool // the server has a role to grant for it
	recovery, hasTable, writesTable             bool
	clusterName                                 string
	idleSlots                                   []string
	startedAt, at                               time.Time
}

// rightsSQL asks without changing anything.
const rightsSQL = `SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
	pg_has_role('pg_monitor', 'USAGE'),
	has_function_privilege('pg_promote(boolean,integer)', 'EXECUTE'), has_function_privilege('pg_reload_conf()', 'EXECUTE'),
	` + mayCheckpointSQL + `, ` + grantsCheckpointSQL + `, pg_has_role('pg_signal_backend', 'USAGE'),
	has_function_privilege('pg_wal_replay_resume()', 'EXECUTE'),
	coalesce((SELECT bool_and(pg_has_role(datdba, 'USAGE')) FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> '` + maintenance + `'), true),
	coalesce((SELECT has_database_privilege(oid, 'CONNECT') FROM pg_database WHERE datname = '` + maintenance + `'), false),
	pg_is_in_recovery(), to_regclass($1) IS NOT NULL, current_setting('cluster_name'),
	(SELECT system_identifier::text FROM pg_control_system()), pg_postmaster_start_time(), clock_timestamp(), ` + idleSlotsSQL

// examine returns what was found of the node, and who it is where it answered.
func (n Node) examine(ctx context.Context, cluster Cluster, used map[string]string) ([]pointsman.Fact, rights) {
	ctx, cancel := context.WithTimeout(ctx, cluster.ReadTimeout)
	defer cancel()
	e := examination{cluster: cluster.Name, node: n.Name, at: time.Now()}
	conn, err := n.connect(ctx, "")
	if err != nil {
		e.say(pointsman.Hard, "answers", false, n.at(err.Error()), "start the server, or correct its DSN, pg_hba.conf and password")
		return e.facts, rights{}
	}
	defer discard(conn)
	asked := time.Now()
	r, err := askRights(ctx, conn, cluster.HeartbeatTable)
	if err != nil {
		e.say(pointsman.Hard, "answers", false, scrubbed(err, nil).Error(), "the role must be able to run a SELECT in its database")
		return e.facts, rights{}
	}
	r.node = n.Name
	mid := asked.Add(time.Since(asked) / 2) // the server's answer lies somewhere between question and now
	e.judge(n, cluster, r, r.at.Sub(mid))
	e.judgeUsed(cluster, r, used)
	return e.facts, r
}

func askRights(ctx context.Context, conn *pgx.Conn, table string) (r rights, err error) {
	err = conn.QueryRow(ctx, rightsSQL, table).Scan(&r.role, &r.super, &r.monitor, &r.promote, &r.reload, &r.checkpoint, &r.grantsCheckpoint, &r.signal, &r.replay,
		&r.owner, &r.mayClose, &r.recovery, &r.hasTable, &r.clusterName, &r.systemID, &r.startedAt, &r.at, &r.idleSlots)
	if err == nil && r.hasTable {
		err = conn.QueryRow(ctx, writesSQL, table).Scan(&r.writesTable)
	}
	return r, err
}

const writesSQL = `SELECT has_table_privilege($1, 'SELECT') AND has_table_privilege($1, 'INSERT') AND has_table_privilege($1, 'UPDATE')`

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
	rank := "no superuser"
	if r.super {
		rank = "a superuser"
	}
	e.say(pointsman.Warn, "role is no superuser", !r.super, fmt.Sprintf("the role %s is %s", r.role, rank),
		"make a role of its own with the rights that SECURITY.md lists, and no more")
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
	if text, clears := idleSlots(n.Name, r.idleSlots); text != "" && r.recovery {
		e.say(pointsman.Warn, "slots", false, text, clears)
	}
	e.clock(offset, "run an NTP client on both machines; ages and seconds of loss are wrong by as much")
}

// clock is guard G32.
func (e *examination) clock(offset time.Duration, clears string) {
	e.say(pointsman.Warn, "clock", offset.Abs() <= clockLimit, fmt.Sprintf("its clock is %s from ours, limit %s", offset.Round(time.Millisecond), clockLimit), clears)
	e.facts[len(e.facts)-1].Guard = "G32"
}
