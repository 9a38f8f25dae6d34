package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// The roles of every server here, and the application's database. All log in from this machine without a password.
const (
	Superuser   = "postgres"
	App         = "app"       // owns the database app: an ordinary client
	Pointsman   = "pointsman" // what an operator grants Pointsman, and no more; see template.go
	AppDatabase = "app"
)

// PostgresOptions describes one server; the zero value is good.
type PostgresOptions struct {
	Name     string            // cluster_name, "pg-1" by default
	Settings map[string]string // added to postgresql.conf, the last word
	// InMemory keeps the data in memory where there is room. It starts several times faster, and its fsync costs nothing:
	// right for tests, wrong for what is measured or shown.
	InMemory bool
	// Island puts the server on it; nil is 127.0.0.1.
	Island *Island
	// OwnIdentity gives the server a system identifier of its own. Without it all are copies of one template and share
	// one identifier, as a primary and its standby do. It costs an initdb, about a second.
	OwnIdentity bool
}

// StopMode is one of PostgreSQL's three ways to shut down; its value is the signal that asks for it.
type StopMode syscall.Signal

// The ways to shut down, from the politest on: wait for clients, disconnect them, leave without a checkpoint.
const (
	Smart     = StopMode(syscall.SIGTERM)
	Fast      = StopMode(syscall.SIGINT)
	Immediate = StopMode(syscall.SIGQUIT)
)

// Postgres is one PostgreSQL server, running or not, with its data directory. Its port stays the same for its life.
type Postgres struct {
	Name string
	Port int

	dir *Dir
	on  *Island    // nil on the mainland
	mu  sync.Mutex // guards run: a test may kill a server while another goroutine looks at it
	run *process
}

// StartPostgres starts a server with the roles and the database app, and returns once it answers. ctx bounds the start
// only; without a deadline it may take a minute.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	s, err := newPostgres(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newPostgres lays out the data directory of a server without starting it.
func newPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if options.Name == "" {
		options.Name = "pg-1"
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := dataFolder(options.Name, options.InMemory)
	if err != nil {
		return nil, err
	}
	s := &Postgres{Name: options.Name, Port: port, dir: dir, on: options.Island}
	lay := copyTemplate
	if options.OwnIdentity {
		lay = initCluster
	}
	err = lay(ctx, s.DataDir())
	if err == nil {
		err = s.configure(s.settings(options.Settings))
	}
	if err == nil && s.on != nil { // initdb trusts 127.0.0.1 alone
		err = appendFile(filepath.Join(s.DataDir(), "pg_hba.conf"), "host all all 198.18.0.0/15 trust\nhost replication all 198.18.0.0/15 trust\n")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory of %s: %w", s.Name, err), dir.Close())
	}
	return s, nil
}

func dataFolder(name string, inMemory bool) (*Dir, error) {
	if inMemory {
		return newMemoryDir(name)
	}
	return NewDir(name)
}

// settings are close to a small production server's: durable, with checksums and hints that pg_rewind needs.
func (s *Postgres) settings(more map[string]string) map[string]string {
	all := map[string]string{
		"port":                    strconv.Itoa(s.Port),
		"listen_addresses":        s.listens(),
		"unix_socket_directories": "",
		"cluster_name":            s.Name,
		"wal_level":               "replica",
		"wal_log_hints":           "on",
		"max_wal_senders":         "10",
		"max_replication_slots":   "10",
		"hot_standby":             "on",
		"shared_buffers":          "32MB",
		"log_line_prefix":         "%m [%p] ",
		// In the data directory and not in /dev/shm, where a killed server's would stay for ever.
		"dynamic_shared_memory_type": "mmap",
	}
	maps.Copy(all, more)
	return all
}

func (s *Postgres) listens() string {
	if s.on == nil {
		return "127.0.0.1"
	}
	return "127.0.0.1," + s.on.Addr(Front) + "," + s.on.Addr(Back)
}

// configure appends settings to postgresql.conf, where the last mention of a name wins.
func (s *Postgres) configure(settings map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return appendFile(filepath.Join(s.DataDir(), "postgresql.conf"), text.String())
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// Start starts a server that was stopped or killed, on the same port and data, and returns once it answers.
func (s *Postgres) Start(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	run, err := launchOn(s.on, s.DataDir(), s.logFile(), filepath.Join(bin, "postgres"), "-D", s.DataDir())
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.run = run
	s.mu.Unlock()
	// A server that ends instead of answering ends the waiting too, with its last words.
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	go func() {
		select {
		case <-run.done:
			gone(run.ended())
		case <-ctx.Done():
		}
	}()
	if err := Await(ctx, func(ctx context.Context) error { return s.Exec(ctx, "SELECT 1") }); err != nil {
		return fmt.Errorf("start %s on port %d: %w", s.Name, s.Port, err)
	}
	return nil
}

// Exec runs SQL, one statement or several, as the superuser in the database app.
func (s *Postgres) Exec(ctx context.Context, sql string) error {
	return execOn(ctx, s.SuperuserDSN(), sql)
}

func execOn(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// DSN addresses a database of this server as a role, in the form of a URL.
func (s *Postgres) DSN(role, database string) string { return dsn(role, s.Addr(), database, "") }

// SuperuserDSN is the administrator's way into the database app.
func (s *Postgres) SuperuserDSN() string { return s.DSN(Superuser, AppDatabase) }

// AppDSN is the application's own way in.
func (s *Postgres) AppDSN() string { return s.DSN(App, AppDatabase) }

// PointsmanDSN is the way in for Pointsman's checks and promotions.
func (s *Postgres) PointsmanDSN() string { return s.DSN(Pointsman, AppDatabase) }

// Addr is host:port; of a server on an island through its front cable.
func (s *Postgres) Addr() string { return fmt.Sprintf("%s:%d", s.host(Front), s.Port) }

func (s *Postgres) host(c Cable) string {
	if s.on == nil {
		return "127.0.0.1"
	}
	return s.on.Addr(c)
}

func dsn(role, hosts, database, more string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: hosts, Path: "/" + database}
	u.RawQuery = "sslmode=disable&connect_timeout=5" + more
	return u.String()
}

// DataDir is PGDATA.
func (s *Postgres) DataDir() string { return filepath.Join(s.dir.Path, "data") }

func (s *Postgres) logFile() string { return filepath.Join(s.dir.Path, "postgres.log") }

// Log returns everything that the server has written so far.
func (s *Postgres) Log() (string, error) {
	text, err := os.ReadFile(s.logFile())
	return string(text), err
}
