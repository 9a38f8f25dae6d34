package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// PairOptions describes a primary with its standbys; the zero value is one of each.
type PairOptions struct {
	Standbys    int               // 1 by default
	Settings    map[string]string // added to postgresql.conf of every node
	InMemory    bool              // see PostgresOptions
	OnDisk      bool              // for NewPair, where a benchmark measures what waits for a disk
	OwnIdentity bool              // see PostgresOptions
	Island      *Island           // where the primary stands; its standbys reach it by the back cable
}

// Pair is a primary, pg-1, with standbys pg-2 and on, each streaming through a slot of its own. The names tell the
// roles at the start; after a promotion they stay with their servers.
type Pair struct {
	Primary  *Postgres
	Standby  *Postgres   // the first of Standbys
	Standbys []*Postgres // pg-2, pg-3 ...
}

// StartPair returns once every standby streams. ctx bounds the start only; without a deadline it may take a minute.
func StartPair(ctx context.Context, options PairOptions) (*Pair, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	primary, err := newPostgres(ctx, PostgresOptions{
		Settings: options.Settings, InMemory: options.InMemory, OwnIdentity: options.OwnIdentity, Island: options.Island,
	})
	if err != nil {
		return nil, err
	}
	p := &Pair{Primary: primary}
	// Copied before the primary starts: two copies of one cold cluster are a base backup that needs no time.
	for i := range max(1, options.Standbys) {
		standby, err := newStandby(ctx, primary, fmt.Sprintf("pg-%d", i+2), options)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.Standbys = append(p.Standbys, standby)
	}
	p.Standby = p.Standbys[0]
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// newStandby lays out a copy of a cold primary that will follow it.
func newStandby(ctx context.Context, primary *Postgres, name string, options PairOptions) (*Postgres, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := dataFolder(name, options.InMemory)
	if err != nil {
		return nil, err
	}
	s := &Postgres{Name: name, Port: port, dir: dir}
	follow := map[string]string{
		"primary_conninfo":  fmt.Sprintf("host=%s port=%d user=replicator application_name=%s", primary.host(Back), primary.Port, name),
		"primary_slot_name": s.slot(),
	}
	maps.Copy(follow, options.Settings)
	signal := filepath.Join(s.DataDir(), "standby.signal")
	err = runTool(ctx, "cp", "-Rp", primary.DataDir(), s.DataDir())
	if err == nil {
		err = errors.Join(s.configure(s.settings(follow)), os.WriteFile(signal, nil, 0o600), dir.Give(signal))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy %s to %s: %w", primary.Name, name, err), dir.Close())
	}
	return s, nil
}

// slot is the replication slot's name; PostgreSQL allows no dash in it.
func (s *Postgres) slot() string { return strings.ReplaceAll(s.Name, "-", "_") }

func (p *Pair) start(ctx context.Context) error {
	if err := p.Primary.Start(ctx); err != nil {
		return err
	}
	for _, standby := range p.Standbys {
		create := fmt.Sprintf("SELECT pg_create_physical_replication_slot('%s', true)", standby.slot())
		if err := p.Primary.Exec(ctx, create); err != nil {
			return fmt.Errorf("slot %s: %w", standby.slot(), err)
		}
		if err := standby.Start(ctx); err != nil {
			return err
		}
	}
	return p.AwaitStreaming(ctx)
}

// AwaitStreaming returns once the primary reports every standby as streaming.
func (p *Pair) AwaitStreaming(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.Primary.SuperuserDSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	return Await(ctx, func(ctx context.Context) error {
		var streaming int
		const count = `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'`
		if err := conn.QueryRow(ctx, count).Scan(&streaming); err != nil {
			return err
		}
		if streaming < len(p.Standbys) {
			return fmt.Errorf("%d of %d standbys stream from %s", streaming, len(p.Standbys), p.Primary.Name)
		}
		return nil
	})
}

// Nodes lists all servers, the first primary first.
func (p *Pair) Nodes() []*Postgres { return append([]*Postgres{p.Primary}, p.Standbys...) }

// ClientDSN is how an application connects: all nodes, and whichever takes writes at the moment.
func (p *Pair) ClientDSN(role string) string {
	var hosts []string
	for _, node := range p.Nodes() {
		hosts = append(hosts, node.Addr())
	}
	return dsn(role, strings.Join(hosts, ","), AppDatabase, "&target_session_attrs=read-write")
}

// KillPrimary ends the primary by SIGKILL, as a loss of power would.
func (p *Pair) KillPrimary() error { return p.Primary.Kill() }

// StopPrimary shuts the primary down in order.
func (p *Pair) StopPrimary(ctx context.Context, mode StopMode) error {
	return p.Primary.Stop(ctx, mode)
}

// FreezePrimary hangs the primary: connections are accepted and never answered.
func (p *Pair) FreezePrimary() error { return p.Primary.Freeze() }

// ThawPrimary lets a frozen primary go on.
func (p *Pair) ThawPrimary() error { return p.Primary.Thaw() }

// StandbyLogs returns what the first standby has written so far.
func (p *Pair) StandbyLogs() (string, error) { return p.Standby.Log() }

// Close stops all servers and removes their data.
func (p *Pair) Close() error {
	var faults []error
	for _, node := range p.Nodes() {
		faults = append(faults, node.Close())
	}
	return errors.Join(faults...)
}
