package actions

import (
	"context"
	"errors"
	"time"
)

// ErrLate says that the time of an attempt was over before its effect was requested.
var ErrLate = errors.New("the step's time was over, so this was not begun any more")

// InTime returns ErrLate if the context's deadline has passed. A kind asks it right before what cannot be taken back: a process
// that stood still wakes up between two of its statements, and no timer of its contexts has fired yet. By then a successor
// may have seen that nothing happened, and begun again, or a person may have decided otherwise. Monotonic time does not go on
// while a machine is suspended, so the wall clock is asked too; one that was set forward costs an attempt that sent nothing.
func InTime(ctx context.Context) error {
	until, ok := ctx.Deadline()
	if now := time.Now(); ok && (!now.Before(until) || !now.Round(0).Before(until.Round(0))) {
		return ErrLate
	}
	return nil
}
