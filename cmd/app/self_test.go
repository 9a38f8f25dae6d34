package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/endpoint"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// noNameServer is a file that is not there: the name servers of the machine that runs the tests stay out of them.
const noNameServer = "testdata/none"

// Roblox could not see its failure because its monitoring stood on what had failed (guard G25).
func TestPointsmanMustNotStandOnWhatItRepairs(t *testing.T) {
	t.Parallel()
	node := func(addr string) postgres.Config {
		return postgres.Config{{Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: "postgres://p@" + addr + "/app"}}}}}
	}
	pg := func(addr string) store.Config {
		return store.Config{Driver: "postgres", DSN: "postgres://own@" + addr + "/pointsman"}
	}
	for _, c := range []struct {
		name  string
		store store.Config
		slack string
		node  string
		want  string
	}{
		{"the same server", pg("127.0.0.1:5432"), "", "127.0.0.1:5432", "HARD our own store is the server 127.0.0.1:5432"},
		{"the same server by another name", pg("localhost:5432"), "", "127.0.0.1:5432", "HARD our own store is the server 127.0.0.1:5432"},
		{"another server on the same machine", pg("127.0.0.1:5433"), "", "127.0.0.1:5432", "WARN our own store is on the machine of 127.0.0.1:5432"},
		{"another server on the same machine, by IPv6", pg("[2001:db8::1]:5433"), "", "[2001:db8::1]:5432", "WARN our own store is on the machine of [2001:db8::1]:5432"},
		{"another machine", pg("192.0.2.9:5432"), "", "192.0.2.10:5432", ""},
		{"our own machine", store.Config{Path: "p.db"}, "", "127.0.0.1:5432", "WARN our own SQLite file is on the machine"},
		{"a chat of our own on a target", pg("192.0.2.9:5432"), "http://192.0.2.10:8065/api/", "192.0.2.10:5432", "WARN the chat is on the machine of 192.0.2.10:5432"},
	} {
		cfg := configs.Default()
		cfg.Storage, cfg.Targets.Postgres = c.store, node(c.node)
		cfg.Slack = bot.Config{Enabled: c.slack != "", APIURL: c.slack}
		var got []string
		for _, f := range entanglements(t.Context(), &cfg, noNameServer) {
			got = append(got, string(f.Kind)+" "+f.Text)
			if f.Guard != "G25" || f.Clears == "" || f.Result != pointsman.Fail {
				t.Errorf("%s: %+v lacks guard or remedy", c.name, f)
			}
		}
		if all := strings.Join(got, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("%s: %q, want %q", c.name, all, c.want)
		}
	}
}

// What stands before a target, beside it, or is reached by several hosts is found as well; one line for each pair is enough.
func TestPointsmanMustNotStandOnWhatLeadsToATarget(t *testing.T) {
	t.Parallel()
	at := func(addr string) postgres.Address { return postgres.Address{DSN: "postgres://p@" + addr + "/app"} }
	cluster := postgres.Config{{
		Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: at("192.0.2.10:5432")}}, Clients: postgres.Clients{Address: at("192.0.2.11:5432")},
		Poolers: []postgres.Pooler{{Name: "pgb", Console: at("192.0.2.12:6432"), Clients: at("192.0.2.12:6432")}},
		Probes:  []postgres.Probe{{Name: "probe-b", URL: "https://192.0.2.10:9097"}, {Name: "probe-c", URL: "https://192.0.2.13"}},
	}}
	for _, c := range []struct {
		name   string
		store  string
		change func(*configs.Config)
		want   []string
	}{
		{"a probe on a node", "192.0.2.99:1", func(*configs.Config) {}, []string{"WARN the probe probe-b is on the machine of 192.0.2.10:5432, which is a part of postgres/orders"}},
		{"the store behind the pooler of a target", "192.0.2.12:6432", func(c *configs.Config) { c.Targets.Postgres[0].Probes = nil }, []string{"HARD our own store is the server 192.0.2.12:6432"}},
		{"the second host of the store", "192.0.2.99:1,192.0.2.10:5432", func(c *configs.Config) { c.Targets.Postgres[0].Probes = nil }, []string{"HARD our own store is the server 192.0.2.10:5432"}},
		{"the place of an endpoint", "192.0.2.20:5432", func(c *configs.Config) {
			c.Targets.Postgres, c.Targets.Endpoint = nil, endpoint.Config{{Name: "db", Places: []endpoint.Place{{Name: "a", Address: "192.0.2.20:5432"}, {Name: "b", Address: "192.0.2.21:5432"}}}}
		}, []string{"HARD our own store is the server 192.0.2.20:5432, which is a part of endpoint/db"}},
		{"the machine of a service", "192.0.2.20:5432", func(c *configs.Config) {
			c.Targets.Postgres, c.Targets.Service = nil, service.Config{{Name: "api", Health: []service.Health{{URL: "https://192.0.2.20/health"}}}}
		}, []string{"WARN our own store is on the machine of 192.0.2.20:443, which is a part of service/api"}},
		{"a service beside us", "", func(c *configs.Config) {
			c.Targets.Postgres, c.Targets.Service = nil, service.Config{{Name: "api", Health: []service.Health{{URL: "http://127.0.0.1:8000/health"}}}}
		}, nil},
	} {
		cfg := configs.Default()
		cfg.Targets.Postgres = slices.Clone(cluster)
		if c.store != "" {
			cfg.Storage = store.Config{Driver: "postgres", DSN: "postgres://own@" + c.store + "/pointsman"}
		}
		c.change(&cfg)
		var got []string
		for _, f := range entanglements(t.Context(), &cfg, noNameServer) {
			text, _, _ := strings.Cut(f.Text, ":5432: a failover")
			got = append(got, string(f.Kind)+" "+text)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// Names are asked for before anything else: a failover of the machine on which the name server is leaves the program blind.
func TestPointsmanMustNotStandOnTheNameServerThatItRepairs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	text := "# nameserver 192.0.2.12\nsearch example.org\nnameserver 192.0.2.10\n\nnameserver   2001:db8::1 # the second\noptions ndots:1\nnameserver\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(addr string) postgres.Address { return postgres.Address{DSN: "postgres://p@" + addr + "/app"} }
	cfg := configs.Default()
	cfg.Storage = store.Config{Driver: "postgres", DSN: "postgres://own@192.0.2.99:5432/pointsman"}
	cfg.Targets.Postgres = postgres.Config{
		{Name: "billing", Nodes: []postgres.Node{{Name: "pg-1", Address: at("192.0.2.12:5432")}}},
		{Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: at("192.0.2.10:5432")}}},
		{Name: "stock", Nodes: []postgres.Node{{Name: "pg-1", Address: at("[2001:db8::1]:5432")}}},
	}
	var got []string
	for _, f := range entanglements(t.Context(), &cfg, file) {
		got = append(got, string(f.Kind)+" "+f.Text)
	}
	want := []string{
		"WARN the name server is on the machine of 192.0.2.10:5432, which is a part of postgres/orders",
		"WARN the name server is on the machine of [2001:db8::1]:5432, which is a part of postgres/stock",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// listening closes itself when the server says that it serves.
type listening struct {
	slog.Handler
	told chan struct{}
}

func (l listening) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "listening" {
		close(l.told)
	}
	return l.Handler.Handle(ctx, r)
}

// Nobody runs the doctor every day. Each start says in the log of the server and in the record what must not be as it is.
func TestAStartSaysWhatPointsmanStandsOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "pointsman.yaml")
	text := quiet + "storage: {path: " + dir + "/p.db}\naudit: {key_file: " + dir + "/audit.key}\nalertmanager: {tokens: [token-of-the-test]}\npeople: [{id: ana, token: a-token-of-ana-x, roles: [risk]}]\n" +
		"targets: {killswitch: [{name: trading, environment: staging, dsn: \"postgres://pointsman:secret@127.0.0.1:1/x\"}]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := configs.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	heard := listening{slog.NewTextHandler(&said, nil), make(chan struct{})}
	a, err := New(t.Context(), cfg, Options{Version: "test", Log: slog.New(heard)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	select {
	case <-heard.told:
	case err := <-ended:
		t.Fatalf("the server did not come up: %v", err)
	}
	entries, err := a.store.Log(t.Context(), 0, 100)
	if err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	const why = "our own SQLite file is on the machine of 127.0.0.1:1, which is a part of killswitch/trading"
	if !slices.ContainsFunc(entries, func(e audit.Entry) bool { return strings.Contains(string(e.Body), "guard G25: "+why) }) {
		t.Errorf("the record of %d entries does not say it", len(entries))
	}
	if log := said.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "guard=G25") || !strings.Contains(log, why) {
		t.Errorf("the log of the server says %s", log)
	}
}

// Two names of one server, or a proxy between, hide it from every comparison of addresses; the servers' own word does not.
func TestTheDoctorFindsOurStoreInATargetByItsOwnWord(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	pooler := lab.NewPgBouncer(t, lab.PgBouncerOptions{Server: pair.Primary})
	cfg := configs.Default()
	cfg.Storage = store.Config{Driver: "postgres", DSN: pooler.DSN(lab.Pointsman, lab.AppDatabase)}
	cfg.Targets.Postgres = postgres.Config{{Name: "orders", Nodes: []postgres.Node{
		{Name: "pg-1", Address: postgres.Address{DSN: pair.Primary.PointsmanDSN()}}, {Name: "pg-2", Address: postgres.Address{DSN: pair.Standby.PointsmanDSN()}},
	}}}
	var found []string
	for _, f := range Doctor(t.Context(), &cfg) {
		if f.Guard == "G25" && strings.Contains(f.Text, "our own store is a database of this cluster") {
			found = append(found, f.Name)
		}
	}
	if len(found) != 1 || found[0] != "our own store in postgres/orders" {
		t.Errorf("found %q", found)
	}
}

// The name server is away just when everything else is. The start must not wait for each name.
func TestTheLookAtNamesIsBounded(t *testing.T) {
	t.Parallel()
	cfg := configs.Default()
	var nodes []postgres.Node
	for i := range 200 {
		nodes = append(nodes, postgres.Node{Name: fmt.Sprint(i), Address: postgres.Address{DSN: fmt.Sprintf("postgres://p@node-%d.invalid:5432/app", i)}})
	}
	cfg.Targets.Postgres = postgres.Config{{Name: "orders", Nodes: nodes}}
	done := make(chan []pointsman.Fact, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { done <- Entanglements(ctx, &cfg) }()
	select {
	case facts := <-done:
		for _, f := range facts {
			if strings.Contains(f.Text, "invalid") {
				t.Errorf("%+v", f)
			}
		}
	case <-ctx.Done():
		t.Error("200 names without an answer took longer than a minute, limit for all of them 2 s")
	}
}
