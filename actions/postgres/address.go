package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// Address is a connection string, or the file that holds it. The file is read again for each connection, so that a
// rotated password needs no restart.
type Address struct {
	DSN     string `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

func (a Address) empty() bool { return a.DSN == "" && a.DSNFile == "" }

// String never shows the connection string: it holds a password.
func (a Address) String() string {
	if a.DSNFile != "" {
		return "dsn_file " + a.DSNFile
	}
	return "dsn"
}

// GoString keeps %#v from showing it either.
func (a Address) GoString() string { return a.String() }

func (a Address) validate(path string, single bool) []pointsman.Fault {
	switch {
	case a.empty():
		return []pointsman.Fault{{Path: path, Text: "set dsn_file, or dsn"}}
	case a.DSN != "" && a.DSNFile != "":
		return []pointsman.Fault{{Path: path, Text: "set dsn_file or dsn, not both"}}
	case a.DSN == "":
		return nil
	}
	cfg, err := dsn.Parse(a.DSN)
	if err != nil {
		return []pointsman.Fault{{Path: path + ".dsn", Text: err.Error()}}
	}
	if hosts := dsn.Hosts(cfg); single && len(hosts) > 1 {
		return []pointsman.Fault{{Path: path + ".dsn", Text: fmt.Sprintf("a node is one server, its DSN names %d: %s", len(hosts), strings.Join(hosts, ", "))}}
	}
	return nil
}

// config returns the driver's configuration as it is now.
func (a Address) config() (*pgx.ConnConfig, error) {
	cfg, err := dsn.Read(a.DSN, a.DSNFile)
	if err != nil {
		return nil, err
	}
	// One round trip and no prepared statement, which a pooler in front could give to somebody else.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "pointsman"
	}
	return cfg, nil
}

// addr is host:port of the node; empty when its DSN cannot be read.
func (n Node) addr() string {
	cfg, err := n.config()
	if err != nil {
		return ""
	}
	return dsn.Hosts(cfg)[0]
}

// connect opens a connection to exactly this server, in whatever role it is. database replaces the DSN's where set.
func (n Node) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	cfg, err := n.config()
	if err != nil {
		return nil, err
	}
	if hosts := dsn.Hosts(cfg); len(hosts) > 1 {
		return nil, fmt.Errorf("node %s is one server, its DSN names %d", n.Name, len(hosts))
	}
	cfg.ValidateConnect = nil // target_session_attrs would hide a standby
	if database != "" {
		cfg.Database = database
	}
	dsn.SystemNames(cfg)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && strings.Contains(e.Message, "unsupported startup parameter") {
		return nil, &scrubError{text: "a pooler answers, where a node's DSN must lead to the server itself: " + plain(err), cause: err}
	}
	return conn, scrubbed(err, cfg)
}

// at puts the servers that the address names before what is told of them: a slip of the pen is looked for there.
func (a Address) at(told string) string {
	cfg, err := a.config()
	if err != nil {
		return told // it tells of the address itself
	}
	return strings.Join(dsn.Hosts(cfg), ", ") + ": " + told
}

// within runs one transaction over a new connection by the clients' address, which may lead through a pooler, that gives each
// transaction its own server, or name several hosts.
func (a Address) within(ctx context.Context, do func(pgx.Tx) error) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	return transact(ctx, cfg, pgx.ConnectConfig, do)
}

// opener is a way to a session: the driver's, which is that of clients, or dsn.Beside.
type opener func(context.Context, *pgx.ConnConfig) (*pgx.Conn, error)

func transact(ctx context.Context, cfg *pgx.ConnConfig, open opener, do func(pgx.Tx) error) error {
	conn, err := open(ctx, cfg)
	if err != nil {
		return scrubbed(err, cfg)
	}
	defer discard(conn)
	return scrubbed(pgx.BeginTxFunc(ctx, conn, dsn.SystemNamesTx(), do), nil)
}

// scrubError carries a text without secrets and keeps the cause for classifying.
type scrubError struct {
	text  string
	cause error
}

func (e *scrubError) Error() string { return e.text }
func (e *scrubError) Unwrap() error { return e.cause }

// scrubbed replaces an error's text by one that cannot hold a part of the connection string: the server's own message,
// or the system's word for what happened.
func scrubbed(err error, cfg *pgx.ConnConfig) error {
	if err == nil {
		return nil
	}
	text := plain(err)
	if cfg != nil && cfg.Password != "" {
		text = strings.ReplaceAll(text, cfg.Password, "***")
	}
	return &scrubError{text: text, cause: err}
}

// plain tells what happened in words that the server or the system chose.
func plain(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, e.Code)
	}
	return sense(err)
}
