package store

import (
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// employed is the worker of this process. A run that a command queues here is leased to it in the transaction that queues
// it, so that a person's click need not wait for another one. It is a lease as any other: whoever does not come for the
// run loses it when the lease ends.
type employed struct {
	mu    sync.Mutex
	owner string
	lease time.Duration
	asked time.Time // when it last asked for work; one that asks no more gets none
	ready []pointsman.Claim
}

// Employ names the worker that calls ClaimRun in this process, and how long its leases last. Without it, runs wait until
// somebody claims them.
func (s *Store) Employ(owner string, lease time.Duration) {
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	s.worker.owner, s.worker.lease = owner, lease
}

// present returns the worker, if it asked for work lately.
func (e *employed) present() (owner string, lease time.Duration, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.owner, e.lease, e.owner != "" && !e.asked.IsZero() && time.Since(e.asked) < e.lease/2
}

// give keeps what was leased to the worker until it asks, and wakes it.
func (s *Store) give(claims []pointsman.Claim) {
	if len(claims) == 0 {
		return
	}
	s.worker.keep(claims)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand()
}

func (e *employed) keep(claims []pointsman.Claim) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ready = append(e.ready, claims...)
}

// take returns a run that is leased to the owner already. One that lies for long is left to the end of its lease: there
// would be too little left of it.
func (e *employed) take(owner string) (pointsman.Claim, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if owner != e.owner {
		return pointsman.Claim{}, false
	}
	e.asked = time.Now()
	for len(e.ready) > 0 {
		c := e.ready[0]
		e.ready = e.ready[1:]
		if time.Since(c.Since) < e.lease/2 {
			return c, true
		}
	}
	return pointsman.Claim{}, false
}

// dismiss returns what the worker never came for, and gives it nothing more.
func (e *employed) dismiss() []pointsman.Claim {
	e.mu.Lock()
	defer e.mu.Unlock()
	left := e.ready
	e.owner, e.ready = "", nil
	return left
}

// engage leases the runs that a command has queued to the worker of this process.
func (s *Store) engage(w *work, l *loaded, after pointsman.State) error {
	owner, lease, ok := s.worker.present()
	if !ok {
		return nil
	}
	for _, r := range after.Runs {
		if _, stored := l.state.Run(r.ID); stored || r.State != pointsman.RunQueued {
			continue
		}
		doc, err := encode(r)
		if err != nil {
			return err
		}
		c := pointsman.Claim{Epoch: 1, Since: time.Now()}
		if c.Run, err = s.carried(doc); err != nil {
			continue // a newer version carries it out
		}
		until, from := micros(w.now.Add(lease)), "0"
		if s.db.leaseSQL != "" {
			until, from = lease.Microseconds(), "("+s.db.leaseSQL+")"
		}
		w.writes.one(`UPDATE runs SET epoch = $1, owner = $2, lease_until = `+from+` + CAST($3 AS BIGINT) WHERE id = $4 AND epoch = 0`, c.Epoch, owner, until, r.ID)
		w.employing = append(w.employing, c)
	}
	return nil
}
