package actions

import (
	"context"
	"errors"
	"time"
)

// ErrLate says that the time of an attempt was over before its effect was requested.
var ErrLate = errors.New("its time was over before it was asked for, and nothing was")

// InTime returns ErrLate if the context's deadline has passed. A kind asks it right before what cannot be taken back: a process
// that stood still wakes up between two of its statements, and no timer of its contexts has fired yet. By then a successor
// may have seen that nothing happened, and begun again, or a person may have decided otherwise.
func InTime(ctx context.Context) error {
	if until, ok := ctx.Deadline(); ok && !time.Now().Before(until) {
		return ErrLate
	}
	return nil
}
