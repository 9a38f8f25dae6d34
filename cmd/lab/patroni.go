package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PatroniUser and PatroniPassword are asked for by whatever changes something through a member's REST API.
const (
	PatroniUser     = "pointsman"
	PatroniPassword = "hunter2-of-patroni"
)

// PatroniOptions describes a cluster; the zero value is two members with Patroni's own times.
type PatroniOptions struct {
	Scope    string                    // the cluster's name in the DCS, "orders" by default
	Members  int                       // 2 by default; called pg-1 and on
	Tags     map[string]map[string]any // by member: {"pg-3": {"nofailover": true}}
	Settings map[string]string         // PostgreSQL's, of every member
	Dynamic  map[string]any            // of the cluster, over the defaults: "synchronous_mode": true
	// Hasty uses times far below the ones of production, so that a lost leader is replaced within seconds.
	Hasty    bool
	InMemory bool // see PostgresOptions
}

// Patroni is a real cluster: PostgreSQL servers that a Patroni each runs, and one etcd in which they agree.
type Patroni struct {
	Scope   string
	Members []*PatroniMember

	etcd    *Etcd
	dynamic map[string]any // settings of the whole cluster, for the first start
}

// PatroniMember is one Patroni with its server. Its ports and its data stay the same for its life.
type PatroniMember struct {
	Name     string
	Port     int // of PostgreSQL
	RESTPort int

	server *Postgres // its data, and the process of Patroni, of which the server is a child
	tags   map[string]any
}

// StartPatroni returns once one member leads and every other one streams from it. ctx bounds the start only; without a
// deadline it may take a minute.
func StartPatroni(ctx context.Context, options PatroniOptions) (*Patroni, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if options.Scope == "" {
		options.Scope = "orders"
	}
	p := &Patroni{Scope: options.Scope, dynamic: patroniTimes(options)}
	var err error
	if p.etcd, err = StartEtcd(ctx); err != nil {
		return nil, err
	}
	if err := p.start(ctx, options); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// patroniTimes are the cluster's dynamic settings.
func patroniTimes(options PatroniOptions) map[string]any {
	all := map[string]any{"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "maximum_lag_on_failover": 1 << 20}
	if options.Hasty {
		// loop_wait + 2 * retry_timeout must not be more than ttl.
		maps.Copy(all, map[string]any{"ttl": 12, "loop_wait": 1, "retry_timeout": 5})
	}
	maps.Copy(all, options.Dynamic)
	return all
}

func (p *Patroni) start(ctx context.Context, options PatroniOptions) error {
	bin, err := patroniBin()
	if err != nil {
		return err
	}
	for i := range max(2, options.Members) {
		m, err := p.newMember(ctx, fmt.Sprintf("pg-%d", i+1), options)
		if err != nil {
			return err
		}
		if err := m.launch(bin); err != nil {
			return err
		}
		// The first one leads, so that tests know who does: the others begin once it has the leader's key.
		if i == 0 {
			if err := p.await(ctx, m.leads); err != nil {
				return fmt.Errorf("start %s: %w", m.Name, errors.Join(err, m.ended()))
			}
		}
	}
	return p.AwaitHealthy(ctx)
}

// newMember lays out a copy of the template. All members are copies of one cold cluster, which is a base backup that
// needs no time: Patroni adopts the first and lets the others follow.
func (p *Patroni) newMember(ctx context.Context, name string, options PatroniOptions) (*PatroniMember, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	rest, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := dataFolder(name, options.InMemory)
	if err != nil {
		return nil, err
	}
	m := &PatroniMember{Name: name, Port: port, RESTPort: rest, server: &Postgres{Name: name, Port: port, dir: dir}, tags: options.Tags[name]}
	p.Members = append(p.Members, m) // from here on Close removes it
	if err := copyTemplate(ctx, m.server.DataDir()); err != nil {
		return nil, err
	}
	return m, p.configure(m, options.Settings)
}

// configure writes the member's patroni.yml. JSON is YAML.
func (p *Patroni) configure(m *PatroniMember, more map[string]string) error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	settings := m.server.settings(more)
	for _, name := range []string{"port", "listen_addresses", "cluster_name"} { // Patroni sets them itself
		delete(settings, name)
	}
	// It wants a socket. Beside the data directory and not in it: pg_rewind would try to copy the socket, and fail.
	settings["unix_socket_directories"] = ".."
	text, err := json.Marshal(map[string]any{
		"scope": p.Scope, "name": m.Name,
		"etcd3": map[string]any{"host": p.etcd.Addr()},
		"restapi": map[string]any{
			"listen": m.RESTAddr(), "connect_address": m.RESTAddr(),
			"authentication": map[string]any{"username": PatroniUser, "password": PatroniPassword},
		},
		"bootstrap": map[string]any{"dcs": p.dynamic},
		"postgresql": map[string]any{
			"listen": m.Addr(), "connect_address": m.Addr(), "data_dir": m.server.DataDir(), "bin_dir": bin,
			"pgpass": filepath.Join(m.server.dir.Path, "pgpass"), "use_pg_rewind": true, "parameters": settings,
			"authentication": map[string]any{
				"superuser":   map[string]any{"username": Superuser},
				"replication": map[string]any{"username": "replicator"},
				"rewind":      map[string]any{"username": "rewinder"},
			},
		},
		"tags": m.tags,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.config(), text, 0o600); err != nil {
		return err
	}
	return m.server.dir.Give(m.config())
}

// launch starts the member's Patroni, which starts or takes over its server.
func (m *PatroniMember) launch(bin string) error {
	run, err := launch(m.server.dir.Path, m.logFile(), bin, m.config())
	if err != nil {
		return err
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.server.run = run
	return nil
}

// leads is nil while the member's REST API says that it is the leader.
func (m *PatroniMember) leads(ctx context.Context) error {
	if err := m.ended(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // a frozen member must not hide the leader
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.URL()+"/leader", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s does not lead: /leader answers %s", m.Name, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// ended is how the member's Patroni ended, nil while it runs.
func (m *PatroniMember) ended() error {
	if run := m.server.process(); run != nil && !run.running() {
		return run.ended()
	}
	return nil
}

// Leader is the member that leads, as the members' own REST APIs say.
func (p *Patroni) Leader(ctx context.Context) (*PatroniMember, error) {
	var faults []error
	for _, m := range p.Members {
		err := m.leads(ctx)
		if err == nil {
			return m, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// Member finds a member by name; nil when there is none.
func (p *Patroni) Member(name string) *PatroniMember {
	i := slices.IndexFunc(p.Members, func(m *PatroniMember) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return p.Members[i]
}

// AwaitHealthy returns once one member leads and every other one streams from it, as the leader's server says.
func (p *Patroni) AwaitHealthy(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return p.await(ctx, func(ctx context.Context) error {
		leader, err := p.Leader(ctx)
		if err != nil {
			return err
		}
		var names []string
		for _, m := range p.Members {
			if m != leader {
				names = append(names, m.Name)
			}
		}
		return leader.streamsTo(ctx, names)
	})
}

// streamsTo is nil once all those have on disk what this server wrote. That they stream is not enough: a stream begins
// with the first byte of a segment, and a replica that loses its leader halfway through it has less than before.
func (m *PatroniMember) streamsTo(ctx context.Context, names []string) error {
	conn, err := pgx.Connect(ctx, m.server.SuperuserDSN())
	if err != nil {
		return err
	}
	var have int
	err = conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_replication
		WHERE state = 'streaming' AND flush_lsn >= pg_current_wal_lsn() AND application_name = ANY ($1)`, names).Scan(&have)
	if err == nil && have < len(names) {
		err = fmt.Errorf("%d of %v have all from %s", have, names, m.Name)
	}
	return errors.Join(err, conn.Close(ctx))
}

// await asks less often than Await does: each question costs a Patroni, which is slow, a part of what it waits for.
func (p *Patroni) await(ctx context.Context, fact func(context.Context) error) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	return Await(ctx, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		return fact(ctx)
	})
}

// ClientDSN is how an application connects: all members, and whichever takes writes at the moment.
func (p *Patroni) ClientDSN(role string) string {
	var hosts []string
	for _, m := range p.Members {
		hosts = append(hosts, m.Addr())
	}
	return dsn(role, strings.Join(hosts, ","), AppDatabase, "&target_session_attrs=read-write")
}

// Close stops everything and removes the data. It may be called twice.
func (p *Patroni) Close() error {
	var faults []error
	for _, m := range p.Members {
		faults = append(faults, m.server.Close())
	}
	return errors.Join(append(faults, p.etcd.Close())...)
}

// Addr is host:port of the member's server.
func (m *PatroniMember) Addr() string { return m.server.Addr() }

// RESTAddr is host:port of the member's REST API.
func (m *PatroniMember) RESTAddr() string { return "127.0.0.1:" + strconv.Itoa(m.RESTPort) }

// URL is where its REST API answers.
func (m *PatroniMember) URL() string { return "http://" + m.RESTAddr() }

// DSN addresses a database of the member's server as a role.
func (m *PatroniMember) DSN(role, database string) string { return m.server.DSN(role, database) }

// Exec runs SQL on the member's server as the superuser in the database app.
func (m *PatroniMember) Exec(ctx context.Context, sql string) error { return m.server.Exec(ctx, sql) }

// Kill ends Patroni and its server by SIGKILL, as a loss of power would.
func (m *PatroniMember) Kill() error { return m.server.Kill() }

// Freeze stops Patroni and its server by SIGSTOP: connections are accepted and never answered.
func (m *PatroniMember) Freeze() error { return m.server.Freeze() }

// Thaw lets a frozen member go on.
func (m *PatroniMember) Thaw() error { return m.server.Thaw() }

// Start starts a member that was killed, on the same ports and data; it joins by itself, some time later.
func (m *PatroniMember) Start() error {
	bin, err := patroniBin()
	if err != nil {
		return err
	}
	return m.launch(bin)
}

// Log returns what its Patroni and its server have written so far.
func (m *PatroniMember) Log() (string, error) {
	text, err := os.ReadFile(m.logFile())
	return string(text), err
}

func (m *PatroniMember) logFile() string { return m.server.logFile() }

func (m *PatroniMember) config() string { return filepath.Join(m.server.dir.Path, "patroni.yml") }
