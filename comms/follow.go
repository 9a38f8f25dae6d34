package comms

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pointsman/pointsman"
)

// follow turns the log into deliveries of one way.
func (r *dispatch) follow(ctx context.Context, f *follower) {
	w := f.way
	net := time.NewTicker(time.Second)
	defer net.Stop()
	for due := true; ; {
		changed := r.Journal.Changed() // before the look, so that nothing is missed in between
		n, err := 0, error(nil)
		if due || f.busy || f.wants(ctx, r.Journal) {
			p := planner{way: w}
			var urgent []pointsman.Delivery
			said := false
			until := time.Now().Add(r.Lease)
			n, urgent, err = r.Outbox.Follow(ctx, w.Name(), r.hands(w), page, f.note(&p, &said))
			r.begin(urgent, until)
			if n > 0 {
				f.busy = said
				r.wake()
				f.untold = append(f.untold, p.lost...)
			}
		}
		if r.tellLost(ctx, f.untold...) {
			f.untold = nil
		}
		switch {
		case ctx.Err() != nil:
			return
		case n == page:
			due = true // there may be more
			continue
		case err != nil:
			r.Log.Warn("log not followed", "way", w.Name(), "err", err)
			pause(ctx, time.Second) // a store in trouble is not asked at every wake
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			due = err != nil
		case <-net.C:
			due = true
		}
	}
}

// hands is the owner of what a follower may lease at once: nobody when this process holds as much of its way as it can see
// through before the leases end.
func (r *dispatch) hands(w Way) string {
	if r.room(pointsman.Queue{Follower: w.Name(), Class: pointsman.Urgent}) < page {
		return ""
	}
	return r.Owner
}

// follower keeps a way that has nothing to say from writing its cursor at every event. On SQLite that write would
// stand before the message that another way is about to send; so the cursor is brought up once a second instead.
type follower struct {
	way  Way
	seen atomic.Int64 // the newest event that was planned or is known to need no plan; 0 before the first
	busy bool         // it had something to say the last time, so it probably has again and is not asked first

	untold []lost // what could not be planned and is not on record yet
}

// planned takes note that all events up to the given one are planned.
func (f *follower) planned(upTo int64) {
	for seen := f.seen.Load(); seen < upTo && !f.seen.CompareAndSwap(seen, upTo); seen = f.seen.Load() {
		continue
	}
}

// note is the way's plan, with a note of how far it got and whether it had anything to say.
func (f *follower) note(p *planner, said *bool) func(pointsman.Logged) []pointsman.Delivery {
	return func(ev pointsman.Logged) []pointsman.Delivery {
		f.planned(ev.Seq)
		out := p.plan(ev)
		*said = *said || len(out) > 0
		return out
	}
}

// wants reports whether there is something new that the way has a word for, or that it cannot tell.
func (f *follower) wants(ctx context.Context, j Journal) bool {
	seen := f.seen.Load()
	if seen == 0 {
		return true
	}
	events, err := j.Events(ctx, "", seen, page)
	if err != nil {
		return true
	}
	p := planner{way: f.way}
	for _, ev := range events {
		if len(p.plan(ev)) > 0 || len(p.lost) > 0 {
			return true
		}
		f.planned(ev.Seq)
	}
	return len(events) == page
}
