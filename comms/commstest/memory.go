// Package commstest holds what tests of ways out share: an outbox in memory and the checks that every way must pass.
package commstest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Row is a delivery with where it stands.
type Row struct {
	pointsman.Delivery
	State string // "pending", "sent", "parked", "superseded"

	owner string
	until time.Time
}

// Memory is a log with an outbox in memory. It follows the rules of the store and, with the time package as its only
// clock, works within testing/synctest.
type Memory struct {
	mu      sync.Mutex
	log     []pointsman.Logged
	cursors map[string]int64
	rows    []*Row
	changed chan struct{}
	present map[string]attendant
	// Fault, when set, is asked before each call by the method's name; an error makes the call fail.
	Fault func(call string) error
	// Late leaves everything to Follow: Attend does nothing.
	Late bool
	// Lease is how long Claim leases; 30 s if it is zero.
	Lease time.Duration
}

// NewMemory returns an empty log.
func NewMemory() *Memory {
	return &Memory{cursors: map[string]int64{}, changed: make(chan struct{}), present: map[string]attendant{}}
}

const defaultLease = 30 * time.Second

func (m *Memory) fault(call string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(call)
}

func (m *Memory) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Changed is closed at the next change.
func (m *Memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Note appends events.
func (m *Memory) Note(_ context.Context, events ...pointsman.Event) error {
	if err := m.fault("Note"); err != nil {
		return err
	}
	m.mu.Lock()
	told := m.append(events)
	m.wake()
	m.mu.Unlock()
	for _, tell := range told {
		tell()
	}
	return nil
}

func (m *Memory) append(events []pointsman.Event) (told []func()) {
	before := int64(len(m.log))
	for _, ev := range events {
		m.log = append(m.log, pointsman.Logged{Seq: int64(len(m.log)) + 1, Event: ev})
	}
	if len(events) == 0 {
		return nil
	}
	return m.attend(before)
}

// Events returns the events of an incident, or of all if it is empty.
func (m *Memory) Events(_ context.Context, incident string, after int64, limit int) ([]pointsman.Logged, error) {
	if err := m.fault("Events"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []pointsman.Logged
	for _, ev := range m.log {
		if ev.Seq > after && (incident == "" || ev.Incident == incident) && len(out) < limit {
			out = append(out, ev)
		}
	}
	return out, nil
}

// Follow stores what plan returns. It leases nothing, as the store does where a lane is not free.
func (m *Memory) Follow(_ context.Context, follower, _ string, limit int, plan func(pointsman.Logged) []pointsman.Delivery) (int, []pointsman.Delivery, error) {
	if err := m.fault("Follow"); err != nil {
		return 0, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.cursors[follower]
	read := m.log[from:min(from+int64(limit), int64(len(m.log)))]
	for _, ev := range read {
		for _, d := range plan(ev) {
			_ = m.insert(follower, ev, d)
		}
	}
	m.cursors[follower] += int64(len(read))
	return len(read), nil, nil
}

func (m *Memory) insert(follower string, ev pointsman.Logged, d pointsman.Delivery) *Row {
	d.Follower, d.Seq, d.EventID, d.Incident = follower, ev.Seq, ev.ID, ev.Incident
	d.ID = int64(len(m.rows)) + 1
	if d.Lane == "" {
		d.Lane = follower + "/" + ev.Incident + "/" + d.Destination
	}
	if d.DueAt.IsZero() {
		d.DueAt = time.Now()
	}
	for _, r := range m.rows {
		if r.Follower == follower && r.Seq == d.Seq && r.Destination == d.Destination {
			return r
		}
		if d.Newest && r.Newest && r.Follower == follower && r.Lane == d.Lane && r.State == "pending" && r.until.IsZero() {
			r.State = "superseded"
			d.Attempts = max(d.Attempts, r.Attempts)
		}
	}
	row := &Row{Delivery: d, State: "pending"}
	m.rows = append(m.rows, row)
	return row
}

// Claim leases the due heads of lanes, but none of the queues that are full.
func (m *Memory) Claim(_ context.Context, owner string, limit int, full ...pointsman.Queue) ([]pointsman.Delivery, error) {
	if err := m.fault("Claim"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var due []*Row
	head := map[string]bool{}
	for _, r := range m.rows {
		if r.State != "pending" || head[r.Follower+r.Lane] {
			continue
		}
		if r.Newest && r.Attempts > 0 && !r.until.After(now) && m.overtaken(r) { // whoever was at it died
			r.State = "superseded"
			continue
		}
		head[r.Follower+r.Lane] = true
		if !r.DueAt.After(now) && !r.until.After(now) && !slices.Contains(full, r.Queue()) {
			due = append(due, r)
		}
	}
	slices.SortStableFunc(due, func(a, b *Row) int {
		return cmp.Compare(b2i(a.Class != pointsman.Urgent), b2i(b.Class != pointsman.Urgent))
	})
	var out []pointsman.Delivery
	for _, r := range due[:min(limit, len(due))] {
		r.owner, r.until = owner, now.Add(cmp.Or(m.Lease, defaultLease))
		r.Attempts++
		out = append(out, r.Delivery)
	}
	return out, nil
}

// Prolong prolongs leases that still belong to the attempt.
func (m *Memory) Prolong(_ context.Context, held []pointsman.Delivery, lease time.Duration) (lost []int64, err error) {
	if err := m.fault("Prolong"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range held {
		r := m.rows[d.ID-1]
		if r.State != "pending" || r.Attempts != d.Attempts || r.until.IsZero() {
			lost = append(lost, d.ID)
			continue
		}
		r.until = time.Now().Add(lease)
	}
	return lost, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Settle stores an outcome.
func (m *Memory) Settle(_ context.Context, d pointsman.Delivery, what pointsman.Settlement) error {
	if err := m.fault("Settle"); err != nil {
		return err
	}
	told, err := m.settle(d, what)
	for _, tell := range told {
		tell()
	}
	return err
}

func (m *Memory) settle(d pointsman.Delivery, what pointsman.Settlement) (told []func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[d.ID-1]
	if r.State == "sent" || !what.Sent && (r.State != "pending" || r.Attempts != d.Attempts || r.until.IsZero()) {
		return nil, pointsman.Errorf(pointsman.CodeConflict, "delivery %d was settled or claimed by another meanwhile", d.ID)
	}
	if r.Newest && !what.Sent && !what.Parked && m.overtaken(r) {
		r.State, r.owner, r.until = "superseded", "", time.Time{}
		m.wake()
		return nil, nil
	}
	r.owner, r.until, r.Problem = "", time.Time{}, what.Problem
	switch {
	case what.Sent:
		r.State, r.Ref = "sent", what.Ref
	case what.Parked:
		r.State = "parked"
	default:
		r.DueAt = what.RetryAt
	}
	told = m.append(what.Tell)
	m.wake()
	return told, nil
}

// overtaken reports whether a newer one waits to take the row's place, which inherits its attempts.
func (m *Memory) overtaken(r *Row) (over bool) {
	for _, n := range m.rows[r.ID:] {
		if n.Newest && n.Follower == r.Follower && n.Lane == r.Lane && n.State == "pending" {
			n.Attempts, over = max(n.Attempts, r.Attempts), true
		}
	}
	return over
}

// Rows returns the deliveries of a way in the order in which they were planned.
func (m *Memory) Rows(follower string) []Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Row
	for _, r := range m.rows {
		if r.Follower == follower {
			out = append(out, *r)
		}
	}
	return out
}
