package comms

import (
	"context"
	"errors"
	"time"

	"github.com/pointsman/pointsman"
)

// Way is one way out: Slack, PagerDuty.
type Way interface {
	// Name is stored with every delivery and never renamed.
	Name() string
	// Plan says what the event is worth saying and where. It is pure: the same event always gives the same deliveries.
	Plan(ev pointsman.Logged) []pointsman.Delivery
	// Send says it, and returns what the other side calls it. The same delivery may come twice; Attempts above 1 tells
	// that an earlier attempt may have got through. The error is RetryAfter, Permanent, or anything else for "later".
	Send(ctx context.Context, d pointsman.Delivery) (ref string, err error)
}

// Outbox keeps deliveries; the rows are the truth of what was said.
type Outbox interface {
	// Follow stores what plan makes of the events after the follower's cursor, at most limit, together with the new
	// cursor, and returns how many events it read. Urgent ones that can go at once are leased to owner and returned; an
	// empty owner leases none.
	Follow(ctx context.Context, follower, owner string, limit int, plan func(pointsman.Logged) []pointsman.Delivery) (int, []pointsman.Delivery, error)
	// Claim leases the due heads of lanes to owner, urgent ones first, for the time that Dispatcher.Lease names. Queues that
	// are full are left out.
	Claim(ctx context.Context, owner string, limit int, full ...pointsman.Queue) ([]pointsman.Delivery, error)
	// Settle stores what became of an attempt, and what the log is told of it. An Error with CodeConflict says that another
	// owner has it.
	Settle(ctx context.Context, d pointsman.Delivery, what pointsman.Settlement) error
}

// Journal is what the dispatcher needs of the log itself.
type Journal interface {
	Events(ctx context.Context, incident string, after int64, limit int) ([]pointsman.Logged, error)
	Note(ctx context.Context, events ...pointsman.Event) error
	Changed() <-chan struct{}
}

// RetryAfter wraps an error with the time that the other side asked for. Errors with a method
// RetryAfter() time.Duration are recognised too, so that a room need not import this one.
func RetryAfter(d time.Duration, err error) error { return &later{err, d} }

// Permanent wraps an error that no repetition will cure: the delivery is parked at once. Errors with a method
// Permanent() bool are recognised too.
func Permanent(err error) error { return &never{err} }

type later struct {
	error
	d time.Duration
}

func (e *later) Unwrap() error             { return e.error }
func (e *later) RetryAfter() time.Duration { return e.d }

type never struct{ error }

func (e *never) Unwrap() error   { return e.error }
func (e *never) Permanent() bool { return true }

// asked returns how long the other side wants to be left alone; zero if it did not say.
func asked(err error) time.Duration {
	var e interface{ RetryAfter() time.Duration }
	if errors.As(err, &e) {
		return e.RetryAfter()
	}
	return 0
}

func hopeless(err error) bool {
	var e interface{ Permanent() bool }
	return errors.As(err, &e) && e.Permanent()
}
