package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// What a person does where Pointsman does not go on. The commands name servers by the hosts of the configuration and people
// by nobody: whoever pastes them uses an account of their own.

var (
	_ actions.Handy = Fencing{}
	_ actions.Handy = Promote{}
	_ actions.Handy = Verify{}
	_ actions.Handy = Checkpoint{}
	_ actions.Handy = Switchover{}
	_ actions.Handy = Terminate{}
	_ actions.Handy = Pause{}
	_ actions.Handy = Resume{}
	_ actions.Handy = Repoint{}
)

// psql is one statement on the server that the address leads to.
func (a Address) psql(database, sql string) string {
	return a.client(database) + " -c " + actions.Shell(sql)
}

// client is psql with the way to the server.
func (a Address) client(database string) string {
	cfg, err := a.config()
	if err != nil {
		return "psql" // where it leads to stands in a file that cannot be read now
	}
	return actions.Shell(dsn.Psql(cfg, cmp.Or(database, cfg.Database, cfg.User))...)
}

// each is the statement that a query writes, once for each of its rows. None waits for a standby that is gone; see localCommit.
func (n Node) each(query string) string {
	return "echo " + actions.Shell(query+` \gexec`) + " | PGOPTIONS='-c synchronous_commit=local' " + n.client(maintenance)
}

// standby asks whether a node still is one.
func (n Node) standby(want string) string {
	return n.psql(maintenance, "SELECT pg_is_in_recovery()") + "   # " + n.Name + ": must say " + want
}

// commands are a command in the consoles of poolers.
func (c Cluster) commands(word string, poolers []Pooler) (out []string) {
	for _, p := range poolers {
		out = append(out, p.Console.psql(consoleDatabase, word+" "+quotedEntry(p.entry(c))))
	}
	return out
}

// theHook is a hook as it would be started on Pointsman's own machine; where none is configured, what it would be for.
func theHook(command []string, node, otherwise string) string {
	if len(command) == 0 {
		return otherwise
	}
	argv := make([]string, len(command))
	for i, arg := range command {
		argv[i] = strings.ReplaceAll(arg, "{node}", node)
	}
	return actions.Shell(argv...) + "   # on Pointsman's machine"
}

// ByHand implements actions.Handy. What closed which databases is on record where a step was not undone; the plan can only
// say how they are found.
func (a Fencing) ByHand(in actions.Input) (do, undo []string) {
	args, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.having(in, args.Cluster, args.Node)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Node)
	for _, other := range cluster.Nodes {
		if other.Name != args.Node {
			undo = append(undo, other.standby("t, or "+args.Node+" stays fenced: it would be a second primary"))
		}
	}
	ladder := cluster.ladder(args)
	for _, rung := range ladder {
		do = append(do, cluster.rungByHand(rung, node)...)
	}
	if !slices.Contains(ladder, rungStop) {
		do = append(do, "stop PostgreSQL on "+node.Name+" and keep it from starting again")
	}
	for _, rung := range slices.Backward(ladder) { // not turned round in place: it is the configuration's own
		undo = append(undo, cluster.rungBackByHand(rung, node)...)
	}
	return do, undo
}

func (c Cluster) rungByHand(rung string, node Node) []string {
	switch rung {
	case rungStop:
		return []string{theHook(c.Fence.Command, node.Name, "stop PostgreSQL on "+node.Name+" and keep it from starting again")}
	case rungNetwork:
		return []string{theHook(c.Fence.Network, node.Name, "keep clients from reaching "+node.Name)}
	case rungPooler:
		return c.commands("PAUSE", c.Poolers)
	case rungRevoke:
		return []string{
			node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS false$$, datname) FROM pg_database WHERE datallowconn AND ` + closableSQL),
			node.psql(maintenance, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = $$client backend$$ AND pid <> pg_backend_pid()`),
		}
	}
	return nil
}

func (c Cluster) rungBackByHand(rung string, node Node) []string {
	switch rung {
	case rungStop:
		return []string{"start PostgreSQL on " + node.Name + ", if it was stopped"}
	case rungNetwork:
		return []string{theHook(c.Fence.NetworkUndo, node.Name, "let clients reach "+node.Name+" again")}
	case rungPooler:
		return c.commands("RESUME", c.Poolers)
	case rungRevoke:
		return []string{node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS true$$, datname) FROM pg_database WHERE NOT datallowconn AND ` + closableSQL)}
	}
	return nil
}

// ByHand implements actions.Handy. There is no way back: a promoted server has a history of its own.
func (a Promote) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	for _, other := range cluster.Nodes {
		if other.Name != args.Candidate {
			do = append(do, other.standby("t, or nothing at all, and then it must be stopped for certain"))
		}
	}
	return append(do, node.standby("t; with f it is promoted already"), node.psql(maintenance, "SELECT pg_promote(true, 60)")), nil
}

// ByHand implements actions.Handy.
func (a Verify) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Candidate)
	do = append(do, node.standby("f"))
	for _, e := range cluster.endpoints() {
		if e.empty() {
			continue
		}
		do = append(do, e.psql("", fmt.Sprintf("INSERT INTO %s (id, at, token) VALUES (%d, now(), $$by hand$$) ON CONFLICT (id) DO UPDATE SET at = excluded.at, token = excluded.token RETURNING at, inet_server_addr()",
			cluster.HeartbeatTable, e.row)))
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
	return []string{node.psql(maintenance, "CHECKPOINT")}, nil
}

// ByHand implements actions.Handy. The way back of a switchover that went through is another switchover.
func (a Switchover) ByHand(in actions.Input) (do, undo []string) {
	args, _, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return nil, nil
	}
	old, new := "the primary", "the standby that has everything"
	var candidate Node
	if known, ok := cluster.node(args.Candidate); ok {
		candidate, new = known, known.Name
	}
	do = append(do, cluster.commands("PAUSE", cluster.Poolers)...)
	do = append(do, fmt.Sprintf("stop %s in an orderly way (pg_ctl stop -m fast), and wait until %s has received and replayed all of it", old, new))
	if candidate.Name != "" {
		do = append(do, candidate.psql(maintenance, "SELECT pg_last_wal_replay_lsn()")+"   # against \"Latest checkpoint location\" of pg_controldata on "+old,
			candidate.psql(maintenance, "SELECT pg_promote(true, 60)"))
	} else {
		do = append(do, "SELECT pg_promote(true, 60) on "+new)
	}
	do = append(do, "lead the clients' address to "+new)
	do = append(do, cluster.commands("RESUME", cluster.Poolers)...)
	return do, cluster.commands("RESUME", cluster.Poolers)
}

// ByHand implements actions.Handy. Sessions that were ended do not come back; their clients do.
func (a Terminate) ByHand(in actions.Input) (do, undo []string) {
	args, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.having(in, args.Cluster, args.Node)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Node)
	sql := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
	for _, f := range [][2]string{{"usename", args.User}, {"application_name", args.Application}, {"datname", args.Database}} {
		if f[1] != "" {
			sql += " AND " + f[0] + " = '" + strings.ReplaceAll(f[1], "'", "''") + "'"
		}
	}
	return []string{node.psql(maintenance, sql)}, nil
}

// ByHand implements actions.Handy.
func (a Pause) ByHand(in actions.Input) (do, undo []string) {
	args, _, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	return a.c.consoles(in, args.Cluster, args.Pooler)
}

// ByHand implements actions.Handy.
func (a Resume) ByHand(in actions.Input) (do, undo []string) {
	args, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	undo, do = a.c.consoles(in, args.Cluster, args.Pooler)
	return do, undo
}

// consoles are the pause of poolers, and its end.
func (c *Clusters) consoles(in actions.Input, name, pooler string) (pause, resume []string) {
	cluster, err := c.find(in, name)
	if err != nil {
		return nil, nil
	}
	poolers, err := cluster.pooler(pooler)
	if err != nil {
		return nil, nil
	}
	return cluster.commands("PAUSE", poolers), cluster.commands("RESUME", poolers)
}

// ByHand implements actions.Handy. Where the poolers led before is in the evidence of the plan.
func (a Repoint) ByHand(in actions.Input) (do, undo []string) {
	args, err := a.args(in)
	if err != nil {
		return nil, nil
	}
	cluster, err := a.c.having(in, args.Cluster, args.To)
	if err != nil {
		return nil, nil
	}
	poolers, err := cluster.pooler(args.Pooler)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.To)
	to, err := node.place()
	if err != nil {
		return nil, nil
	}
	for _, p := range poolers {
		lead := func(words string) []string {
			return []string{
				fmt.Sprintf("in %s, in [databases], for %s: %s", p.Ini, pgx.Identifier{p.entry(cluster)}.Sanitize(), words),
				p.Console.psql(consoleDatabase, "RELOAD"),
			}
		}
		do = append(do, lead(fmt.Sprintf("host=%s port=%s", to.Host, to.Port))...)
		undo = append(undo, lead("the host and port that the evidence of the plan shows")...)
	}
	return do, undo
}
