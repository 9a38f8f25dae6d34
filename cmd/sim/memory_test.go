package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// memory is a store without a database: the shipping reducer, with what package store promises around it. It runs
// about ten times as many schedules in the same time, and its callers may have clocks that differ.
type memory struct {
	mu          sync.Mutex
	states      []*pointsman.State // by number of the incident
	protections []pointsman.Protection
	leases      map[string]lease
	seen        map[string]pointsman.Answer
	events      []pointsman.Logged
	changed     chan struct{}
	flaw        flaw
}

type lease struct {
	owner string
	epoch int64
	until time.Time // zero: nobody needs it
}

func newMemory(f flaw) *memory {
	return &memory{leases: map[string]lease{}, seen: map[string]pointsman.Answer{}, changed: make(chan struct{}), flaw: f}
}

// skewKey marks how far the clock of a caller is wrong. Leases do not heed it: their clock is the database's.
type skewKey struct{}

func (m *memory) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sub := cmd.Subject()
	if a, again := m.seen[sub.Once]; again {
		if a.OK() {
			a.Code = pointsman.CodeDuplicate
		}
		return pointsman.Result{Answer: a}, nil
	}
	if _, webhook := cmd.(pointsman.ReceiveAlerts); webhook && m.flaw == flawAnswer && len(m.events) > 0 {
		return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeAccepted, Text: "stored"}}, nil
	}
	if held := m.leases[sub.Run]; sub.Run != "" && held.epoch != sub.Epoch && m.flaw != flawFencing {
		return pointsman.Result{}, pointsman.Errorf(pointsman.CodeConflict, "%s: epoch %d is over", sub.Run, sub.Epoch)
	}
	now := time.Now()
	if skew, ok := ctx.Value(skewKey{}).(time.Duration); ok {
		now = now.Add(skew)
	}
	st, i := m.load(sub, now)
	after, events, ans := pointsman.Decide(st, cmd, now)
	if twin := m.open(after.Incident.Key); st.Incident.State == pointsman.IncidentResolved && after.Incident.State == pointsman.IncidentOpen && twin != nil && twin.Incident.ID != after.Incident.ID {
		return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeConflict, Text: twin.Incident.ID + " is open"}, State: st}, nil
	}
	if m.flaw == flawFreeze && sub.Run != "" {
		after.Protections = nil // as it did not see the freeze, it must not write it
	}
	m.save(i, after, events)
	if sub.Once != "" {
		m.seen[sub.Once] = ans
	}
	return pointsman.Result{Answer: ans, State: after, Seq: int64(len(m.events))}, nil
}

// load returns the state that a command speaks of, and its place among the incidents; -1 for none.
func (m *memory) load(sub pointsman.Subject, now time.Time) (st pointsman.State, i int) {
	i = -1
	switch {
	case sub.Apart:
		st.Protections, st.Locks = m.protected(sub.Target), m.locks()
		return st, i
	case sub.Incident != "":
		i = slices.IndexFunc(m.states, func(s *pointsman.State) bool { return s.Incident.ID == sub.Incident })
	default:
		for j, s := range m.states {
			open := s.Incident.State == pointsman.IncidentOpen
			if s.Incident.Key == sub.Key && (open || now.Sub(s.Incident.ResolvedAt) <= pointsman.ReopenWithin && (i < 0 || m.states[i].Incident.State != pointsman.IncidentOpen)) {
				i = j
			}
		}
	}
	keys := []string{pointsman.Everything}
	if sub.Target != "" {
		keys = append(keys, sub.Target)
	}
	if i < 0 {
		st.Incident.ID, i = fmt.Sprintf("INC-%d", len(m.states)+1), len(m.states)
		if sub.Protect {
			st.Protections = m.protected(keys...)
		}
		return st, i
	}
	st = *m.states[i]
	if k := st.Incident.Target.Key(); k != "" && !slices.Contains(keys, k) {
		keys = append(keys, k)
	}
	for _, p := range st.Proposals {
		if k := p.Target.Key(); k != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, l := range m.locks() {
		if l.Incident != st.Incident.ID && slices.Contains(keys, l.Target) {
			st.Locks = append(st.Locks, l)
		}
	}
	if sub.Protect {
		if m.flaw == flawFreeze && sub.Run != "" {
			keys = keys[1:]
		}
		st.Protections = m.protected(keys...)
	}
	return st, i
}

// locks are the targets that runs hold.
func (m *memory) locks() []pointsman.Lock {
	var out []pointsman.Lock
	for _, s := range m.states {
		for _, r := range s.Runs {
			if r.Holds && !r.State.Terminal() {
				out = append(out, pointsman.Lock{Target: r.Target.Key(), Incident: s.Incident.ID, Run: r.ID, Since: r.QueuedAt})
			}
		}
	}
	return out
}

func (m *memory) Held(context.Context) (pointsman.Held, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return pointsman.Held{Protections: slices.Clone(m.protections), Runs: m.locks()}, nil
}

func (m *memory) protected(keys ...string) []pointsman.Protection {
	var out []pointsman.Protection
	for _, p := range m.protections {
		if slices.Contains(keys, p.Target) {
			out = append(out, p)
		}
	}
	return out
}

func (m *memory) open(key string) *pointsman.State {
	for _, s := range m.states {
		if s.Incident.Key == key && s.Incident.State == pointsman.IncidentOpen {
			return s
		}
	}
	return nil
}

func (m *memory) save(i int, after pointsman.State, events []pointsman.Event) {
	for _, p := range after.Protections {
		if j := slices.IndexFunc(m.protections, func(q pointsman.Protection) bool { return q.Target == p.Target }); j >= 0 {
			m.protections[j] = p
		} else {
			m.protections = append(m.protections, p)
		}
	}
	if i >= 0 && after.Incident.State != "" {
		after.Locks, after.Protections = nil, nil
		if i == len(m.states) {
			m.states = append(m.states, nil)
		}
		m.states[i] = &after
		for _, r := range after.Runs {
			if l, held := m.leases[r.ID]; held && r.State != pointsman.RunRunning && r.State != pointsman.RunUndoing && r.State != pointsman.RunQueued {
				l.until = time.Time{} // it needs no worker now, so nobody keeps a lease on it
				m.leases[r.ID] = l
			}
		}
	}
	for _, ev := range events {
		if m.flaw == flawPage && ev.Type == pointsman.EvPageTriggered {
			continue
		}
		if m.flaw == flawOtherPage && ev.Type == pointsman.EvPageTriggered {
			ev.Text = strings.Replace(ev.Text, "/R", "/R9", 1)
		}
		m.events = append(m.events, pointsman.Logged{Seq: int64(len(m.events) + 1), Event: ev})
	}
	if len(events) > 0 {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

func (m *memory) ClaimRun(_ context.Context, owner string, ttl time.Duration) (pointsman.Claim, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var best *pointsman.Run
	for _, s := range m.states {
		for i := range s.Runs {
			r := &s.Runs[i]
			needs := r.State == pointsman.RunQueued || r.State == pointsman.RunRunning || r.State == pointsman.RunUndoing ||
				r.State == pointsman.RunWaiting && !r.WakeAt.IsZero() && !r.WakeAt.After(now)
			if !needs || m.leases[r.ID].until.After(now) {
				continue
			}
			if best == nil || r.State == pointsman.RunRunning && best.State != pointsman.RunRunning {
				best = r
			}
		}
	}
	if best == nil {
		return pointsman.Claim{}, false, nil
	}
	epoch := m.leases[best.ID].epoch + 1
	if m.flaw == flawEpoch && epoch > 1 {
		epoch--
	}
	m.leases[best.ID] = lease{owner: owner, epoch: epoch, until: now.Add(ttl)}
	return pointsman.Claim{Run: *best, Epoch: epoch, Takeover: best.State == pointsman.RunRunning}, true, nil
}

func (m *memory) Heartbeat(_ context.Context, run string, epoch int64, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leases[run]
	if l.epoch != epoch || l.until.IsZero() {
		return pointsman.Errorf(pointsman.CodeConflict, "%s is owned by %s", run, l.owner)
	}
	l.until = time.Now().Add(ttl)
	m.leases[run] = l
	return nil
}
