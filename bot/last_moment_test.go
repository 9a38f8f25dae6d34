package bot

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pointsman/pointsman"
)

// lapsing is the context of an attempt whose lease ends while the process stands still: nobody is told, Err knows.
type lapsing struct {
	context.Context
	over *atomic.Bool
}

func (l lapsing) Err() error {
	if l.over.Load() {
		return context.DeadlineExceeded
	}
	return l.Context.Err()
}

// standstill stops the process for long when a request is on its way to the socket, after every look of the sender.
type standstill struct {
	http.RoundTripper
	while func()
}

func (s standstill) RoundTrip(req *http.Request) (*http.Response, error) {
	s.while()
	return s.RoundTripper.RoundTrip(req)
}

func TestWhoStoodStillSaysNothing(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]bool{"for a moment": false, "longer than its lease": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			server := httptest.NewServer(w.slack)
			t.Cleanup(server.Close)
			over := &atomic.Bool{}
			w.bot = w.newBot(ModeHTTP, server.URL, standstill{http.DefaultTransport, func() { over.Store(long) }})
			w.tell(webhook(primaryDown(pointsman.AlertFiring)))
			d := w.head()
			d.Attempts++
			_, err := w.bot.Sender.Send(lapsing{t.Context(), over}, *d)
			if said := len(w.room.Messages()); long && (said != 0 || !errors.Is(err, context.DeadlineExceeded)) || !long && (said != 1 || err != nil) {
				t.Errorf("said %d times, %v", said, err)
			}
		})
	}
}
