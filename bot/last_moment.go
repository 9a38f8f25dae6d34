package bot

import (
	"context"
	"io"
	"net/http"
)

// authorKey is where a request carries the context of its attempt: http.Client puts one of its own around it, whose end is
// a timer, and the timers of a process that stood still fire late.
type authorKey struct{}

// authored returns a context whose requests are not written once the attempt is over.
func authored(ctx context.Context) context.Context { return context.WithValue(ctx, authorKey{}, ctx) }

// lastMoment asks whether the attempt is over when the body of a request is about to be written. A process that stands
// still between its own look and the write would say what another one has said by now; what is left between this look and
// the socket are microseconds.
type lastMoment struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l lastMoment) RoundTrip(req *http.Request) (*http.Response, error) {
	attempt, ok := req.Context().Value(authorKey{}).(context.Context)
	if !ok || req.Body == nil {
		return l.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Body = asked{req.Body, attempt}
	if fresh := req.GetBody; fresh != nil { // for another try on another connection
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := fresh()
			return asked{body, attempt}, err
		}
	}
	return l.next.RoundTrip(req)
}

// asked is a body that cannot be read when the attempt is over.
type asked struct {
	io.ReadCloser
	attempt context.Context //nolint:containedctx // that of the request, as its own Context is
}

// Read implements io.Reader.
func (a asked) Read(p []byte) (int, error) {
	if err := a.attempt.Err(); err != nil {
		return 0, err
	}
	return a.ReadCloser.Read(p)
}
