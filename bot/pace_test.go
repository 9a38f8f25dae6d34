package bot

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// TestALaterWordShortensNoPause: requests that were on their way at the first 429 are answered later, with less to wait.
func TestALaterWordShortensNoPause(t *testing.T) {
	t.Parallel()
	p := newPace(10)
	for _, asked := range []time.Duration{time.Hour, time.Second} {
		_ = p.judged("post", &slack.RateLimitedError{RetryAfter: asked}) // always an error: the one that it was given
	}
	var later interface{ RetryAfter() time.Duration }
	if err := p.posts(t.Context()); !errors.As(err, &later) || later.RetryAfter() < 30*time.Minute {
		t.Errorf("a post may go: %v, want the pause of an hour to hold", err)
	}
}

// TestPaceHoldsInACrowd: in a storm hundreds of messages ask for a turn at once, and most are told to come again. However
// they come in between each other, no more are sent than the rate allows.
func TestPaceHoldsInACrowd(t *testing.T) {
	t.Parallel()
	const perSecond, crowd = 10, 400
	p := newPace(perSecond)
	began := time.Now()
	var sent atomic.Int64
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			for time.Since(began) < 2*time.Second {
				if p.posts(t.Context()) == nil {
					sent.Add(1)
				}
			}
		})
	}
	all.Wait()
	if most := perSecond*(time.Since(began)+longestTurn).Seconds() + perSecond; float64(sent.Load()) > most {
		t.Errorf("%d sent within %s, want at most %.0f", sent.Load(), time.Since(began), most)
	}
}
