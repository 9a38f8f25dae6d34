package comms

import (
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// Pager is a way that wakes people. What becomes of its pages goes into the log.
type Pager interface {
	Way
	// Wakes reports whether the delivery is to wake somebody, and since when that is wanted.
	Wakes(d pointsman.Delivery) (wanted time.Time, yes bool)
}

// wakes asks the delivery's way.
func (r *dispatch) wakes(d pointsman.Delivery) (wanted time.Time, yes bool) {
	if p, ok := r.ways[d.Follower].(Pager); ok {
		return p.Wakes(d)
	}
	return time.Time{}, false
}

// ofPage is what the log says of the attempt at a page. That it comes too late is said once: the row remembers by the time of
// its next attempt, which is stored together with what is said.
func (r *dispatch) ofPage(d pointsman.Delivery, what pointsman.Settlement) []pointsman.Event {
	wanted, page := r.wakes(d)
	told := pointsman.Event{Version: 1, Actor: pointsman.Actor{Door: pointsman.DoorEngine}, Incident: d.Incident}
	late := func(next time.Time, problem string) bool { return problem != "" && pointsman.PageLate(wanted, next) }
	switch {
	case !page:
		return nil
	case what.Sent:
		after := ""
		if took := r.Now().Sub(wanted); took > pointsman.PageWithin {
			after = " after " + pointsman.Span(took)
		}
		told.Type, told.Text = pointsman.EvPageDelivered, fmt.Sprintf("Paged%s: %s has taken it (%s)", after, d.Follower, d.Destination)
	case !what.Parked && late(what.RetryAt, what.Problem) && !late(d.DueAt, d.Problem):
		told.Type, told.Reason = pointsman.EvPageUndelivered, what.Problem
		told.Text = fmt.Sprintf("NOT PAGED: %s; it is tried on (%s). Call somebody by other means", what.Problem, d.Destination)
	default: // what is given up is told as lost
		return nil
	}
	return []pointsman.Event{told}
}
