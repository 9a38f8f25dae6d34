package postgres

import (
	"slices"
	"strings"

	"github.com/pointsman/pointsman/actions"
)

// ByHand implements actions.Handy. What closed which databases is on record where a step was not undone; the plan can only
// say how they are found. On the way back each command asks the other nodes first: with another primary the node would be a second one.
func (a Fencing) ByHand(in actions.Input) (do, undo []string) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return nil, nil
	}
	node, _ := cluster.node(args.Node)
	way := wayBack{Cluster: cluster, node: node}
	for _, other := range cluster.Nodes {
		if other.Name != node.Name {
			way.others = append(way.others, other)
		}
	}
	ladder := cluster.ladder(args)
	for _, rung := range ladder {
		do = append(do, cluster.rungByHand(rung, node)...)
	}
	if !slices.Contains(ladder, rungStop) {
		do = append(do, actions.Remark("stop PostgreSQL on %s and keep it from starting again", node.Name))
	}
	undo = append(undo, actions.Remark("only while every other node says that it is a standby: %s would be a second primary", node.Name))
	// Not the ladder backwards: databases are opened on a server that runs, and can be reached.
	for _, rung := range []string{rungNetwork, rungStop, rungRevoke, rungPooler} {
		if slices.Contains(ladder, rung) {
			undo = append(undo, way.back(rung)...)
		}
	}
	return do, undo
}

func (c Cluster) rungByHand(rung string, node Node) []string {
	switch rung {
	case rungStop:
		return theHook(c.Fence.Command, node.Name, "stop PostgreSQL on "+node.Name+" and keep it from starting again")
	case rungNetwork:
		return theHook(c.Fence.Network, node.Name, "keep clients from reaching "+node.Name)
	case rungPooler:
		return c.commands("PAUSE", c.Poolers)
	case rungRevoke:
		// Under another name than sessions of psql have, which would be taken for its own and spared.
		end := `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE ` + strings.Join(strings.Fields(insideSQL), " ")
		return []string{
			node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS false$$, datname) FROM pg_database WHERE datallowconn AND ` + closableSQL).String(),
			node.as("by-hand", end).String(),
		}
	}
	return nil
}

// wayBack is how a fence is taken back by hand.
type wayBack struct {
	Cluster
	node   Node
	others []Node
}

func (w wayBack) back(rung string) []string {
	switch rung {
	case rungStop:
		return []string{actions.Remark("start PostgreSQL on %s, if it was stopped", w.node.Name)}
	case rungNetwork:
		lines := theHook(w.Fence.NetworkUndo, w.node.Name, "let clients reach "+w.node.Name+" again")
		if len(w.Fence.NetworkUndo) > 0 {
			lines[len(lines)-1] = w.only(&gate{}, "", command{line: lines[len(lines)-1]})
		}
		return lines
	case rungPooler:
		var lines []string
		for _, p := range w.Poolers { // to a server that is stopped still, nobody is let go
			var g gate
			g.require(g.says(w.node, "f"))
			lines = append(lines, w.only(&g, w.node.Name+" must take writes, and ", p.psql("RESUME "+quotedEntry(p.entry(w.Cluster)))))
		}
		return lines
	case rungRevoke:
		return []string{w.only(&gate{}, "", w.node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS true$$, datname) FROM pg_database WHERE NOT datallowconn AND `+closableSQL))}
	}
	return nil
}

// only runs the command where every other node is a standby, which the gate is asked in addition.
func (w wayBack) only(g *gate, why string, c command) string {
	var names []string
	for _, other := range w.others {
		names = append(names, other.Name)
		g.require(g.says(other, "t"))
	}
	return g.only(why+strings.Join(names, ", ")+" must say that it is a standby", c)
}

// theHook is a hook as it would be started on Pointsman's own machine; where none is configured, what it would be for.
func theHook(command []string, node, otherwise string) []string {
	if len(command) == 0 {
		return []string{actions.Remark("%s", otherwise)}
	}
	argv := make([]string, len(command))
	for i, arg := range command {
		argv[i] = strings.ReplaceAll(arg, "{node}", node)
	}
	return []string{actions.Remark("on the machine of Pointsman:"), actions.Shell(argv...)}
}
