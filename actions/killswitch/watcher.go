package killswitch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// readLimit bounds one read of one server. A check of a switch must leave time for its answer to be shown: a person waits for it.
const readLimit = 1500 * time.Millisecond

// State is what a switch counts as.
type State string

// The states. A stale switch was not read for too long, or never; it counts as engaged.
const (
	Engaged  State = "engaged"
	Released State = "released"
	Stale    State = "stale"
)

// Status is a switch as last read.
type Status struct {
	Name        string
	Environment string
	State       State
	Reason      string        // as the row says
	Since       time.Time     // the row's updated_at; its age says nothing about freshness
	LastRead    time.Time     // zero if it was never read
	Age         time.Duration // since the last successful read
	Problem     string        // why the last read did not succeed; empty if it did
	WentBack    bool          // the row is older than one that was seen before: a write may have been lost
	Late        time.Duration // only for OnChange: how long ago it was found to be so
	Was         State         // only for OnChange: what it counted as before; empty at the first look
	Rose        bool          // only for OnChange: its updated_at is newer than any that was seen when it began to count as Was
}

// Engaged reports what whatever the switch guards must assume.
func (s Status) Engaged() bool { return s.State != Released }

// Text is one sentence for people.
func (s Status) Text() string {
	var text string
	switch {
	case s.State != Stale:
		text = fmt.Sprintf("%s is %s", s.Name, row{Engaged: s.State == Engaged, Reason: s.Reason, UpdatedAt: s.Since}.standing())
	case s.LastRead.IsZero():
		return fmt.Sprintf("%s was never read and counts as engaged: %s", s.Name, s.Problem)
	default:
		return fmt.Sprintf("%s was last read %s ago and counts as engaged: %s", s.Name, pointsman.Span(s.Age), s.Problem)
	}
	text += fmt.Sprintf(", read %s ago", pointsman.Span(s.Age))
	if s.Problem != "" {
		text += "; it cannot be read now: " + s.Problem
	}
	if s.WentBack {
		text += "; " + wentBack
	}
	return text
}

const wentBack = "its row is older than one seen before, so a switch engaged just before a failover may have been lost; engage it again if in doubt"

// Watcher reads every configured switch again and again and knows what each counts as.
type Watcher struct {
	// OnChange, when set before Run, is told when a switch counts as something else than before: one change of a switch after
	// the other, each again until there is no error. Reading goes on meanwhile, whatever it takes.
	OnChange func(context.Context, Status) error

	log      *slog.Logger
	order    []string
	switches map[string]*watched
	unread   bool // no configuration was read, so any name may be that of a switch
}

// watched is one switch with what was seen of it.
type watched struct {
	Switch

	mu      sync.Mutex
	last    row       // of the last successful read
	highest time.Time // the newest updated_at ever seen: a row may not go back behind it
	problem string
	counted State     // what it counted as when it was last looked at
	newest  time.Time // the newest updated_at that had been seen when it began to count as that
	untold  []found   // changes that OnChange has not taken yet, oldest first
	change  chan struct{}
}

// found is a status and when it was so.
type found struct {
	Status
	at time.Time
}

// maxUntold bounds the changes that wait for OnChange; of more only the newest are kept, and the log has them all.
const maxUntold = 100

// New makes a watcher of the configured switches; log may be nil.
func New(cfg Config, log *slog.Logger) (*Watcher, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("targets.killswitch: %w", faults[0])
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{log: log, switches: map[string]*watched{}}
	for _, s := range cfg {
		w.order = append(w.order, s.Name)
		w.switches[s.Name] = &watched{Switch: s.WithDefaults(), problem: "not read yet", change: make(chan struct{}, 1)}
	}
	return w, nil
}

// Unconfigured is a watcher where no configuration was read, as for pointsman runbook lint: the arguments of its kinds can
// be looked at, and which switches there are cannot be known. It watches nothing.
func Unconfigured() *Watcher {
	return &Watcher{log: slog.New(slog.DiscardHandler), switches: map[string]*watched{}, unread: true}
}

// Kinds are the actions on the configured switches.
func (w *Watcher) Kinds() []actions.Action {
	return []actions.Action{engage{w}, release{w}, verify{w}}
}

// Run reads the switches until the context ends.
func (w *Watcher) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, name := range w.order {
		wg.Go(func() { w.watch(ctx, w.switches[name]) })
		wg.Go(func() { w.report(ctx, w.switches[name]) })
	}
	wg.Wait()
	return nil
}

func (w *Watcher) watch(ctx context.Context, s *watched) {
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	for {
		_, _ = s.look(ctx) // what it found, or why not, is in the status
		if ctx.Err() == nil {
			w.note(s)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.note(s) // it may have become stale since, and be read again in a moment: that happened all the same
		}
	}
}

// note keeps a change until it is told.
func (w *Watcher) note(s *watched) {
	st := s.status()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted == st.State {
		return
	}
	st.Was, s.counted = s.counted, st.State
	st.Rose, s.newest = st.Since.After(s.newest) && !st.WentBack, s.highest
	w.log.Info("kill switch changed", "switch", s.Name, "state", st.State, "err", st.Problem)
	if w.OnChange == nil {
		return
	}
	s.untold = append(s.untold, found{st, time.Now()})
	if over := len(s.untold) - maxUntold; over > 0 {
		s.untold = s.untold[over:]
	}
	select {
	case s.change <- struct{}{}:
	default: // it is told already that there is something
	}
}

// report tells the changes until the context ends. Whoever takes them may be away for as long as an outage lasts.
func (w *Watcher) report(ctx context.Context, s *watched) {
	for {
		var again <-chan time.Time
		if !w.told(ctx, s) {
			again = time.After(s.Poll)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-s.change:
		}
	}
}

// told tells what was not told yet, and reports whether all of it was taken.
func (w *Watcher) told(ctx context.Context, s *watched) bool {
	for {
		s.mu.Lock()
		if len(s.untold) == 0 {
			s.mu.Unlock()
			return true
		}
		first := s.untold[0]
		s.mu.Unlock()
		st := first.Status
		st.Late = time.Since(first.at)
		if err := w.OnChange(ctx, st); err != nil {
			w.log.Warn("kill switch change not told yet", "switch", s.Name, "state", st.State, "err", err)
			return false
		}
		s.mu.Lock()
		if len(s.untold) > 0 && s.untold[0] == first { // else it was dropped meanwhile
			s.untold = s.untold[1:]
		}
		s.mu.Unlock()
	}
}

// Status returns the named switch as last read; false if it is not configured.
func (w *Watcher) Status(name string) (Status, bool) {
	s, ok := w.switches[name]
	if !ok {
		return Status{}, false
	}
	return s.status(), true
}

// All returns every switch as last read, in the order of the configuration.
func (w *Watcher) All() []Status {
	out := make([]Status, len(w.order))
	for i, name := range w.order {
		out[i] = w.switches[name].status()
	}
	return out
}

// Look reads the named switch now. The error says why it could not be read; what was known of it before is no answer then.
func (w *Watcher) Look(ctx context.Context, name string) (Status, error) {
	s, ok := w.switches[name]
	if !ok {
		return Status{}, fmt.Errorf("there is no kill switch %q", name)
	}
	if _, err := s.look(ctx); err != nil {
		return Status{}, err
	}
	return s.status(), nil
}

// limit bounds one read: the last host of the address has what a single one has.
func (s Switch) limit() time.Duration {
	cfg, err := s.config()
	if err != nil {
		return readLimit
	}
	return readLimit + time.Duration(len(dsn.Hosts(cfg))-1)*dsn.HeadStart
}

// look reads the switch now. A failed read changes nothing that is known but its problem: errors are never kept
// instead of a value, and a value is never kept longer than StaleAfter.
func (s *watched) look(ctx context.Context) (row, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit())
	defer cancel()
	conn, err := s.connect(ctx)
	if err == nil {
		defer conn.Close(context.WithoutCancel(ctx))
		var r row
		if r, err = s.read(ctx, conn); err == nil {
			s.saw(r)
			return r, nil
		}
	}
	s.mu.Lock()
	s.problem = err.Error()
	s.mu.Unlock()
	return row{}, err
}

// saw keeps a successful read. Two reads may end in another order than they began; the later one counts.
func (s *watched) saw(r row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problem = ""
	if r.At.After(s.last.At) {
		s.last = r
	}
	if r.UpdatedAt.After(s.highest) {
		s.highest = r.UpdatedAt
	}
}

// seen is the newest updated_at that was ever read.
func (s *watched) seen() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.highest
}

func (s *watched) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Name: s.Name, Environment: s.Environment, State: Stale, Reason: s.last.Reason, Since: s.last.UpdatedAt,
		LastRead: s.last.At, Problem: s.problem, WentBack: s.last.UpdatedAt.Before(s.highest),
	}
	if st.LastRead.IsZero() {
		return st
	}
	st.Age = time.Since(s.last.At) // by the monotonic clock: a clock that is set must not make a switch fresh or stale
	switch {
	case st.Age > s.StaleAfter:
	case s.last.Engaged:
		st.State = Engaged
	default:
		st.State = Released
	}
	return st
}
