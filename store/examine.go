package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
)

// clockLimit is how far the database's clock may be from ours before times in the log mislead.
const clockLimit = 2 * time.Second

// Examine looks whether a server could keep its state there, beside one that already does: it opens no file that may be
// locked, and changes nothing.
func (c Config) Examine(ctx context.Context) []pointsman.Fact {
	f := pointsman.Fact{Kind: pointsman.Hard, Name: "store", Value: "ready", Result: pointsman.Pass, At: time.Now()}
	fail := func(text, clears string) {
		f.Value, f.Result, f.Text, f.Clears = "not ready", pointsman.Fail, text, clears
	}
	if c.Driver != "postgres" {
		f.Source, f.Text = c.Path, "SQLite in "+c.Path
		if err := c.writable(); err != nil {
			fail("the folder takes no files: "+err.Error(), "give it to the user of this process, or set storage.path")
		}
		return []pointsman.Fact{f}
	}
	f.Source = "postgres"
	a, err := c.ask(ctx)
	if err != nil {
		fail(err.Error(), "start the database, or correct storage.dsn, pg_hba.conf and password")
		return []pointsman.Fact{f}
	}
	f.Text = "PostgreSQL " + a.version + " takes our tables"
	return []pointsman.Fact{f, a.privilege(), a.clock()}
}

// answered is what the database says of itself and of our role there.
type answered struct {
	version, role string
	super         bool
	offset        time.Duration // of its clock from ours
}

func (a answered) privilege() pointsman.Fact {
	f := pointsman.Fact{
		Kind: pointsman.Warn, Name: "store role is no superuser", Value: a.role, Source: "postgres", At: time.Now(), Result: pointsman.Pass,
		Text: "the role " + a.role + " is no superuser",
	}
	if a.super {
		f.Result, f.Text = pointsman.Fail, "the role "+a.role+" is a superuser: whoever comes by storage.dsn has the whole server, and its machine"
		f.Clears = "let a role of its own own the database of the store, and no more; see SECURITY.md"
	}
	return f
}

func (a answered) clock() pointsman.Fact {
	offset := a.offset.Round(time.Millisecond)
	f := pointsman.Fact{
		Guard: "G32", Kind: pointsman.Warn, Name: "store clock", Value: offset.String(), Limit: clockLimit.String(), Source: "postgres", At: time.Now(), Result: pointsman.Pass,
		Text: fmt.Sprintf("the database's clock, which is the one that counts, is %s from this machine's, limit %s", offset, clockLimit),
	}
	if offset.Abs() > clockLimit {
		f.Result, f.Clears = pointsman.Fail, "run an NTP client on both machines"
	}
	return f
}

func (c Config) writable() error {
	if c.Path == inMemory {
		return nil
	}
	dir := filepath.Dir(c.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, 64<<10)) // a full disk still makes empty files
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// ask reads what the database says; the error is why no server could keep its state there.
func (c Config) ask(ctx context.Context) (a answered, err error) {
	dsn, err := c.dsn()
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return a, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // reads only; nothing is lost
	var standby, create bool
	var now time.Time
	asked := time.Now()
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
		pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE'), clock_timestamp()`).
		Scan(&a.version, &a.role, &a.super, &standby, &create, &now)
	switch {
	case err != nil:
		return a, err
	case standby:
		return a, errors.New("the address leads to a standby, which takes no writes")
	case !create:
		return a, errors.New("the role may not create tables in its schema: GRANT CREATE ON SCHEMA to it, or run one start with a role that may")
	}
	a.offset = now.Sub(asked.Add(time.Since(asked) / 2)) // the answer lies somewhere between question and now
	return a, nil
}

// Addresses lists host:port of the database, of each host that the DSN names; none for SQLite, and where it cannot be read.
func (c Config) Addresses() []string {
	if c.Driver != "postgres" {
		return nil
	}
	dsn, err := c.dsn()
	if err != nil {
		return nil
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil
	}
	out := []string{hostPort(cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks { // one host may stand in it twice, with TLS and without
		if addr := hostPort(f.Host, f.Port); !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return out
}

// hostPort puts an IPv6 address in brackets, as wherever addresses are compared and split.
func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// SystemID is the system identifier of the cluster in which the store's database is; empty for SQLite.
func (c Config) SystemID(ctx context.Context) (id string, err error) {
	if c.Driver != "postgres" {
		return "", nil
	}
	dsn, err := c.dsn()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // reads only; nothing is lost
	err = conn.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&id)
	return id, err
}
