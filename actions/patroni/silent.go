package patroni

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
)

// silent is G1 of a failover, seen from where clients stand: a leader whose Patroni died may take writes all the same, above
// all in maintenance mode, where nothing stops it.
func (c Cluster) silent(ctx context.Context) pointsman.Fact {
	visitCtx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	a, err := c.visit(visitCtx, "")
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "clients' address", Limit: "leads to nobody who takes writes", Source: "clients", At: a.At, Result: pointsman.Fail,
		Clears: "stop that server, or start its Patroni again",
	}
	switch {
	case err == nil && a.Timeline > 0:
		f.Value = fmt.Sprintf("a server on timeline %d takes writes", a.Timeline)
		f.Text = fmt.Sprintf("the clients' address leads to a server on timeline %d that takes writes, though no member leads: the old leader lives without its Patroni", a.Timeline)
		return f
	case err == nil && c.Clients.takesAny():
		f.Kind, f.Result, f.Value = pointsman.Ack, pointsman.Unknown, "a standby, one of several servers"
		f.Text = "the clients' address names several servers and leads to one that is a standby: the old leader may be another one, and live without its Patroni"
		f.Clears = "target_session_attrs=read-write in clients of the target"
		return f
	case err == nil:
		return good(f, "a standby")
	}
	return worst(f, err)
}

// worst judges what each of the address's servers answered, where it names several. It is pure.
func worst(f pointsman.Fact, err error) pointsman.Fact {
	for e := err; e != nil; e = errors.Unwrap(e) {
		all, ok := e.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		out := good(f, "")
		for _, one := range all.Unwrap() {
			if g := worst(f, told(one, "")); out.Result == pointsman.Pass || g.Result == pointsman.Fail || g.Result == pointsman.Unknown && out.Kind == pointsman.Ack {
				out = g
			}
		}
		return out
	}
	return unanswered(f, err)
}

// unanswered says what an error on the clients' address tells about a server that takes writes. Only a closed door says that
// nobody is there.
func unanswered(f pointsman.Fact, err error) pointsman.Fact {
	said, spoke := errors.AsType[*pgconn.PgError](err)
	netErr, isNet := errors.AsType[net.Error](err)
	_, noName := errors.AsType[*net.DNSError](err)
	is := func(errs ...error) bool {
		for _, e := range errs {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	f.Result = pointsman.Unknown
	f.Clears = "find out by hand that no server takes writes there; a second approver accepts it"
	switch {
	case spoke && strings.HasPrefix(said.Code, "08"): // the word of a pooler that has no server, or of one that it was not let in by
		f.Kind, f.Value = pointsman.Ack, "a pooler without a server"
		f.Text = fmt.Sprintf("a pooler answers at the clients' address and gives no server (%v): the old leader may live without its Patroni", err)
	case spoke:
		f.Result, f.Value = pointsman.Fail, "a server answers"
		f.Text = fmt.Sprintf("a server answers at the clients' address, and whether it takes writes cannot be told (%v): the old leader may live without its Patroni", err)
		f.Clears = "stop that server, let Pointsman's role in, or start its Patroni again"
	case noName:
		f.Value, f.Text = "no such name", "the name of the clients' address cannot be looked up, so whether the old leader takes writes there cannot be told"
		f.Clears = "mend the name service, or correct clients of the target"
	case is(pgconn.ErrReadOnlyConnection, pgconn.ErrStandbyConnection): // of an address that wants a primary
		return good(f, "a standby")
	case is(syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF):
		return good(f, "nobody who takes writes answers") // closed, or a proxy that has nobody behind it
	case is(context.DeadlineExceeded, syscall.EHOSTUNREACH, syscall.ENETUNREACH), isNet && netErr.Timeout():
		f.Kind, f.Value = pointsman.Ack, "silence"
		f.Text = "nothing answers at the clients' address, which a server that is cut off from here, or hangs, does too: the old leader may live without its Patroni"
	default:
		f.Value, f.Text = "unknown", fmt.Sprintf("whether the clients' address leads to a server that takes writes cannot be told: %v", err)
		f.Clears = "correct clients of the target"
	}
	return f
}

// signs is G1 of a failover where less than usual is known of the old leader: that nobody holds the key says nothing of a server
// whose Patroni died.
func (s Situation) signs() pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Ack, Name: "signs of the old leader", Limit: "no receiver, and nobody at the clients' address", Source: "configuration and /patroni", At: s.At, Result: pointsman.Unknown,
	}
	var missing, clears []string
	for _, r := range s.Readings {
		if r.Fault == "" && !r.Self.tellsReceivers() {
			missing = append(missing, fmt.Sprintf("Patroni %s of %s does not tell whether it still receives", orUnknown(oneLine(r.Self.Patroni.Version)), r.Member))
			clears = []string{"Patroni 3.1 or newer"}
			break
		}
	}
	if s.Cluster.Clients.empty() {
		missing = append(missing, "no clients' address is configured")
		clears = append(clears, "clients of the target")
	}
	if len(missing) == 0 {
		return good(f, "both looked for")
	}
	f.Value, f.Clears = "not looked for", strings.Join(clears, ", and ")
	f.Text = strings.Join(missing, ", and ") + ": that the old leader does not live without its Patroni is not proven"
	return f
}

func orUnknown(version string) string {
	if version == "" {
		return "(unknown)"
	}
	return version
}

// tellsReceivers reports whether the state of a member says that it streams, as since Patroni 3.1.
func (s Self) tellsReceivers() bool {
	var major, minor int
	if n, _ := fmt.Sscanf(s.Patroni.Version, "%d.%d", &major, &minor); n != 2 {
		return false
	}
	return major > 3 || major == 3 && minor >= 1
}
