package app

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// readyFor is how long an answer about readiness holds, and readyWithin how long it is waited for.
const (
	readyFor    = 250 * time.Millisecond
	readyWithin = 2 * time.Second
)

// readiness asks the store no more often than an answer holds. Only a write tells whether the store takes writes, and whoever
// reaches the port may ask: on SQLite the clicks would stand in line behind a loop of such questions.
type readiness struct {
	ask func(context.Context) error

	mu   sync.Mutex
	some rate.Sometimes
	last error
}

func newReadiness(ask func(context.Context) error) *readiness {
	return &readiness{ask: ask, some: rate.Sometimes{Interval: readyFor}}
}

// now is not nil where requests cannot be served.
func (r *readiness) now(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.some.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin) // the answer is for others, too
		defer cancel()
		r.last = r.ask(ctx)
	})
	return r.last
}
