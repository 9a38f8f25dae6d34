package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
)

// stage is everything that runs.
type stage struct {
	dir       string
	pair      *lab.Pair
	am        *lab.Alertmanager
	slack     *fakeslack.Slack
	slackURL  string
	app       *app.App
	ended     chan error
	customers *customers
	undo      []func() error // in the order of starting
	stop      context.CancelFunc
	loops     sync.WaitGroup
}

const (
	team    = "T0POINTS"
	channel = "C0INC"
)

func (s *show) setTheStage(ctx context.Context) error {
	st := &s.stage
	dir, err := os.MkdirTemp("", "pointsman-demo-")
	if err != nil {
		return err
	}
	st.dir = dir
	st.undo = append(st.undo, func() error { return os.RemoveAll(dir) })
	// The fence hook and its folder must be reachable by whoever runs it.
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	st.stop = cancel

	s.say("Starting a PostgreSQL primary and its standby.")
	if st.pair, err = lab.StartPair(ctx, lab.PairOptions{}); err != nil {
		return err
	}
	st.undo = append(st.undo, st.pair.Close)
	if err := s.tables(ctx); err != nil {
		return err
	}
	cfg, sec, err := s.configure(run)
	if err != nil {
		return err
	}
	if err := s.startSlack(cfg, sec); err != nil {
		return err
	}
	if err := s.startPointsman(ctx, run, cfg, sec); err != nil {
		return err
	}
	s.say("Starting Alertmanager.")
	st.am, err = lab.StartAlertmanager(ctx, lab.AlertmanagerOptions{
		WebhookURL: fmt.Sprintf("http://127.0.0.1:%d/api/v1/alertmanager", cfg.Port), BearerToken: sec.webhook,
		GroupBy: []string{"alertname", "cluster"}, GroupInterval: time.Second,
	})
	if err != nil {
		return err
	}
	st.undo = append(st.undo, st.am.Close)
	watch := &monitor{pair: st.pair, am: st.am, firing: map[string]bool{}}
	st.customers = &customers{dsn: st.pair.ClientDSN(lab.App)}
	st.loops.Go(func() { watch.run(run) })
	st.loops.Go(func() { st.customers.run(run) })
	s.say("Running: primary %s on port %d, standby %s on port %d, Alertmanager %s.",
		st.pair.Primary.Name, st.pair.Primary.Port, st.pair.Standby.Name, st.pair.Standby.Port, st.am.URL)
	return nil
}

const ordersTable = `
		CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text NOT NULL, at timestamptz NOT NULL DEFAULT now());
		GRANT INSERT, SELECT ON orders TO app;`

// tables makes what an application of this kind has: orders, and the kill switch of trading.
func (s *show) tables(ctx context.Context) error {
	return s.stage.pair.Primary.Exec(ctx, ordersTable+`
		CREATE TABLE kill_switch_state (id int PRIMARY KEY, engaged boolean NOT NULL, reason text NOT NULL, updated_at timestamptz NOT NULL);
		INSERT INTO kill_switch_state VALUES (1, false, 'trading is open', now());
		GRANT SELECT, INSERT, UPDATE ON kill_switch_state TO pointsman`)
}

// configure writes the configuration and starts the second vantage point, which answers from its own connections.
func (s *show) configure(run context.Context) (settings, secrets, error) {
	st, sec := &s.stage, newSecrets()
	port, err := lab.FreePort()
	if err != nil {
		return settings{}, sec, err
	}
	listener, err := (&net.ListenConfig{}).Listen(run, "tcp", "127.0.0.1:0")
	if err != nil {
		return settings{}, sec, err
	}
	cfg := settings{
		Dir: st.dir, Team: team, Channel: channel, Port: port, UID: os.Getuid(), Database: lab.AppDatabase,
		Clients: st.pair.ClientDSN(lab.Pointsman), ProbeURL: "http://" + listener.Addr().String(),
	}
	cluster := postgres.Cluster{Name: "orders"}
	for _, n := range st.pair.Nodes() {
		dsn := n.DSN(lab.Pointsman, lab.AppDatabase)
		cfg.Nodes = append(cfg.Nodes, node{Name: n.Name, DSN: dsn})
		cluster.Nodes = append(cluster.Nodes, postgres.Node{Name: n.Name, Address: postgres.Address{DSN: dsn}})
	}
	second := postgres.New(postgres.Config{cluster}, nil)
	s.serve(listener, probe.Handler(second, func() (string, error) { return sec.probe, nil }))
	return cfg, sec, writeFence(st.dir, st.pair)
}

// serve runs a small server until the stage is cleared.
func (s *show) serve(l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }() // ends by Close below
	s.stage.undo = append(s.stage.undo, srv.Close)
}

// ackWithin is more than Slack's three seconds: a disk that is busy with installing what the demo needs does not end it.
const ackWithin = 30 * time.Second

func (s *show) startSlack(cfg settings, sec secrets) error {
	// A fixed port where it is free, so that the page can stay open from one demo to the next.
	listener, err := net.Listen("tcp", "127.0.0.1:9097")
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	at := fmt.Sprintf("http://127.0.0.1:%d/slack/", cfg.Port)
	s.stage.slack = fakeslack.New(fakeslack.Config{
		BotToken: sec.bot, SigningSecret: sec.signing, TeamID: team, BaseURL: base, AckWithin: ackWithin, CommandURL: at + "commands", InteractivityURL: at + "interactions",
		Channels: []fakeslack.ChannelConfig{{ID: channel, Name: "incidents", Topic: "What is broken, and who decides"}},
		Users: []fakeslack.User{
			{ID: "U0ANA", Name: "ana", Real: "Ana Ruiz", Title: "Database on call"},
			{ID: "U0BEN", Name: "ben", Real: "Ben Okafor", Title: "Database, incident commander"},
			{ID: "U0CLEO", Name: "cleo", Real: "Cleo Park", Title: "Risk committee"},
			{ID: "U0EVE", Name: "eve", Real: "Eve Lind", Title: "Support; may look, not approve"},
		},
	})
	s.stage.slackURL = base + "/"
	s.serve(listener, ownHost(s.stage.slack))
	return nil
}

func (s *show) startPointsman(ctx, run context.Context, cfg settings, sec secrets) error {
	st := &s.stage
	slackAt, err := url.Parse(st.slackURL)
	if err != nil {
		return err
	}
	cfg.SlackURL = slackAt.Scheme + "://" + slackAt.Host
	file, err := cfg.write(sec)
	if err != nil {
		return err
	}
	load := func() (*configs.Config, error) { c, _, err := configs.Load(file, nil); return c, err }
	parsed, err := load()
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(st.dir, "pointsman.log"))
	if err != nil {
		return err
	}
	st.undo = append(st.undo, logFile.Close)
	if st.app, err = app.New(ctx, parsed, app.Options{Version: s.Version, Log: slog.New(slog.NewTextHandler(logFile, nil)), Load: load}); err != nil {
		return err
	}
	st.ended = make(chan error, 1)
	server, stop := context.WithCancel(run)
	done := make(chan struct{})
	go func() { defer close(done); st.ended <- st.app.Run(server) }()
	st.undo = append(st.undo, func() error { stop(); <-done; return nil })
	s.say("Starting Pointsman: http://%s, configuration %s, log %s.", st.app.Addr(), file, logFile.Name())
	return nil
}

// close stops everything in the reverse order of starting.
func (s *show) close() error {
	st := &s.stage
	if st.stop != nil {
		st.stop()
	}
	st.loops.Wait()
	var errs []error
	for i := len(st.undo) - 1; i >= 0; i-- {
		errs = append(errs, st.undo[i]())
	}
	return errors.Join(errs...)
}
