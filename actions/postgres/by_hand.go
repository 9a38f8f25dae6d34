package postgres

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
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

// remark is a line that is read and, where it is pasted with the others, does nothing. It must hold nothing that a shell which
// knows no comments at its prompt would take for more than words: no quote of either kind, above all.
func remark(format string, args ...any) string {
	return "# " + strings.Map(func(r rune) rune {
		if strings.ContainsRune("'\"`$&;|<>(){}[]*?!\\~", r) {
			return -1
		}
		return r
	}, fmt.Sprintf(format, args...))
}

// says is a condition of the shell: whether the server says t or f of being a standby. Silence says neither.
func (n Node) says(is string) string {
	return `[ "$(PGCONNECT_TIMEOUT=5 ` + n.client(maintenance) + " -XAtc " + actions.Shell("SELECT pg_is_in_recovery()") + `)" ` + is + ` ]`
}

// only is a command that runs where all conditions hold, and else says that nothing was done, and why not.
func only(conditions []string, why, command string) string {
	if len(conditions) == 0 {
		return command
	}
	return strings.Join(conditions, " && ") + " && " + command + " || (echo " + actions.Shell("NOT DONE: "+why) + "; exit 1)"
}

// commands are a command in the consoles of poolers.
func (c Cluster) commands(word string, poolers []Pooler) (out []string) {
	for _, p := range poolers {
		out = append(out, p.Console.psql(consoleDatabase, word+" "+quotedEntry(p.entry(c))))
	}
	return out
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
