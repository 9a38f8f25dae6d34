package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PgBouncerOptions describes one pooler; Server is needed, the rest may be zero.
type PgBouncerOptions struct {
	Name   string    // of its folder, "pgbouncer" by default
	Server *Postgres // whom its database app leads to at the start
	// Databases are further entries of its section [databases], by name: "host=127.0.0.1 port=5432 dbname=app".
	Databases map[string]string
	Settings  map[string]string // added to its section [pgbouncer], the last word
}

// PgBouncer is a real pooler on 127.0.0.1, in transaction mode. The roles App, Pointsman and Superuser log in without a
// password; Pointsman may use its admin console.
type PgBouncer struct {
	Port int

	dir *Dir
	run *process
}

// StartPgBouncer returns once the pooler's console answers. ctx bounds the start only; without a deadline it may take a
// minute.
func StartPgBouncer(ctx context.Context, options PgBouncerOptions) (*PgBouncer, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	bin, err := pgbouncerBin()
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if options.Name == "" {
		options.Name = "pgbouncer"
	}
	dir, err := NewDir(options.Name)
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{Port: port, dir: dir}
	if err := b.start(ctx, bin, options); err != nil {
		return nil, errors.Join(fmt.Errorf("start pgbouncer on port %d: %w", port, err), b.Close())
	}
	return b, nil
}

// NewPgBouncer starts a pooler for one test and closes it when the test ends.
func NewPgBouncer(t TB, options PgBouncerOptions) *PgBouncer {
	t.Helper()
	b, err := StartPgBouncer(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return b
}

func (b *PgBouncer) start(ctx context.Context, bin string, options PgBouncerOptions) error {
	var users strings.Builder
	for _, role := range []string{App, Pointsman, Superuser} {
		fmt.Fprintf(&users, "%q \"\"\n", role)
	}
	for path, text := range map[string]string{b.users(): users.String(), b.Ini(): b.text(options)} {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), b.dir.Give(path)); err != nil {
			return err
		}
	}
	var err error
	// It refuses to run as root; launch gives it the servers' user.
	if b.run, err = launch(b.dir.Path, b.logFile(), bin, b.Ini()); err != nil {
		return err
	}
	return Await(ctx, func(ctx context.Context) error {
		if !b.run.running() {
			return b.run.ended()
		}
		return b.Console(ctx, "SHOW VERSION")
	})
}

// text is the ini file.
func (b *PgBouncer) text(options PgBouncerOptions) string {
	databases := map[string]string{
		AppDatabase: fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s", options.Server.Port, AppDatabase),
	}
	maps.Copy(databases, options.Databases)
	settings := map[string]string{
		"listen_addr":               "127.0.0.1",
		"listen_port":               strconv.Itoa(b.Port),
		"unix_socket_dir":           "",
		"auth_type":                 "trust",
		"auth_file":                 b.users(),
		"admin_users":               Pointsman,
		"pool_mode":                 "transaction",
		"max_client_conn":           "200",
		"default_pool_size":         "20",
		"ignore_startup_parameters": "extra_float_digits",
		// A dead server is tried again soon: tests wait for it.
		"server_login_retry": "0.2",
	}
	maps.Copy(settings, options.Settings)
	var text strings.Builder
	for _, section := range []struct {
		name    string
		entries map[string]string
	}{{"databases", databases}, {"pgbouncer", settings}} {
		fmt.Fprintf(&text, "[%s]\n", section.name)
		for _, name := range slices.Sorted(maps.Keys(section.entries)) {
			fmt.Fprintf(&text, "%s = %s\n", name, section.entries[name])
		}
	}
	return text.String()
}

// Console runs one command of the admin console, such as RELOAD or PAUSE app. The console speaks the simple protocol only.
func (b *PgBouncer) Console(ctx context.Context, command string) error {
	return execOn(ctx, b.ConsoleDSN(), command)
}

// Show runs a SHOW command and returns its rows, by column.
func (b *PgBouncer) Show(ctx context.Context, command string) ([]map[string]any, error) {
	conn, err := pgx.Connect(ctx, b.ConsoleDSN())
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, command)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	out, err := pgx.CollectRows(rows, pgx.RowToMap)
	return out, errors.Join(err, conn.Close(ctx))
}

// ConsoleDSN is the way to the admin console, for pgx: the simple protocol.
func (b *PgBouncer) ConsoleDSN() string {
	return dsn(Pointsman, b.Addr(), "pgbouncer", "&default_query_exec_mode=simple_protocol")
}

// DSN addresses one of its databases as a role.
func (b *PgBouncer) DSN(role, database string) string { return dsn(role, b.Addr(), database, "") }

// Addr is host:port.
func (b *PgBouncer) Addr() string { return fmt.Sprintf("127.0.0.1:%d", b.Port) }

// Ini is the path of its configuration, which RELOAD reads again.
func (b *PgBouncer) Ini() string { return filepath.Join(b.dir.Path, "pgbouncer.ini") }

func (b *PgBouncer) users() string { return filepath.Join(b.dir.Path, "userlist.txt") }

func (b *PgBouncer) logFile() string { return filepath.Join(b.dir.Path, "pgbouncer.log") }

// Log returns everything that the pooler has written so far.
func (b *PgBouncer) Log() (string, error) {
	text, err := os.ReadFile(b.logFile())
	return string(text), err
}

// Pids is its process; none when it does not run.
func (b *PgBouncer) Pids() []int {
	if b.run == nil {
		return nil
	}
	return b.run.pids()
}

// Kill ends the pooler by SIGKILL.
func (b *PgBouncer) Kill() error { return b.run.kill() }

// Freeze stops the pooler by SIGSTOP: it accepts connections, for the kernel does, and never answers.
func (b *PgBouncer) Freeze() error { return b.run.signalAll(syscall.SIGSTOP) }

// Thaw lets a frozen pooler go on.
func (b *PgBouncer) Thaw() error { return b.run.signalAll(syscall.SIGCONT) }

// Close stops the pooler and removes its folder. It may be called twice.
func (b *PgBouncer) Close() error {
	var err error
	if b.run != nil {
		err = b.run.kill() // it keeps nothing; its own orderly ways wait for clients
	}
	return errors.Join(err, b.dir.Close())
}
