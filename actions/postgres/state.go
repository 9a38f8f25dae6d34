package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// State is what one look at one node told, from one place.
type State = probe.State

// The states, as the probe's wire format names them.
const (
	Writable    = probe.Writable
	ReadOnly    = probe.ReadOnly
	Standby     = probe.Standby
	Starting    = probe.Starting
	Full        = probe.Full
	Fenced      = probe.Fenced
	Denied      = probe.Denied
	Closing     = probe.Closing
	Refused     = probe.Refused
	Unreachable = probe.Unreachable
	Hung        = probe.Hung
	Unsure      = probe.Unsure
)

// stateOf tells what a failed look means. An answer, whatever it says, is a sign of life.
func stateOf(err error) State {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return stateOfCode(e.Code)
	}
	netErr, isNet := errors.AsType[net.Error](err)
	_, noName := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return Unsure // we gave up, which tells nothing about the node
	case errors.Is(err, context.DeadlineExceeded), isNet && netErr.Timeout():
		return Hung
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), noName:
		return Unreachable
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), isEOF(err):
		// The connection was accepted and lost: dying, or a pooler in front. Neither a living nor a dead server.
		return Unreachable
	}
	return Unsure
}

// stateOfCode reads SQLSTATEs, see appendix A of PostgreSQL's manual.
func stateOfCode(code string) State {
	switch {
	case slices.Contains([]string{"53300", "53100", "53200"}, code): // too many connections, disk full, out of memory
		return Full
	case slices.Contains([]string{"57P03", "57P01", "57P02"}, code): // cannot connect now, shutting down, crash of another
		return Starting
	case code == "55000": // the database does not accept connections; whether anything is left is asked next
		return Closing
	case code == "25006": // read-only transaction
		return ReadOnly
	}
	return Denied // it answers, but not us
}

// sense is the system's word for an error, without addresses, users or files.
func sense(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer within the deadline"
	case errors.Is(err, context.Canceled):
		return "the look was cancelled"
	case isEOF(err):
		return "the connection was closed"
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "no answer within the deadline"
	}
	return "the connection failed" // the driver's text repeats parts of the connection string
}
