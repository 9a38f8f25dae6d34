package postgres

import (
	"strings"

	"github.com/pointsman/pointsman/actions"
)

// What a person does where Pointsman does not go on. The commands name servers by the hosts of the configuration and people
// by nobody: whoever pastes them uses an account of their own. At night all of them are pasted at once, so a command that must not
// run before something is seen asks for that itself, and what is said beside the commands stands in lines of its own, as remarks.

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

// psql is one statement on the node.
func (n Node) psql(sql string) command { return n.Address.psql(n.Name, maintenance, sql) }

// psql is one command in the pooler's console.
func (p Pooler) psql(sql string) command {
	return p.Console.psql("the console of "+p.Name, consoleDatabase, sql)
}

// each is the statement that a query writes, once for each of its rows. None waits for a standby that is gone; see localCommit. The first of
// the words is PGOPTIONS=.
func (n Node) each(query string) command {
	words, err := n.words(maintenance)
	if err != nil {
		return unreachable(n.Name, query+` \gexec`, err)
	}
	return command{line: "echo " + actions.Shell(query+` \gexec`) + " | " + words[0] + "'-c synchronous_commit=local' " + actions.Shell(words[1:]...)}
}

// commands are a command in the consoles of poolers.
func (c Cluster) commands(word string, poolers []Pooler) (out []string) {
	for _, p := range poolers {
		out = append(out, p.psql(word+" "+quotedEntry(p.entry(c))).String())
	}
	return out
}

// ByHand implements actions.Handy. Sessions that were ended do not come back; their clients do.
func (a Terminate) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
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
	return []string{node.psql(sql).String()}, nil
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
