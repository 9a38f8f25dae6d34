package actions

import "errors"

// UntoldError says that whether the effect holds cannot be told, now or later: looking again tells nothing more. The
// engine asks a person at once in its place. A Verify that only failed to reach somebody returns any other error, and is
// asked again until the step's time is over.
type UntoldError struct{ Err error }

// Untold makes an UntoldError.
func Untold(err error) error { return &UntoldError{err} }

// Error implements error.
func (e *UntoldError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *UntoldError) Unwrap() error { return e.Err }

func isUntold(err error) bool {
	_, ok := errors.AsType[*UntoldError](err)
	return ok
}
