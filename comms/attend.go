package comms

import (
	"context"
	"time"

	"github.com/pointsman/pointsman"
)

// Prompt stores deliveries in the transactions of their events, for a follower that stands at the log's end.
type Prompt interface {
	// Attend does so until leave is called. plan is Outbox.Follow's, but false leaves the events to it. begin names in each
	// transaction who leases the urgent deliveries; told is called after the commit with the newest event that is planned
	// now and with what was leased. Both may still be called by transactions that were under way at leave.
	Attend(follower string, plan func(pointsman.Logged) ([]pointsman.Delivery, bool),
		begin func() (owner string, told func(upTo int64, leased []pointsman.Delivery))) (leave func())
}

// attend lets the store plan for a way at once. What cannot be planned is left to follow, which tells of it.
func (r *dispatch) attend(ctx context.Context, f *follower) (leave func()) {
	if r.Prompt == nil {
		return func() {}
	}
	plan := func(ev pointsman.Logged) ([]pointsman.Delivery, bool) {
		p := planner{way: f.way}
		out := p.plan(ev)
		return out, len(p.lost) == 0
	}
	begin := func() (string, func(int64, []pointsman.Delivery)) {
		until := time.Now().Add(r.Lease)
		told := func(upTo int64, leased []pointsman.Delivery) {
			f.planned(upTo)
			r.begin(leased, until)
		}
		if ctx.Err() != nil {
			return "", told
		}
		return r.hands(f.way), told
	}
	return r.Prompt.Attend(f.way.Name(), plan, begin)
}
