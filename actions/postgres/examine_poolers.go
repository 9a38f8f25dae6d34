package postgres

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/ini"
	"github.com/pointsman/pointsman/actions/swap"
)

// examinePoolers looks whether the poolers could be paused and led elsewhere: the file, the console, the way through.
func (c Cluster) examinePoolers(ctx context.Context, met nodesMet) []pointsman.Fact {
	var out []pointsman.Fact
	for _, p := range c.Poolers {
		e := examination{cluster: c.Name, node: "pooler " + p.Name, at: time.Now()}
		e.file(c, p)
		e.console(ctx, c, p)
		through := examination{cluster: c.Name, node: e.node + " clients", at: e.at}
		through.path(ctx, c, p.Clients, met)
		out = append(append(out, e.facts...), through.facts...)
	}
	for _, n := range c.Nodes {
		if n.Advertised != "" {
			e := examination{cluster: c.Name, node: n.Name, at: time.Now()}
			e.advertised(ctx, c, n)
			out = append(out, e.facts...)
		}
	}
	return out
}

// file: it holds the entry, leads to a node, and may be replaced by us.
func (e *examination) file(c Cluster, p Pooler) {
	text, err := swap.Read(p.Ini)
	var at ini.Place
	if err == nil {
		at, err = ini.Find(string(text), p.entry(c))
	}
	if err != nil {
		e.say(pointsman.Hard, "ini", false, "its file cannot be used: "+err.Error(), "correct ini and database of the pooler")
		return
	}
	if err := swap.May(p.Ini); err != nil {
		e.say(pointsman.Hard, "ini", false, err.Error(), "give folder and file to the user of this process")
		return
	}
	e.say(pointsman.Warn, "ini", c.placed(at), fmt.Sprintf("%s leads the database %s to %s", p.Ini, p.entry(c), at), "that is no node's place as configured here: set advertised of the node, so that it can be recognised")
}

// console: its login works, it knows the database, and our user may pause it.
func (e *examination) console(ctx context.Context, c Cluster, p Pooler) {
	ctx, cancel := context.WithTimeout(ctx, c.ReadTimeout)
	defer cancel()
	shown, err := p.show(ctx, p.entry(c))
	if err != nil {
		e.say(pointsman.Hard, "console", false, p.Console.at(err.Error()), "start the pooler, correct console and database, and let its user in")
		return
	}
	if shown.Disabled {
		e.say(pointsman.Hard, "console", false, "its database "+p.entry(c)+" is disabled: clients cannot connect", "ENABLE "+p.entry(c)+" in its console")
		return
	}
	user, may, err := p.admin(ctx)
	if err != nil {
		e.say(pointsman.Hard, "console", false, "its settings cannot be read: "+err.Error(), "add the user to admin_users of the pooler")
		return
	}
	e.say(pointsman.Hard, "console", may, fmt.Sprintf("%s may PAUSE, RELOAD and RESUME the database %s: %t", user, p.entry(c), may), "add "+user+" to admin_users of the pooler; stats_users may only look")
	if shown.Paused {
		e.say(pointsman.Warn, "runs", false, fmt.Sprintf("its database %s is %s: clients wait", p.entry(c), shown.words()), shown.release(p.entry(c))+" in its console, if nobody works on it")
	}
}

// admin reports whether the console's user may change something, as the pooler's own settings say: stats_users may log in
// too and see everything but SHOW FDS. https://www.pgbouncer.org/config.html#admin_users
func (p Pooler) admin(ctx context.Context) (user string, may bool, err error) {
	conn, err := p.console(ctx)
	if err != nil {
		return "", false, err
	}
	defer discard(conn)
	user = conn.Config().User
	rows, err := conn.Query(ctx, "SHOW CONFIG")
	if err != nil {
		return user, false, scrubbed(err, nil)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return user, false, scrubbed(err, nil)
	}
	settings := map[string]string{}
	for _, row := range all {
		settings[fmt.Sprint(row["key"])] = fmt.Sprint(row["value"])
	}
	admins := strings.FieldsFunc(settings["admin_users"], func(r rune) bool { return r == ',' || r == ' ' })
	// The user pgbouncer comes over the pooler's own socket as its own system user; with auth_type any everybody is admin.
	return user, slices.Contains(admins, user) || user == consoleDatabase || settings["auth_type"] == "any", nil
}

// advertised: poolers and applications reach the node by it. It may lead another way from here, so it only warns.
func (e *examination) advertised(ctx context.Context, c Cluster, n Node) {
	d := net.Dialer{Timeout: c.ReadTimeout}
	conn, err := d.DialContext(ctx, "tcp", n.Advertised)
	if err != nil {
		e.say(pointsman.Warn, "advertised", false, fmt.Sprintf("%s cannot be reached from here: %v", n.Advertised, sense(err)), "correct advertised, unless only the poolers reach it")
		return
	}
	_ = conn.Close() // nothing was said on it
	e.say(pointsman.Warn, "advertised", true, n.Advertised+" answers", "")
}
