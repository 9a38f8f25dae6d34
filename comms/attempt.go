package comms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/pointsman/pointsman"
)

// deliver makes one attempt and stores what became of it.
func (r *dispatch) deliver(d pointsman.Delivery) {
	free := r.workers(d)
	select {
	case free <- struct{}{}:
		defer func() { <-free }()
	case <-r.stopping:
		r.store(d, pointsman.Settlement{RetryAt: r.Now(), Problem: d.Problem})
		return
	case <-time.After(patience):
		// Later and later, or all attempts would be used up while it only waits for a worker.
		again := r.Now().Add(wait(d.Attempts, 0, rand.Float64()))
		r.store(d, pointsman.Settlement{RetryAt: again, Problem: fmt.Sprintf("all %d workers of %s were busy for %s", r.Workers, d.Follower, patience)})
		return
	}
	r.Metrics.begun(d, r.Now())
	began := time.Now()
	ref, err := r.send(d)
	what := settle(d, ref, err, r.Attempts, r.Now())
	if r.work.Err() != nil && err != nil {
		what = pointsman.Settlement{RetryAt: r.Now(), Problem: "the process stopped during the attempt"}
	}
	r.Metrics.ended(d, what, time.Since(began))
	if err != nil {
		r.Log.Log(r.work, loudness(d, err), "delivery not made", "way", d.Follower, "incident", d.Incident, "attempt", d.Attempts, "dur", time.Since(began), "parked", what.Parked, "err", err)
	}
	if what.Parked {
		what.Tell = r.ofLost(r.work, lost{delivery: d, why: what.Problem})
	}
	r.store(d, what)
	if !what.RetryAt.IsZero() {
		time.AfterFunc(what.RetryAt.Sub(r.Now()), r.wake)
	}
}

// loudness lets the log say of a long outage that it lasts, not each of its attempts. A first attempt that was told to
// come back later, because of a rate or of a card that is not there yet, is no fault at all.
func loudness(d pointsman.Delivery, err error) slog.Level {
	if d.Attempts == 1 && asked(err) > 0 {
		return slog.LevelDebug
	}
	if d.Attempts&(d.Attempts-1) == 0 { // 1, 2, 4, 8 ...
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// send gives the attempt its deadline and turns a panic into an error: one bad delivery must not silence the others.
func (r *dispatch) send(d pointsman.Delivery) (ref string, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("way out panicked", "way", d.Follower, "err", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s panicked: %v", d.Follower, p)
		}
	}()
	w, ok := r.ways[d.Follower]
	if !ok {
		// During an upgrade another process may still know it, so this is no reason to give up at once.
		return "", fmt.Errorf("no way out named %q is configured here", d.Follower)
	}
	ctx, cancel := context.WithTimeout(r.work, r.Attempt)
	defer cancel()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	r.cancellable(d, lost)
	ctx = attempt{ctx, func() time.Time { return r.until(d.ID) }}
	pointsman.Failpoint("delivery.sending", d.Follower)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	ref, err = w.Send(ctx, d)
	pointsman.Failpoint("delivery.sent", d.Follower)
	return ref, err
}

// store repeats until the outcome is in the outbox: what was said must not be said again because a database restarts.
func (r *dispatch) store(d pointsman.Delivery, what pointsman.Settlement) {
	what.Tell = append(what.Tell, r.ofPage(d, what)...)
	for again := 50 * time.Millisecond; ; again = min(2*again, 2*time.Second) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), 5*time.Second)
		err := r.Outbox.Settle(ctx, d, what)
		cancel()
		pointsman.Failpoint("delivery.settled", d.Follower)
		if err == nil {
			return
		}
		e, known := errors.AsType[*pointsman.Error](err)
		if known && e.Code == pointsman.CodeConflict {
			return // another process has it, or had settled it
		}
		r.Log.Warn("outcome of a delivery not stored yet", "way", d.Follower, "incident", d.Incident, "err", err)
		if r.work.Err() != nil {
			return
		}
		pause(r.work, again)
	}
}
