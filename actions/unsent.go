package actions

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pointsman/pointsman"
)

// NotSentError says that an attempt provably sent nothing to its target: no connection came about, no process was started.
// The engine makes such an attempt again, after a wait and within the step's time. A kind returns it only where it can
// prove it; any other error means that it may have happened.
type NotSentError struct{ Err error }

// NotSent makes a NotSentError.
func NotSent(err error) error { return &NotSentError{err} }

// Error implements error.
func (e *NotSentError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *NotSentError) Unwrap() error { return e.Err }

// NoConnection reports whether the error is that of a connection which never came about: the name was not found, or nobody
// took the call. It says nothing about what was sent over an older connection.
func NoConnection(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// DefaultTries is how many attempts there are at most of which nothing is sent.
const DefaultTries = 4

// The waits between them double from the first: 1, 2, 4 seconds.
const (
	firstWait   = time.Second
	longestWait = 8 * time.Second
)

func (e *Engine) tries() int {
	if e.Tries <= 0 {
		return DefaultTries
	}
	return e.Tries
}

// unsent goes on after an attempt of which nothing was sent: with another one, or to the end of the step.
func (e *Engine) unsent(ctx context.Context, run pointsman.Run, end pointsman.EndStep, why error, deadline time.Time) (pointsman.Command, error) {
	s := run.Steps[end.Step]
	n := s.InVain() + 1
	wait := min(firstWait<<min(n-1, 8), longestWait)
	if n >= e.tries() || e.until(deadline) <= wait {
		end.State, end.Unsent, end.Note = pointsman.StepFailed, true, fmt.Sprintf("nothing was sent in %s, so nothing was done: %v", pointsman.Count(n, "attempt"), why)
		return end, nil
	}
	tell := pointsman.TellUnsent{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Attempt: s.Attempt, Why: why.Error(), Wait: wait, Of: e.tries()}
	if _, err := e.say(ctx, tell); err != nil {
		return nil, err
	}
	pointsman.Failpoint("step.unsent", s.Kind)
	if err := pause(ctx, wait); err != nil {
		return nil, err
	}
	// A pause or an abort that was decided meanwhile takes the place of the attempt, and so do a lock and a freeze.
	return pointsman.RetryStep{Run: run.ID, Epoch: end.Epoch, Step: end.Step, Attempt: s.Attempt, Note: "nothing had been sent"}, nil
}

// untold is what the checks could not tell, where none of them said no; nil where one did.
func untold(facts []pointsman.Fact) error {
	no := pointsman.Refusals(facts)
	for _, f := range no {
		if f.Result != pointsman.Unknown {
			return nil
		}
	}
	if len(no) == 0 {
		return nil
	}
	return errors.New(no[0].Sentence())
}
