package actiontest

import (
	"context"
	"time"
)

// Asleep is the context of a step as a process finds it that stood still until the step's time was over: the deadline has
// passed, and its timer has not fired yet.
func Asleep(ctx context.Context) context.Context { return asleep{ctx, time.Now().Add(-time.Second)} }

type asleep struct {
	context.Context
	until time.Time
}

// Deadline implements context.Context.
func (a asleep) Deadline() (time.Time, bool) { return a.until, true }
