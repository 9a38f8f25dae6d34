// Package app plugs the rooms together: it is the program without its process, so that the end-to-end tests and the
// demo start the same thing as main.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/alerts"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// Options are what only the caller knows.
type Options struct {
	Version string
	Log     *slog.Logger
	// Load reads the configuration again, for a reload; nil refuses reloads.
	Load func() (*configs.Config, error)
}

// App is the program.
type App struct {
	opts      Options
	log       *slog.Logger
	cfg       *configs.Config
	catalog   *Catalog
	store     *store.Store
	announced announced
	export    Exporter
	webhook   *alerts.Handler
	server    *server
	still     *standstill
	planner   *actions.Planner
	holds     *actions.Holds
	engine    *actions.Engine
	talk      comms.Dispatcher
	clock     comms.Clock
	parts     parts
	reg       *prometheus.Registry
	reloaded  prometheus.Gauge
	reloading sync.Mutex
}

// New opens the store, builds the rooms and binds the addresses. Nothing runs until Run; what New opened is closed if
// it fails, else by Run.
func New(ctx context.Context, cfg *configs.Config, opts Options) (_ *App, err error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{opts: opts, log: opts.Log, cfg: cfg, reg: prometheus.NewRegistry()}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	snap, faults, err := compile(cfg)
	if err != nil || len(faults) > 0 {
		return nil, errors.Join(err, configs.Joined(faults))
	}
	a.catalog = newCatalog(snap)
	key, err := LoadKey(cfg.Audit.KeyFile)
	if err != nil {
		return nil, err
	}
	storage := cfg.Storage
	if storage.Driver == "postgres" {
		storage.DeliveryLease = cfg.Timings.Lease
	}
	if storage.Kinds, err = kindNames(); err != nil {
		return nil, err
	}
	a.announced = announcedBeside(cfg.Audit.KeyFile, a.log)
	if storage.Known, err = a.announced.read(); err != nil {
		return nil, err
	}
	if a.store, err = store.Open(ctx, storage, a.log.With("room", "store")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.store.Close())
		}
	}()
	// First of all that writes: a log that has lost its end takes nothing else, and the server would never start again on it.
	if err := a.store.Mend(ctx); err != nil {
		return nil, err
	}
	// Only one process may hold a SQLite file, so whoever held these leases is dead.
	if err := a.store.ResetLeases(ctx); err != nil {
		return nil, err
	}
	a.export = Exporter{Store: a.store, Key: key}
	if err := a.build(snap); err != nil {
		return nil, err
	}
	for _, w := range a.parts.ways {
		if err := a.store.Begin(ctx, w.Name()); err != nil {
			return nil, err
		}
	}
	return a, a.bind(ctx)
}

// build makes the rooms.
func (a *App) build(snap *snapshot) error {
	cfg := snap.cfg
	owner := ownerName()
	var err error
	if a.webhook, err = alerts.New(cfg.Alertmanager, snap.router, a.store, a.store, a.store.Now, a.log.With("room", "alerts")); err != nil {
		return err
	}
	if a.parts, err = newParts(cfg, a); err != nil {
		return err
	}
	registry, err := actions.NewRegistry(actions.NewMetrics(a.reg), a.parts.kinds...)
	if err != nil {
		return err
	}
	registry.Clock = a.store.Now
	if err := lint(cfg, registry); err != nil {
		return err
	}
	log := a.log.With("room", "actions")
	warden := &actions.Warden{Records: a.store, Guards: a.catalog.Guards, Drills: a.catalog.Drills, Kinds: registry, CheckTimeout: cfg.Timings.CheckTimeout}
	a.planner = &actions.Planner{
		Desk: a.store, Log: log,
		Resolver: &actions.Resolver{Kinds: registry, Catalog: recognised{a.catalog}, CheckTimeout: cfg.Timings.CheckTimeout, Warden: warden, Log: log},
	}
	a.holds = &actions.Holds{Store: a.store, Warden: warden, Log: log}
	a.engine = &actions.Engine{
		Ledger: work{a.store}, Kinds: registry, Catalog: a.catalog, Warden: warden, History: a.store, Owner: owner, Lease: cfg.Timings.Lease, Beat: cfg.Timings.Heartbeat,
		Sweep: cfg.Timings.Sweep, CheckTimeout: cfg.Timings.CheckTimeout, Tries: cfg.Timings.Tries, Grace: 20 * time.Second, Log: log,
	}
	a.store.Employ(owner, cfg.Timings.Lease)
	a.talk = comms.Dispatcher{
		Outbox: a.store, Journal: a.store, Prompt: a.store, Ways: a.parts.ways, Owner: owner, Now: a.store.Now, Metrics: comms.NewMetrics(a.reg), Log: a.log.With("room", "comms"),
	}
	if cfg.Storage.Driver == "postgres" { // on SQLite no other process can be, and the leases of a dead one end at the start
		a.talk.Leases, a.talk.Lease, a.talk.Beat = a.store, cfg.Timings.Lease, cfg.Timings.Heartbeat
		a.planner.Others = cfg.Timings.CheckTimeout + 2*time.Second // their checks, and what it takes to store the answer
	}
	a.clock = comms.Clock{Agenda: a.store, Now: a.store.Now, Log: a.log.With("room", "comms")}
	a.reloaded = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pointsman_config_last_reload_successful", Help: "Whether the last configuration that was offered is in force.",
	})
	a.reg.MustRegister(a.reloaded, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "pointsman_clock_ahead_seconds", Help: "How far the clock that counts, the store's, is ahead of this machine's wall clock.",
	}, func() float64 { return a.store.Ahead().Seconds() }))
	a.reloaded.Set(1)
	return nil
}

// lint holds every runbook against the kinds that this version knows.
func lint(cfg *configs.Config, registry *actions.Registry) error {
	var faults []pointsman.Fault
	for _, rb := range cfg.Runbooks {
		faults = append(faults, registry.Check(rb)...)
	}
	return configs.Joined(faults)
}

// ownerName tells replicas apart in leases; a host may run two after a crash, so the pid is in it.
func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

func (a *App) bind(ctx context.Context) error {
	e := newEcho(a.log)
	a.webhook.Register(e)
	a.parts.register(e)
	health{ready: a.Ready, reload: a.Reload, people: a.catalog, reg: a.reg}.register(e)
	door := &api.Server{
		Store: electorate{a.store, a.catalog}, Log: a.store, People: a.catalog, Desk: a.catalog, Switches: a.parts.switches, Pages: pagesOf(a.cfg, a.store), Exporter: a.export, Holds: holds{a.store, a.catalog}, Names: a.store,
		Dry: dryRun{a.planner.Resolver, a.store, a.store.Now}, Silent: !a.cfg.Slack.Enabled && !a.cfg.PagerDuty.Enabled(),
	}
	door.Register(e)
	var err error
	a.still = &standstill{log: a.log}
	a.server, err = listen(ctx, a.still.guard(e), a.cfg.Web)
	return err
}

// Addr is the address that the server listens on, with the port that the system chose.
func (a *App) Addr() net.Addr { return a.server.tcp.Addr() }

// Store is the store, for tests and the demo.
func (a *App) Store() *store.Store { return a.store }

// Exporter writes audit exports of the store.
func (a *App) Exporter() Exporter { return a.export }

// Ready tells whether requests can be served: the store answers.
func (a *App) Ready(ctx context.Context) error { return a.store.Ping(ctx) }

// Run serves until the context ends, then stops in order: no new requests, the steps at work end, the store closes.
func (a *App) Run(ctx context.Context) error {
	if err := errors.Join(a.noteStart(ctx), a.tellNewKey(ctx), a.warnOfEntanglements(ctx)); err != nil {
		if ctx.Err() != nil {
			err = nil // told to stop before it began, which is no failure
		}
		return errors.Join(err, a.server.stop(0), a.store.Close())
	}
	a.server.start()
	a.log.Info("listening", "addr", a.Addr().String(), "socket", a.cfg.Web.Socket, "version", a.opts.Version)
	g, gctx := errgroup.WithContext(ctx)
	for _, loop := range append(a.parts.loops, a.planner.Run, a.holds.Run, a.engine.Run, a.talk.Run, a.clock.Run, a.still.run, a.signCheckpoints, a.watchTail, (&clockWatch{ahead: a.store.Ahead, log: a.log}).run, a.prune) {
		g.Go(func() error { return loop(gctx) })
	}
	g.Go(func() error {
		select {
		case err := <-a.server.errs:
			return err
		case <-gctx.Done():
			return a.server.stop(5 * time.Second)
		}
	})
	err := g.Wait()
	a.parts.drain()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	_, signErr := a.store.Checkpoint(last, a.export.Key)
	noteErr := a.note(last, "stopped", "")
	a.announced.write(a.store.Tail())
	return errors.Join(err, noteErr, signErr, a.store.Close())
}

// startTries bounds how often the first entry is tried, a second apart.
const startTries = 10

// noteStart writes the first entry of this process. It waits for another replica that stands still within a commit, until
// PostgreSQL ends that one's transaction: whoever is restarted because the others stand still must come up.
func (a *App) noteStart(ctx context.Context) error {
	for try := 1; ; try++ {
		err := a.note(ctx, "started", "version "+a.opts.Version)
		if err == nil || try == startTries {
			return err
		}
		a.log.Warn("the store takes no entry yet", "attempt", try, "err", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

func (a *App) note(ctx context.Context, what, more string) error {
	text := "the server " + what
	if more != "" {
		text += ", " + more
	}
	return a.store.Note(ctx, pointsman.Event{Type: pointsman.EvServerState, Actor: pointsman.Actor{Door: pointsman.DoorEngine, Ref: ownerName()}, Text: text})
}

// tellNewKey puts it on record when the log is signed by another key than before: because the file was lost, or because
// somebody wants a rewritten log to look whole.
func (a *App) tellNewKey(ctx context.Context) error {
	last, err := a.store.Checkpoints(ctx, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	if _, err := audit.OpenCheckpoint(last[0], a.export.Key.Public); err == nil {
		return nil
	}
	a.log.Error("the log is signed by another key than before", "key_file", a.cfg.Audit.KeyFile, "key", a.export.Key.Public)
	return a.note(ctx, "signs the log with another key than before", "now "+a.export.Key.Public)
}

// signEvery bounds the part of the log that no signed checkpoint covers.
const signEvery = time.Minute

// signCheckpoints signs the log once a minute where it has grown.
func (a *App) signCheckpoints(ctx context.Context) error {
	tick := time.NewTicker(signEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if _, err := a.store.Checkpoint(ctx, a.export.Key); err != nil && ctx.Err() == nil {
				a.log.Error("checkpoint not signed", "err", err)
			}
		}
	}
}
