package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/ini"
)

// Pooler is a PgBouncer in front of the cluster. Its configuration file is on this host, or on a volume of it.
type Pooler struct {
	Name     string  `yaml:"name"`
	Console  Address `yaml:"console"`  // the admin console, database pgbouncer; its user is one of admin_users
	Ini      string  `yaml:"ini"`      // the file that RELOAD reads
	Database string  `yaml:"database"` // the entry of [databases], by default the cluster's database
	Clients  Address `yaml:"clients"`  // an address through this pooler, for the proof by a write
}

func (c Cluster) validatePoolers(at string) []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, p := range c.Poolers {
		path := fmt.Sprintf("%s.poolers[%d]", at, i)
		fault := func(field, text string) { faults = append(faults, pointsman.Fault{Path: path + field, Text: text}) }
		if p.Name == "" || slices.Contains(names, p.Name) {
			fault(".name", "a pooler needs a name of its own")
		}
		names = append(names, p.Name)
		if !filepath.IsAbs(p.Ini) {
			fault(".ini", "the absolute path of its configuration file is needed, such as /etc/pgbouncer/pgbouncer.ini")
		}
		if p.Database == "" && c.Database == "" {
			fault(".database", "name the entry of [databases], or the cluster's database")
		}
		faults = append(faults, p.Console.validate(path+".console", true)...)
		faults = append(faults, p.Clients.validate(path+".clients", true)...)
	}
	for i, n := range c.Nodes {
		if _, _, err := net.SplitHostPort(n.Advertised); n.Advertised != "" && err != nil {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("%s.nodes[%d].advertised", at, i), Text: fmt.Sprintf("%q is not like db-1.internal:5432", n.Advertised)})
		}
	}
	return faults
}

// place is where poolers and applications reach the node.
func (n Node) place() (ini.Place, error) {
	at := n.Advertised
	if at == "" {
		at = n.addr()
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil || host == "" {
		return ini.Place{}, fmt.Errorf("it cannot be told where %s is; set advertised, such as db-1.internal:5432", n.Name)
	}
	return ini.Place{Host: host, Port: port}, nil
}

// entry is the name in [databases].
func (p Pooler) entry(c Cluster) string {
	if p.Database != "" {
		return p.Database
	}
	return c.Database
}

// consoleDatabase is the name by which PgBouncer knows its own console.
const consoleDatabase = "pgbouncer"

// console opens the admin console. It speaks the simple protocol only and ends the connection at anything else.
func (p Pooler) console(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := p.Console.config()
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.Database = consoleDatabase
	conn, err := pgx.ConnectConfig(ctx, cfg)
	return conn, scrubbed(err, cfg)
}

// command runs one command of the console, such as RELOAD.
func (p Pooler) command(ctx context.Context, command string) error {
	conn, err := p.console(ctx)
	if err != nil {
		return err
	}
	defer discard(conn)
	_, err = conn.Exec(ctx, command)
	return scrubbed(err, nil)
}

// running is what the pooler itself says about one of its databases.
type running struct {
	ini.Place
	Paused, Disabled bool
	Whole            bool // paused with all its databases: RESUME of one says that it is not paused, and helps nobody
	Busy             bool // paused, but connections to the server are open still: PAUSE shows at once and holds only later
}

// words of its state; release is the command of the console that lets its clients go on.
func (r running) words() string {
	switch {
	case r.Whole:
		return "paused as a whole"
	case r.Busy:
		return "paused, with transactions still open"
	case r.Paused:
		return "paused"
	}
	return "serving"
}

func (r running) release(entry string) string {
	if r.Whole {
		return "RESUME"
	}
	return "RESUME " + quotedEntry(entry) // a name with a dash is none without
}

// show asks SHOW DATABASES. The columns differ between releases, so they are found by name.
func (p Pooler) show(ctx context.Context, entry string) (running, error) {
	conn, err := p.console(ctx)
	if err != nil {
		return running{}, err
	}
	defer discard(conn)
	rows, err := conn.Query(ctx, "SHOW DATABASES")
	if err != nil {
		return running{}, scrubbed(err, nil)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return running{}, scrubbed(err, nil)
	}
	for _, row := range all {
		word := func(column string) string {
			if row[column] == nil {
				return ""
			}
			return fmt.Sprint(row[column])
		}
		if word("name") == entry {
			whole, err := pausedWhole(ctx, conn)
			is := running{Place: ini.Place{Host: word("host"), Port: word("port")}, Disabled: word("disabled") == "1", Whole: whole}
			is.Paused = whole || word("paused") == "1"
			is.Busy = is.Paused && word("current_connections") != "0" // a paused database closes each as it becomes free
			return is, err
		}
	}
	return running{}, fmt.Errorf("it has no database %s", entry)
}

// pausedWhole asks whether a PAUSE without a name is in force, which SHOW DATABASES does not say. To pause the console's own
// database is refused always; a pause of the whole is looked at first and refuses it with its own words (PgBouncer's
// admin.c, admin_cmd_pause, in all releases; SHOW STATE is newer).
func pausedWhole(ctx context.Context, console *pgx.Conn) (bool, error) {
	_, err := console.Exec(ctx, "PAUSE "+quotedEntry(consoleDatabase))
	said, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case said == nil && err == nil:
		return false, errors.New("its console lets itself be paused: it is no PgBouncer")
	case said == nil:
		return false, scrubbed(err, nil)
	case strings.Contains(said.Message, "already suspended/paused"):
		return true, nil
	case strings.Contains(said.Message, "cannot pause admin db"), strings.Contains(said.Message, "admin access needed"):
		return false, nil // without the right nothing is done anyway, and each command says so
	}
	return false, scrubbed(err, nil)
}

// quotedEntry is the entry's name as a word of a console command.
func quotedEntry(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// pooler finds one by name; all where the name is empty.
func (c Cluster) pooler(name string) ([]Pooler, error) {
	if name == "" {
		return c.Poolers, nil
	}
	var names []string
	for _, p := range c.Poolers {
		if p.Name == name {
			return []Pooler{p}, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("cluster %s has no pooler %q; it has %s", c.Name, name, strings.Join(names, ", "))
}
