package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// ledger is a store in memory for the engine's tests: the shipping reducer, with leases beside it.
type ledger struct {
	mu      sync.Mutex
	states  map[string]pointsman.State
	leases  map[string]lease
	events  []pointsman.Event
	guarded []pointsman.Protection // one row for each target and one for everything, whatever the incident
	changed chan struct{}
	down    error               // set: every call fails with it
	silent  int                 // how many more times Held alone fails
	late    []pointsman.Command // said by an owner that is none any more
	ahead   time.Duration       // of the clock of the process
}

// now is the store's clock.
func (l *ledger) now() time.Time { return time.Now().Round(0).Add(l.ahead) }

type lease struct {
	owner string
	epoch int64
	until time.Time
}

func newLedger() *ledger {
	return &ledger{states: map[string]pointsman.State{}, leases: map[string]lease{}, changed: make(chan struct{})}
}

func (l *ledger) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return pointsman.Result{}, l.down
	}
	sub := cmd.Subject()
	if held := l.leases[sub.Run]; sub.Run != "" && held.epoch != sub.Epoch {
		l.late = append(l.late, cmd)
		return pointsman.Result{}, pointsman.Errorf(pointsman.CodeConflict, "%s: epoch %d is over", sub.Run, sub.Epoch)
	}
	id := sub.Incident
	for k, s := range l.states {
		if id == "" && !sub.Apart && s.Incident.Key == sub.Key {
			id = k
		}
	}
	st, ok := l.states[id]
	if st.Protections = nil; sub.Protect {
		st.Protections = slices.Clone(l.guarded)
	}
	if sub.Apart {
		st.Locks = l.runLocks()
	}
	if !ok && !sub.Apart {
		id = fmt.Sprintf("INC-%d", len(l.states)+1)
		st.Incident.ID = id
	}
	after, events, ans := pointsman.Decide(st, cmd, l.now())
	if sub.Protect {
		l.guarded = after.Protections
	}
	if !sub.Apart {
		l.states[id] = after
		l.free(st, after)
	}
	l.events = append(l.events, events...)
	if len(events) > 0 {
		close(l.changed)
		l.changed = make(chan struct{})
	}
	return pointsman.Result{Answer: ans, State: after}, nil
}

func (l *ledger) runLocks() []pointsman.Lock {
	var out []pointsman.Lock
	for id, s := range l.states {
		for _, r := range s.Runs {
			if r.Holds && !r.State.Terminal() {
				out = append(out, pointsman.Lock{Target: r.Target.Key(), Incident: id, Run: r.ID, Since: r.QueuedAt})
			}
		}
	}
	return out
}

// Held is what the warden reads, outside of any transaction.
func (l *ledger) Held(context.Context) (pointsman.Held, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent > 0 {
		l.silent--
		return pointsman.Held{}, errDown
	}
	return pointsman.Held{Protections: slices.Clone(l.guarded), Runs: l.runLocks()}, l.down
}

func (l *ledger) state(id string) pointsman.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.states[id]
}

func (l *ledger) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *ledger) Checking(context.Context, string) ([]pointsman.Proposal, string, error) {
	all, err := l.proposals(pointsman.ProposalChecking)
	return all, "", err
}

func (l *ledger) Undecided(context.Context) ([]pointsman.Proposal, error) {
	return l.proposals(pointsman.ProposalReady, pointsman.ProposalRefused)
}

func (l *ledger) proposals(in ...pointsman.ProposalState) ([]pointsman.Proposal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []pointsman.Proposal
	for _, s := range l.states {
		for _, p := range s.Proposals {
			if slices.Contains(in, p.State) {
				out = append(out, p)
			}
		}
	}
	return out, l.down
}

// free ends the leases of runs that need no worker any more. One that waits and is due again is claimed by one worker.
func (l *ledger) free(before, after pointsman.State) {
	for _, r := range after.Runs {
		old, _ := before.Run(r.ID)
		if held := l.leases[r.ID]; r.State != old.State && r.State != pointsman.RunRunning && r.State != pointsman.RunUndoing {
			held.until = time.Time{}
			l.leases[r.ID] = held
		}
	}
}

func (l *ledger) ClaimRun(_ context.Context, owner string, ttl time.Duration) (pointsman.Claim, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return pointsman.Claim{}, false, l.down
	}
	now := l.now()
	for _, s := range l.states {
		for _, r := range s.Runs {
			old := l.leases[r.ID]
			over := !now.Before(old.until)
			due := r.State == pointsman.RunQueued || r.State == pointsman.RunRunning || r.State == pointsman.RunUndoing ||
				r.State == pointsman.RunWaiting && !r.WakeAt.IsZero() && !r.WakeAt.After(now)
			if !due || !over {
				continue
			}
			l.leases[r.ID] = lease{owner: owner, epoch: old.epoch + 1, until: now.Add(ttl)}
			return pointsman.Claim{Run: r, Epoch: old.epoch + 1, Takeover: r.State == pointsman.RunRunning}, true, nil
		}
	}
	return pointsman.Claim{}, false, nil
}

func (l *ledger) Heartbeat(_ context.Context, run string, epoch int64, ttl time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return l.down
	}
	old := l.leases[run]
	if old.epoch != epoch {
		return pointsman.Errorf(pointsman.CodeConflict, "%s is owned by %s", run, old.owner)
	}
	old.until = l.now().Add(ttl)
	l.leases[run] = old
	return nil
}

// seize gives a run to another owner, as a store does whose clock saw the lease end.
func (l *ledger) seize(run, owner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leases[run] = lease{owner: owner, epoch: l.leases[run].epoch + 1, until: l.now().Add(time.Hour)}
}

func (l *ledger) run(id string) pointsman.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, _ := l.states[pointsman.IncidentOf(id)].Run(id)
	return r
}

func (l *ledger) count(typ pointsman.EventType) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

func (l *ledger) break_(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = err
}

var errDown = errors.New("database is down")

// points is a railway switch as an action: it counts what was done to it, and misbehaves on demand.
type points struct {
	mu         sync.Mutex
	kind       string
	set        bool
	applied    int
	refuse     string // the guard says no
	deny       string // only Apply says no
	hang       bool   // Apply does its work and then never answers
	lose       error  // Apply does its work and then answers with this
	blind      error  // Verify and Check cannot tell
	checkErr   error
	lag        float64
	pin        string
	panics     bool
	slow       time.Duration // how long a check takes
	risk       string        // an ACK guard that is not passed
	takes      time.Duration // how long Apply takes
	refused    int           // how many connections are refused before one is taken
	tried      []time.Time   // when Apply was called
	keys       []string      // and with which keys
	lines      []string      // the arguments with which Apply was called
	limits     []float64     // and the accepted figures
	promised   [][]Promise   // and the steps before it
	stuck      chan struct{} // Check heeds no context until it is closed
	stuckApply chan struct{} // nor does Apply, and it has no effect
}

func (p *points) Kind() string { return p.kind }

func (p *points) Describe(in Input) (string, error) {
	var a struct {
		Line string `json:"line"`
	}
	if err := in.Args(&a); err != nil {
		return "", err
	}
	return "set points " + a.Line, nil
}

func (p *points) Check(ctx context.Context, in Input) (pointsman.Evidence, error) {
	if err := p.wait(ctx); err != nil {
		return pointsman.Evidence{}, err
	}
	if p.stuck != nil {
		<-p.stuck
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blind != nil {
		return pointsman.Evidence{}, p.blind
	}
	ev := pointsman.Evidence{Already: p.set, Pins: map[string]string{}}
	if p.pin != "" {
		ev.Pins["candidate"] = p.pin
	}
	f := pointsman.Fact{Guard: "T1", Kind: pointsman.Hard, Name: p.kind + " guard", Value: "ok", At: time.Now(), Result: pointsman.Pass}
	if p.refuse != "" {
		f.Result, f.Text = pointsman.Fail, p.refuse
	}
	ev.Facts = []pointsman.Fact{f}
	if p.risk != "" {
		ev.Facts = append(ev.Facts, pointsman.Fact{Guard: "T2", Kind: pointsman.Ack, Name: p.kind + " risk", Value: "yes", At: time.Now(), Result: pointsman.Fail, Text: p.risk})
	}
	if p.lag > 0 {
		ev.Bounds = []pointsman.Bound{{Name: "lag", Max: p.lag, Text: fmt.Sprintf("lag <= %.0f", p.lag)}}
	}
	_ = in
	return ev, p.checkErr
}

// wait lets the time of a slow check pass. A quick one makes no timer: timers that are due when they are made are run by
// whoever waits for them, and in a synctest bubble two at the same moment crash the race detector (golang/go#78156).
func (p *points) wait(ctx context.Context) error {
	p.mu.Lock()
	slow := p.slow
	p.mu.Unlock()
	if slow > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(slow):
		}
	}
	return ctx.Err()
}

func (p *points) Apply(ctx context.Context, in Input) (Outcome, error) {
	p.mu.Lock()
	p.applied++
	p.lines, p.promised = append(p.lines, string(in.With)), append(p.promised, in.Promised)
	if b, ok := in.Bound("lag"); ok {
		p.limits = append(p.limits, b.Max)
	}
	p.tried, p.keys = append(p.tried, time.Now()), append(p.keys, in.Key)
	if p.refused > 0 {
		p.refused--
		p.mu.Unlock()
		return Outcome{}, NotSent(errors.New("connection refused"))
	}
	takes, stuck := p.takes, p.stuckApply
	panics, refuse, hang, lose := p.panics, p.refuse+p.deny, p.hang, p.lose
	if refuse == "" && p.stuckApply == nil {
		p.set = true
	}
	p.mu.Unlock()
	if takes > 0 {
		time.Sleep(takes)
	}
	if stuck != nil {
		<-stuck
		return Outcome{}, nil
	}
	switch {
	case panics:
		panic("points jammed")
	case refuse != "":
		return Outcome{}, Refuse("%s", refuse)
	case hang:
		<-ctx.Done()
		return Outcome{}, ctx.Err()
	}
	return Outcome{Note: "points set"}, lose
}

func (p *points) Verify(context.Context, Input) (pointsman.Evidence, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pointsman.Evidence{Holds: p.set}, p.blind
}

func (p *points) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied
}

func (p *points) change(f func(*points)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}
