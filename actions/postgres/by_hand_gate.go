package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// gate is what a command by hand asks before it runs: pasted with all the others, it must stop by itself. Each server is asked
// once, and what it said is told where nothing was done. One that cannot be asked has said nothing.
type gate struct {
	asked []string // the names of the nodes, in the order of their answers
	lines []string // said1=$(...)
	heard []string // the words that tell the answers
	holds []string // conditions of the shell
	blind []string // servers to which no way is known
}

// isStandbySQL is answered with t by a standby and with f by a primary.
const isStandbySQL = "SELECT pg_is_in_recovery()"

// says is the condition that the server answers t or f. Silence is neither.
func (g *gate) says(n Node, is string) string {
	for i, name := range g.asked {
		if name == n.Name {
			return fmt.Sprintf(`[ "$said%d" = %s ]`, i+1, is)
		}
	}
	words, err := n.words(maintenance, "-At")
	if err != nil {
		return g.unknown(n.Name)
	}
	g.asked = append(g.asked, n.Name)
	g.lines = append(g.lines, fmt.Sprintf("said%d=$(%s)", len(g.asked), actions.Shell(append(words, "-c", isStandbySQL)...)))
	g.heard = append(g.heard, actions.Shell(n.Name)+fmt.Sprintf(` "${said%d:-said neither};"`, len(g.asked)))
	return g.says(n, is)
}

// unknown is a server that nothing here can ask: no line is written that would have to.
func (g *gate) unknown(name string) string {
	if !slices.Contains(g.blind, name) {
		g.blind = append(g.blind, name)
	}
	return "false"
}

// noResponse is a function of the shell, for whom several nodes are asked about: pg_isready finds nobody at all, within five seconds.
// It says so of what refuses connections, and not of a server that is full, that starts or that refuses the login, which takes the
// writes of others. The second question is for a machine on which TLS itself fails.
const noResponse = `no_response() { pg_isready -t 5 "$@"; [ $? -eq 2 ] && PGSSLMODE=disable PGGSSENCMODE=disable pg_isready -t 5 "$@"; [ $? -eq 2 ]; }`

// harmless is the condition that the node is a standby, or that nobody is there at all. pg_isready has no response from a name that it
// cannot look up, either, so that is asked first: what the person's machine does not know is told of that machine, not of the server.
func (g *gate) harmless(n Node) string {
	standby := g.says(n, "t")
	cfg, err := n.single()
	if err != nil {
		return standby // false, and it counts as unknown already
	}
	if !slices.Contains(g.lines, noResponse) {
		g.lines = append(g.lines, noResponse)
	}
	return "{ " + standby + " || { " + known(cfg.Host) + "no_response " + actions.Shell(dsn.At(cfg)...) + "; }; }"
}

// known lets go on where the machine can look the host up; getent ends with 2 where it cannot, and a shell without it with 127. The
// folder of a socket is no name: the server there is one of Pointsman's machine, which this one need not be.
func known(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" { // an interface has another name elsewhere
		return ""
	}
	return actions.Shell("getent", "hosts", host) + " >/dev/null && "
}

// require adds a condition.
func (g *gate) require(condition string) { g.holds = append(g.holds, condition) }

// only is the line that runs the command where all conditions hold. Else it says that nothing was done, why, and what the servers
// said. A command that fails keeps its own error: what was asked for is never told as not done.
func (g *gate) only(why string, c command) string {
	switch {
	case len(g.blind) > 0:
		return actions.NotDone("nothing here can ask %s, whose connection string could not be read for this plan. %s; once people have seen that themselves: %s", strings.Join(g.blind, ", "), why, cmp.Or(c.line, c.words))
	case len(g.holds) == 0 || c.line == "":
		return c.String()
	}
	not := "echo " + actions.Shell("NOT DONE: "+why)
	if len(g.heard) > 0 {
		not = "echo " + actions.Shell("NOT DONE: "+why+". Seen now, where a standby says t and a primary f:") + " " + strings.Join(g.heard, " ")
	}
	return strings.Join(append(g.lines, "if "+strings.Join(g.holds, " && ")+"; then "+c.line+"; else "+not+"; false; fi"), "; ")
}

// single is the way to exactly one server. Of several psql would choose the one that takes writes, which may be another node.
func (a Address) single() (*pgx.ConnConfig, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	if len(dsn.Hosts(cfg)) > 1 {
		return nil, errors.New("it names several servers")
	}
	return cfg, nil
}

// words are psql with the way to the server.
func (a Address) words(database string, flags ...string) ([]string, error) {
	cfg, err := a.single()
	if err != nil {
		return nil, err
	}
	return dsn.Psql(cfg, cmp.Or(database, cfg.Database, cfg.User), flags...), nil
}

// command is a line for the shell or, where none can be written, the words for a person.
type command struct{ line, words string }

func (c command) String() string {
	if c.line == "" {
		return actions.NotDone("%s", c.words)
	}
	return c.line
}

// psql is one statement on the one server that the address leads to. Where that is not known now, there is no line: psql without a
// host would go to whatever server the person's machine leads to.
func (a Address) psql(name, database, sql string) command {
	words, err := a.words(database)
	if err != nil {
		return unreachable(name, sql)
	}
	return command{line: actions.Shell(append(words, "-c", sql)...)}
}

// as is psql on the node under another name than the sessions of people have.
func (n Node) as(name, sql string) command {
	c := n.psql(sql)
	if c.line != "" {
		c.line = "PGAPPNAME=" + actions.Shell(name) + " " + c.line
	}
	return c
}

func unreachable(name, what string) command {
	return command{words: fmt.Sprintf("connect to %s, whose connection string could not be read for this plan, and run there: %s", name, what)}
}
