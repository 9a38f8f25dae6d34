package postgres

import (
	"slices"
	"strings"

	"github.com/pointsman/pointsman/actions"
)

// ByHand implements actions.Handy. What closed which databases is on record where a step was not undone; the plan can only
// say how they are found. On the way back each command asks the other nodes first: with another primary the node would be a second one.
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
	way := wayBack{Cluster: cluster, node: node}
	for _, other := range cluster.Nodes {
		if other.Name != node.Name {
			way.others, way.asks = append(way.others, other.Name), append(way.asks, other.says("= t"))
		}
	}
	ladder := cluster.ladder(args)
	for _, rung := range ladder {
		do = append(do, cluster.rungByHand(rung, node)...)
	}
	if !slices.Contains(ladder, rungStop) {
		do = append(do, remark("stop PostgreSQL on %s and keep it from starting again", node.Name))
	}
	undo = append(undo, remark("only while every other node says that it is a standby: %s would be a second primary", node.Name))
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
			node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS false$$, datname) FROM pg_database WHERE datallowconn AND ` + closableSQL),
			"PGAPPNAME=by-hand " + node.psql(maintenance, end),
		}
	}
	return nil
}

// wayBack is how a fence is taken back by hand.
type wayBack struct {
	Cluster
	node   Node
	others []string // the names of the other nodes
	asks   []string // whether each of them is a standby
}

func (w wayBack) back(rung string) []string {
	switch rung {
	case rungStop:
		return []string{remark("start PostgreSQL on %s, if it was stopped", w.node.Name)}
	case rungNetwork:
		lines := theHook(w.Fence.NetworkUndo, w.node.Name, "let clients reach "+w.node.Name+" again")
		if len(w.Fence.NetworkUndo) > 0 {
			lines[len(lines)-1] = w.only(lines[len(lines)-1])
		}
		return lines
	case rungPooler:
		var lines []string
		for _, line := range w.commands("RESUME", w.Poolers) {
			lines = append(lines, w.only(line))
		}
		return lines
	case rungRevoke:
		return []string{w.only(w.node.each(`SELECT format($$ALTER DATABASE %I ALLOW_CONNECTIONS true$$, datname) FROM pg_database WHERE NOT datallowconn AND ` + closableSQL))}
	}
	return nil
}

func (w wayBack) only(command string) string {
	return only(w.asks, strings.Join(w.others, ", ")+" must say that it is a standby", command)
}

// theHook is a hook as it would be started on Pointsman's own machine; where none is configured, what it would be for.
func theHook(command []string, node, otherwise string) []string {
	if len(command) == 0 {
		return []string{remark("%s", otherwise)}
	}
	argv := make([]string, len(command))
	for i, arg := range command {
		argv[i] = strings.ReplaceAll(arg, "{node}", node)
	}
	return []string{remark("on the machine of Pointsman:"), actions.Shell(argv...)}
}
