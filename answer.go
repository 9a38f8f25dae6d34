package pointsman

import "fmt"

// Code classes an answer; each door translates it once, into an HTTP status or a way of replying in Slack.
type Code string

// The codes.
const (
	CodeAccepted   Code = "accepted"    // done, and it changed something
	CodeCounted    Code = "counted"     // the vote counts, more are needed
	CodeDuplicate  Code = "duplicate"   // the same thing was said before; nothing changed
	CodeNotAllowed Code = "not_allowed" // this person may not
	CodeExpired    Code = "expired"
	CodeChanged    Code = "plan_changed" // what was shown is not what would run now
	CodeDecided    Code = "decided"      // somebody decided before
	CodeLocked     Code = "locked"       // another run holds the target
	CodeNotFound   Code = "not_found"
	CodeInvalid    Code = "invalid"   // the request makes no sense in this state
	CodeConflict   Code = "conflict"  // lost against a concurrent change, or fenced off
	CodeUnderway   Code = "under_way" // taken on, and whether it is carried out is not known yet
	CodeNewer      Code = "newer"     // a newer version wrote it, and only that one may change it
)

// Answer is what whoever asked is told: every click gets one.
type Answer struct {
	Code Code   `json:"code"`
	Text string `json:"text"` // one sentence, complete and readable aloud
	ID   string `json:"id,omitempty"`
}

// OK reports whether the command was carried out or had been before.
func (a Answer) OK() bool {
	return a.Code == CodeAccepted || a.Code == CodeCounted || a.Code == CodeDuplicate
}

func answer(code Code, format string, args ...any) Answer {
	return Answer{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Result is what a store returns for a command: the answer and the state after it.
type Result struct {
	Answer Answer
	State  State
	Seq    int64 // the log's head after the commit
}

// Error is an error with a code, for the few that a caller must tell apart.
type Error struct {
	Code Code
	Msg  string
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	if e.Msg == "" {
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}
