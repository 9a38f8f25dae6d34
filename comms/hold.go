package comms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// Leases keeps claimed deliveries with the process that works at them. Without it a lease must be longer than any
// attempt, and what a dead process had claimed stands still for as long.
type Leases interface {
	// Prolong leases deliveries for the given time from now and returns the ids of those that are settled, or that
	// another process has claimed since.
	Prolong(ctx context.Context, held []pointsman.Delivery, lease time.Duration) (lost []int64, err error)
}

// errTaken is the cause of an attempt that ends because its delivery is not ours any more.
var errTaken = errors.New("another process may have the delivery now")

// hold is a delivery that this process has claimed and not settled.
type hold struct {
	delivery pointsman.Delivery
	until    time.Time // by our clock, counted from before the request that leased it: never later than the store's
	cancel   context.CancelCauseFunc
}

// attempt is the context of one attempt. It is over when the lease is, also for a process that stood still and whose
// timers have not fired yet: whoever is about to say something asks Err first.
type attempt struct {
	context.Context
	until func() time.Time
}

// Err implements context.Context.
func (a attempt) Err() error {
	if err := a.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(a.until()) {
		return context.DeadlineExceeded
	}
	return nil
}

// until is when the lease of a delivery ends that this process holds.
func (r *dispatch) until(id int64) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.mine[id]; h != nil {
		return h.until
	}
	return time.Time{}
}

// cancellable lets the loss of a lease end the attempt.
func (r *dispatch) cancellable(d pointsman.Delivery, cancel context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.mine[d.ID]; h != nil {
		h.cancel = cancel
	}
}

// keeping prolongs what is held until stop is called.
func (r *dispatch) keeping(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); r.keep(ctx) }()
	return func() { cancel(); <-ended }
}

func (r *dispatch) keep(ctx context.Context) {
	tick := time.NewTicker(r.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for some := range slices.Chunk(r.held(), together) {
				r.prolong(ctx, some)
			}
		}
	}
}

// together is how many leases are prolonged at once: a statement that names too many is refused by the store.
const together = 256

func (r *dispatch) prolong(ctx context.Context, held []pointsman.Delivery) {
	began := time.Now()
	lost, err := r.Leases.Prolong(ctx, held, r.Lease)
	if err != nil && ctx.Err() == nil {
		r.Log.Warn("leases of deliveries not prolonged", "count", len(held), "err", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range held {
		h := r.mine[d.ID]
		switch {
		case h == nil || h.delivery.Attempts != d.Attempts: // settled meanwhile
		case err == nil && !slices.Contains(lost, d.ID):
			h.until = began.Add(r.Lease)
		case h.cancel != nil && (err == nil || !time.Now().Before(h.until)):
			h.cancel(errTaken)
		}
	}
}

func (r *dispatch) held() []pointsman.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []pointsman.Delivery
	for _, id := range slices.Sorted(maps.Keys(r.mine)) {
		out = append(out, r.mine[id].delivery)
	}
	return out
}
