package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// clock is the one clock of everything that is stored, or compared with something stored: decisions, expiries, deadlines,
// timers, events. It is a moment that was asked for, carried forward by this machine's monotonic time, so that a wall
// clock which is set forward or back neither shortens nor prolongs what somebody approved.
//
// On PostgreSQL the moment is the database's, asked for at the start and with each claim and heartbeat: replicas agree
// within a round trip, whatever their own clocks say. On SQLite one process owns the file, and the moment is its wall
// clock's at the start, or the log's newest entry where that is later: time never runs back behind what is stored.
type clock struct {
	wall   func() time.Time     // this machine's wall clock
	passed func() time.Duration // monotonic, a suspension of the machine included
	ask    func(ctx context.Context) (time.Time, error)

	mu    sync.Mutex
	at    time.Time     // the moment
	from  time.Duration // what had passed by then
	local time.Time     // what the wall clock showed then
	told  time.Time     // the latest that was told
}

// stale is how old a sample may be, and moved how far the wall clock may have gone another way since, before the
// database is asked again in front of a decision: the process may have stood still, or its machine.
const (
	stale = 5 * time.Second
	moved = time.Second
)

// slower is the part of the passing time by which the clock is held back while it is ahead of the database's. What is
// behind is taken over at once; but a database whose clock was set back must not prolong what waits, so time goes on.
const slower = 10

// newClock makes a clock that must be started. wall may be nil; ask is nil where there is no database to ask.
func newClock(wall func() time.Time, ask func(ctx context.Context) (time.Time, error)) *clock {
	if wall == nil {
		wall = time.Now
	}
	began, s := time.Now(), sleep{read: suspended}
	s.before = s.total()
	return &clock{wall: wall, ask: ask, passed: func() time.Duration { return time.Since(began) + s.total() - s.before }}
}

// sleep is how long the machine was suspended, which Go's monotonic clock leaves out.
type sleep struct {
	read   func() (time.Duration, bool)
	before time.Duration // when the process began

	mu    sync.Mutex
	known time.Duration
}

// total is how long it was in all. Only growth counts that is none of the reading's own jitter.
func (s *sleep) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.read(); ok && d > s.known+100*time.Millisecond {
		s.known = d
	}
	return s.known
}

// start sets the clock at the opening of the store; newest is the time of the log's last entry.
func (c *clock) start(ctx context.Context, newest time.Time) error {
	if c.ask != nil {
		_, err := c.sample(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		// The database may have moved to a host whose clock is behind. What is stored is due by the time that was, and the
		// replicas that run on are ahead like this.
		if c.at.Before(newest) {
			c.at = newest.Round(0)
		}
		return err
	}
	at := c.wall()
	if at.Before(newest) {
		at = newest
	}
	c.set(at, c.passed())
	return nil
}

func (c *clock) set(at time.Time, from time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.from, c.local = at.Round(0), from, c.wall().Round(0)
}

// now is the time. It never runs backwards.
func (c *clock) now() time.Time {
	passed := c.passed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.carried(passed); t.After(c.told) {
		c.told = t
	}
	return c.told
}

func (c *clock) carried(passed time.Duration) time.Time { return c.at.Add(passed - c.from) }

// sample asks the database and returns its answer. The answer was given some time between the question and now, so the
// database shows at least that by now and at most that and the round trip. A time in between stays as it is: a slow
// answer teaches little.
func (c *clock) sample(ctx context.Context) (time.Time, error) {
	asked := c.passed()
	least, err := c.ask(ctx)
	if err != nil {
		return time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := c.passed()
	trip := passed - asked
	now := c.carried(passed)
	switch most := least.Add(trip); {
	case c.at.IsZero():
		now = least.Add(trip / 2)
	case now.Before(least):
		now = least
	case now.After(most):
		now = now.Add(-min(now.Sub(most), (passed-c.from)/slower))
	}
	c.at, c.from, c.local = now, passed, c.wall().Round(0)
	return least, nil
}

// fresh asks again where the last answer is old, or where the wall clock has gone another way than monotonic time since:
// one of them may have missed that the machine stood still.
func (c *clock) fresh(ctx context.Context) error {
	if c.ask == nil {
		return nil
	}
	passed, wall := c.passed(), c.wall().Round(0)
	c.mu.Lock()
	passed -= c.from
	odd := (wall.Sub(c.local) - passed).Abs()
	c.mu.Unlock()
	if passed <= stale && odd <= moved {
		return nil
	}
	_, err := c.sample(ctx)
	return err
}

// Now is the time of everything that is stored, or compared with something stored: UTC, in microseconds. It waits for
// nobody and never runs backwards.
func (s *Store) Now() time.Time { return s.db.now().UTC().Truncate(time.Microsecond) }

// Ahead is how far Now is ahead of this machine's wall clock; negative where it is behind.
func (s *Store) Ahead() time.Duration {
	if s.db.clock == nil {
		return 0
	}
	return s.Now().Sub(s.db.clock.wall().Round(0))
}

// setClock starts the clock, or lets the test's take its place.
func (s *Store) setClock(ctx context.Context, tests func() time.Time) error {
	if tests != nil {
		s.db.clock, s.db.now = nil, tests
		s.db.lease, s.db.leaseSQL = func(context.Context) (time.Time, error) { return tests(), nil }, ""
		return nil
	}
	var newest int64
	err := s.db.reads.QueryRow(ctx, `SELECT COALESCE((SELECT at FROM log ORDER BY seq DESC LIMIT 1), 0)`).Scan(&newest)
	if err == nil {
		err = s.db.clock.start(ctx, fromMicros(newest))
	}
	if err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return nil
}

// fresh makes sure that a decision is not made by a clock that stood still.
func (s *Store) fresh(ctx context.Context) error {
	if s.db.clock == nil {
		return nil
	}
	return s.db.clock.fresh(ctx)
}

// outboxTime is the time by which deliveries are due and leased. It is due by Now and leased by the database's clock, and
// the later of the two keeps nothing waiting.
func (s *Store) outboxTime(ctx context.Context) (time.Time, error) {
	leased, err := s.db.lease(ctx)
	if now := s.Now(); leased.Before(now) {
		leased = now
	}
	return leased, err
}
