package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// promoting is the command that promotes the node, if the gate that it is given lets it, which says why, and each other node says that it is a
// standby, or nobody answers there at all. What else gives no response looks the same from here: of that a person must make sure.
func (c Cluster) promoting(g *gate, why string, node Node) []string {
	if _, err := node.anywhere(); err != nil {
		g.unknown(node.Name, err)
	}
	others := slices.DeleteFunc(slices.Clone(c.Nodes), func(n Node) bool { return n.Name == node.Name })
	for _, other := range others {
		why += ", and " + other.Name
	}
	g.require(g.harmless(others))
	why += " a standby or stopped: no response (pg_isready) from a name known here (getent), as also from one that hangs"
	return []string{
		actions.Remark("first make certain that no other node takes writes or will: one that does not answer must be stopped, and kept from starting. No response comes also from one that hangs or cannot fork, through a firewall, and where its name leads elsewhere"),
		g.only(why, node.promotion()),
	}
}

// promotion tells what became of it: the server goes on also where psql was cut off, or the wait of 60 s was over. It uses what the gate
// defines.
func (n Node) promotion() command {
	const sql = "SELECT pg_promote(true, 60)"
	cfg, err := n.single()
	if err != nil {
		return unreachable(n.Name, sql, err)
	}
	if _, err := n.anywhere(); err != nil {
		return command{words: "connect to " + n.Name + " on its own host, and run there: " + sql}
	}
	host, port := dsn.One(cfg)
	well := "echo " + actions.Shell(n.Name+" is a primary now")
	lost := "echo " + actions.Shell("NOT KNOWN whether "+n.Name+" is a primary now or becomes one yet: ask it, "+isStandbySQL+", and start no other node before it is told")
	return command{
		line:  `if [ "$(` + actions.Shell("ask", host, port, sql) + `)" = t ]; then ` + well + "; else " + lost + "; false; fi",
		words: n.psql(sql).line,
	}
}

// ByHand implements actions.Handy. There is no way back: a promoted server has a history of its own.
func (a Promote) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	var g gate
	g.require(g.says(node, "t"))
	return cluster.promoting(&g, node.Name+" must be a standby yet", node), nil
}

// ByHand implements actions.Handy.
func (a Verify) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	do = append(do, actions.Remark("%s must say f", node.Name), node.psql(isStandbySQL).String())
	for _, e := range cluster.endpoints() {
		if e.empty() {
			continue
		}
		do = append(do, e.psql(fmt.Sprintf("INSERT INTO %s (id, at, token) VALUES (%d, now(), $$by hand$$) ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token RETURNING at, inet_server_addr()",
			cluster.HeartbeatTable, e.row)).String())
	}
	return do, nil
}

// ByHand implements actions.Handy.
func (a Checkpoint) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Node)
	return []string{node.psql("CHECKPOINT").String()}, nil
}

// ByHand implements actions.Handy. Who is who the check has found out, where the step does not say it. The way back of a switchover
// that went through is another switchover; of one that did not, clients must be let go to a server that runs.
func (a Switchover) ByHand(in actions.Input) (do, undo []string) {
	args, _, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return nil, nil
	}
	old, candidate := in.Pins["old_primary"], args.Candidate
	if candidate == "" {
		candidate = in.Pins["candidate"]
	}
	node, known := cluster.node(candidate)
	if !known {
		node.Name = "the standby that has everything"
	}
	if old == "" {
		old = "the primary"
	}
	do = append(cluster.commands("PAUSE", cluster.Poolers), actions.Remark("stop %s in order, with pg_ctl stop -m fast, and keep it from starting again", old))
	next := cluster.Nodes // to whom the poolers may lead then
	if known {
		next = []Node{node}
		do = append(do, cluster.succeeding(old, node)...)
		undo = append(undo, actions.Remark("whether %s is a standby yet:", node.Name), node.psql(isStandbySQL).String())
	} else {
		do = append(do, actions.Remark("wait until %s has replayed all of it, and there: SELECT pg_promote", node.Name))
	}
	do = append(append(do, actions.Remark("lead the poolers, or the address of the clients, to %s", node.Name)), cluster.resuming(cluster.Poolers, next...)...)
	undo = append(undo, actions.Remark("with t, start %s again, if it is stopped", old), actions.Remark("with f, %s is the primary: lead the poolers to it", node.Name))
	return do, append(undo, cluster.resuming(cluster.Poolers, cluster.Nodes...)...)
}

// succeeding is the promotion of a standby that has everything of the old primary, whose last record a person reads there. What was typed
// counts once: that of an earlier attempt would be less than there is now.
func (c Cluster) succeeding(old string, node Node) []string {
	var g gate
	g.define("typed=$final; final=", ask)
	q := question{node.Name, "ask", `"SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() > '$typed'"`}
	heard := verbatim(node.Name+" beyond") + ` "${typed:-final, which is not set}: ${said%d:-not told};"`
	if said, ok := g.answer(q, node, heard); ok {
		g.require("[ " + said + " = t ]")
	}
	first := actions.Remark("then pg_controldata of %s must say shut down, and its Latest checkpoint location is what to write after final= in a line of its own, as in final=FFFFFFFF/FFFFFF28", old)
	return append([]string{first}, c.promoting(&g, node.Name+" must be a standby that has replayed beyond final, which is set anew each time", node)...)
}

// psql goes to the server that takes writes, where the address names several.
func (e endpoint) psql(sql string) command {
	cfg, err := e.config()
	if err != nil {
		return unreachable("the address "+e.name, sql, err)
	}
	return command{line: actions.Shell(append(dsn.Psql(cfg, cmp.Or(cfg.Database, cfg.User)), "-c", sql)...)}
}
