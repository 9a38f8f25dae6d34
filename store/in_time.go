package store

import (
	"context"
	"time"
)

// inTime returns context.DeadlineExceeded if the context's deadline has passed. The clock is asked because the timers of a process
// that stood still fire late: what it was about to store when it stopped, somebody else has stored by now, and more after it.
func inTime(ctx context.Context) error {
	if until, limited := ctx.Deadline(); limited && !time.Now().Before(until) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
