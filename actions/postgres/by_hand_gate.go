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
	asked []question // in the order of their answers
	lines []string   // functions, and said1=$(...)
	heard []string   // the words that tell the answers
	holds []string   // conditions of the shell
	blind []string   // servers to which no way is known, and why
}

// question is what a node is asked, as a function of the shell and what stands behind host and port.
type question struct{ node, function, words string }

// isStandbySQL is answered with t by a standby and with f by a primary.
const isStandbySQL = "SELECT pg_is_in_recovery()"

// The functions of the shell take a host and its port. A line of them names each host once, and Slack, which must show it whole, still
// does with five nodes. They go where they are told to, see dsn.Exactly.
const (
	// ask asks a node as dsn.Psql does.
	ask = `ask() { PGOPTIONS= psql -XwAt -h "$1" -p "$2" -d 'dbname=` + maintenance + ` connect_timeout=5 target_session_attrs=any hostaddr=' -c "${3:-` + isStandbySQL + `}"; }`
	// silent is whether nobody at all is at a name that this machine knows. pg_isready has no response from one that it cannot look up, either:
	// getent ends with 2 then, and a shell without it with 127. Of a name that leads to this machine itself, if by one of its addresses only,
	// it tells nothing of the server that is meant. Not every getent has ahosts; hosts leaves out IPv4 where there is IPv6.
	//
	// pg_isready finds nobody within five seconds where it ends with 2. It says so of what refuses connections, and not of a server that is
	// full, that starts or that refuses the login, which takes the writes of others. The second question is for a machine on which TLS itself
	// fails. With that it tells the port only, so it is not heard.
	silent = `silent() { at=${3:-$(getent ahosts "$1" 2>/dev/null || getent hosts "$1")}; ` +
		`if echo "$at" | grep -Eq '^(::ffff:)?(127|0)\.|^::1?[[:space:]]'; then said='has a loopback address here: look on its own host'; at=; fi; [ "$at" ] || return; ` +
		`for tls in '' 'sslmode=disable gssencmode=disable'; do pg_isready -qt 5 -h "$1" -p "$2" -d "$tls hostaddr="; [ $? -eq 2 ] || return; done; said='no response'; }`
	// look says what a node answers, or that nobody is there. An address needs no look-up, and has a third word.
	look = `look() { said=$(ask "$1" "$2"); [ "$said" ] || silent "$@"; echo "${said:-said neither}"; }`
	// harmless takes what look said of each node.
	harmless = `harmless() { for said; do [ "$said" = t ] || [ "$said" = 'no response' ] || return; done; }`
)

func (g *gate) define(functions ...string) {
	for _, f := range functions {
		if !slices.Contains(g.lines, f) {
			g.lines = append(g.lines, f)
		}
	}
}

// answer is the variable of the shell that holds the answer, and heard the words that tell it, by its number. There is none of a server that
// nothing here can ask.
func (g *gate) answer(q question, n Node, heard string) (string, bool) {
	i := slices.Index(g.asked, q)
	if i < 0 {
		cfg, err := n.single()
		if err != nil {
			g.unknown(n.Name, err)
			return "", false
		}
		host, port := dsn.One(cfg)
		i, g.asked = len(g.asked), append(g.asked, q)
		g.lines = append(g.lines, fmt.Sprintf("said%d=$(%s)", i+1, strings.TrimSpace(actions.Shell(q.function, host, port)+" "+q.words)))
		g.heard = append(g.heard, fmt.Sprintf(heard, i+1))
	}
	return fmt.Sprintf(`"$said%d"`, i+1), true
}

// saidBy are the words for what a node said of itself.
func saidBy(n Node) string { return verbatim(n.Name) + ` "${said%d:-said neither};"` }

// verbatim is a word of the shell within a format, whatever is in it.
func verbatim(word string) string { return strings.ReplaceAll(actions.Shell(word), "%", "%%") }

// says is the condition that the server answers t or f. Silence is neither.
func (g *gate) says(n Node, is string) string {
	g.define(ask)
	said, ok := g.answer(question{node: n.Name, function: "ask"}, n, saidBy(n))
	if !ok {
		return "false"
	}
	return "[ " + said + " = " + is + " ]"
}

// harmless is the condition that each of the nodes is a standby, or that nobody is there at all. The line would grow too long with one of each.
func (g *gate) harmless(nodes []Node) string {
	g.define(ask, silent, look, harmless)
	condition := "harmless"
	for _, n := range nodes {
		host, err := n.anywhere()
		if err != nil {
			g.unknown(n.Name, err)
			continue
		}
		q := question{node: n.Name, function: "look"}
		if _, err := netip.ParseAddr(host); err == nil {
			q.words = "known"
		}
		said, _ := g.answer(q, n, verbatim(n.Name)+` "$said%d;"`)
		condition += " " + said
	}
	return condition
}

// unknown is a server that nothing here can ask: no line is written that would have to.
func (g *gate) unknown(name string, err error) string {
	if told := name + ", " + unread(err); !slices.Contains(g.blind, told) {
		g.blind = append(g.blind, told)
	}
	return "false"
}

// require adds a condition.
func (g *gate) require(condition string) { g.holds = append(g.holds, condition) }

// only is the line that runs the command where all conditions hold. Else it says that nothing was done, why, and what the servers
// said. A command that fails keeps its own error: what was asked for is never told as not done.
func (g *gate) only(why string, c command) string {
	switch {
	case len(g.blind) > 0:
		return actions.NotDone("nothing here can ask %s. %s; once people have seen that themselves: %s", strings.Join(g.blind, ", nor "), why, cmp.Or(c.words, c.line))
	case len(g.holds) == 0 || c.line == "":
		return c.String()
	}
	not := "echo " + actions.Shell("NOT DONE: "+why)
	if len(g.heard) > 0 {
		not = "echo " + actions.Shell("NOT DONE: "+why+". Seen now, where a standby says t and a primary f:") + " " + strings.Join(g.heard, " ")
	}
	return strings.Join(append(g.lines, "if "+strings.Join(g.holds, " && ")+"; then "+c.line+"; else "+not+"; false; fi"), "; ")
}

// errSeveral is of an address that must lead to one server.
var errSeveral = errors.New("it names several servers")

// single is the way to exactly one server. Of several psql would choose the one that takes writes, which may be another node.
func (a Address) single() (*pgx.ConnConfig, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	if len(dsn.Hosts(cfg)) > 1 {
		return nil, errSeveral
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

// command is a line for the shell, and the words for a person where none may be written.
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
		return unreachable(name, sql, err)
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

func unreachable(name, what string, err error) command {
	return command{words: fmt.Sprintf("connect to %s, %s, and run there: %s", name, unread(err), what)}
}

// unread says why there is no way to a server.
func unread(err error) string {
	if own, ok := errors.AsType[ownAddress](err); ok {
		return own.Error()
	}
	if errors.Is(err, errSeveral) {
		return "whose connection string names several servers"
	}
	return "whose connection string could not be read for this plan"
}
