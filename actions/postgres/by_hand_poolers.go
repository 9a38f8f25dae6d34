package postgres

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/ini"
)

// ByHand implements actions.Handy. Where the poolers led before the plan has found out.
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
		do = append(do, cluster.leading(p, to, node)...)
		undo = append(undo, cluster.leadingBack(p, in.Pins[poolerPin(p)])...)
	}
	if args.Resume {
		do = append(do, cluster.resuming(poolers, node)...)
	}
	return do, undo
}

// leading is the edit, which is a person's, and the RELOAD behind it: without the edit PgBouncer would answer it as well, and with a
// file that was edited early it would take the clients from a primary to a server that takes no writes yet.
func (c Cluster) leading(p Pooler, to ini.Place, node Node) []string {
	var g gate
	g.require(p.written(c, to))
	g.require(g.says(node, "f"))
	why := fmt.Sprintf("in %s the entry %s must have host=%s port=%s first, which is asked on the machine that has the file, and %s must be a primary", p.Ini, p.entry(c), to.Host, to.Port, node.Name)
	return []string{p.edit(c, to), g.only(why, p.psql("RELOAD"))}
}

func (p Pooler) edit(c Cluster, to ini.Place) string {
	return actions.Remark("in %s, in [databases], for %s: host=%s port=%s", p.Ini, p.entry(c), to.Host, to.Port)
}

// leadingBack leads the pooler to where the plan found it, if a primary is there; what is no node nothing here can ask.
func (c Cluster) leadingBack(p Pooler, pin string) []string {
	before, ok := unpinned(pin)
	if !ok {
		return []string{actions.Remark("in %s, in [databases], for %s: the host and port that the evidence of the plan shows; then, if a primary is there, in the console of %s: RELOAD", p.Ini, p.entry(c), p.Name)}
	}
	for _, n := range c.Nodes {
		if at, err := n.place(); err == nil && at == before {
			return c.leading(p, before, n)
		}
	}
	return []string{p.edit(c, before), actions.NotDone("no node of %s is at %s; once people have seen that a primary is there, in the console of %s: RELOAD", c.Name, before, p.Name)}
}

// written is the condition that the file leads to the place.
func (p Pooler) written(c Cluster, to ini.Place) string {
	const space = "[[:space:]]*"
	has := func(key, value string) string {
		return `[[:space:]=]` + key + space + "=" + space + "'?" + regexp.QuoteMeta(value) + "'?([[:space:]]|$)"
	}
	entry := "^" + space + `"?` + regexp.QuoteMeta(p.entry(c)) + `"?` + space + "="
	return actions.Shell("grep", "-E", "-e", entry, "--", p.Ini) + " | " + actions.Shell("grep", "-E", "-e", has("host", to.Host)) + " | " + actions.Shell("grep", "-Eq", "-e", has("port", to.Port))
}

// resuming lets the clients of poolers go on, of each where it leads to one of the nodes and that one takes writes.
func (c Cluster) resuming(poolers []Pooler, nodes ...Node) (out []string) {
	for _, p := range poolers {
		var g gate
		var ways, names []string
		for _, n := range nodes {
			names = append(names, n.Name)
			if to, err := n.place(); err == nil {
				ways = append(ways, "{ "+g.leads(c, p, to)+" && "+g.says(n, "f")+"; }")
			} else {
				g.unknown(n.Name, err)
			}
		}
		g.require("{ " + strings.Join(ways, " || ") + "; }")
		out = append(out, g.only(fmt.Sprintf("%s must lead to a primary: %s", p.Name, strings.Join(names, ", or ")), p.psql("RESUME "+quotedEntry(p.entry(c)))))
	}
	return out
}

// leads is the condition that the pooler itself says that it leads to the place. A gate asks one pooler.
func (g *gate) leads(c Cluster, p Pooler, to ini.Place) string {
	words, err := p.Console.words(consoleDatabase, "-At")
	if err != nil {
		return g.unknown("the console of "+p.Name, err)
	}
	line := "led=$(" + actions.Shell(append(words, "-c", "SHOW DATABASES")...) + " | " +
		actions.Shell("grep", "-E", "-e", "^"+regexp.QuoteMeta(p.entry(c))+`\|`) + ` | cut -d '|' -f 2,3 | tr '|' :)`
	if !strings.Contains(strings.Join(g.lines, "\n"), line) {
		g.lines = append(g.lines, line)
		g.heard = append(g.heard, actions.Shell(p.Name+" leads to")+` "${led:-nothing that it tells};"`)
	}
	return `[ "$led" = ` + actions.Shell(to.String()) + ` ]`
}
