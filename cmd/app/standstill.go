package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

const (
	// stoodStill is how long a process must not have looked at the clock to have stood still. Alertmanager and Slack wait about as
	// long for an answer and ask another replica then; the store's own timeouts and leases catch what is shorter.
	stoodStill = 5 * time.Second
	// clearing is for how long after it what comes in may be what waited: a machine that swapped or was moved is slow at first.
	clearing = 5 * time.Second
)

// standstill knows when this process stood still: it was frozen, its machine swapped, was moved, or restored from a snapshot. What
// waited in its sockets for that long looks new to it, and is not: whoever sent it has given up, and said it to another replica, and
// perhaps the contrary after that.
type standstill struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time // when the clock was looked at; zero for not yet
	woke time.Time // the end of the last standstill
}

// run looks at the clock until the context ends.
func (s *standstill) run(ctx context.Context) error {
	tick := time.NewTicker(stoodStill / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.look()
		}
	}
}

// look returns for how long yet what comes in may have waited; zero is the usual.
func (s *standstill) look() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	// By the wall: the monotonic clock stands still with some machines.
	if gap := now.Round(0).Sub(s.last.Round(0)); !s.last.IsZero() && gap >= stoodStill {
		s.woke = now
		s.log.Warn("process stood still; for a moment it takes no requests that change something", "dur", gap)
	}
	s.last = now
	return max(0, s.woke.Add(clearing).Sub(now)) // by the monotonic clock: a wall clock that is set back now would keep the door shut for hours
}

// guard refuses what would change something while it may have waited. Whoever still waits for the answer sends it again, which
// Alertmanager and the command line's user both do; the answer to who does not is read by nobody.
func (s *standstill) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wait := s.look()
		if wait == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(pointsman.Answer{ // nobody reads it if this fails
			Code: "unavailable",
			Text: "nothing was changed: this server stood still until a moment ago, and what waited at its door may be old; say it again in " + pointsman.Span(wait),
		})
	})
}
