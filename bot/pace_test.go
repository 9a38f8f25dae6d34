package bot

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// TestALaterWordShortensNoPause: requests that were on their way at the first 429 are answered later, with less to wait.
func TestALaterWordShortensNoPause(t *testing.T) {
	t.Parallel()
	p := newPace(10)
	for _, asked := range []time.Duration{time.Hour, time.Second} {
		_ = p.judged("post", &slack.RateLimitedError{RetryAfter: asked}) // always an error: the one that it was given
	}
	var later interface{ RetryAfter() time.Duration }
	if err := p.posts(t.Context(), longestTurn); !errors.As(err, &later) || later.RetryAfter() < 30*time.Minute {
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
				if p.posts(t.Context(), longestTurn) == nil {
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

// PagerDuty is away in a storm, and hundreds of lines say so, beside the chatter. The next outage's card is posted among the next
// ones all the same, and nobody reads chatter while a page that wakes nobody is not told.
func TestACardWaitsForNoLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := newPace(0)
		card := pointsman.Delivery{Destination: destCard, Class: pointsman.Urgent}
		loud := pointsman.Delivery{Destination: destThread, Class: pointsman.Urgent}
		chatter := pointsman.Delivery{Destination: destThread, Class: pointsman.Normal}
		var all sync.WaitGroup
		var posted [2]atomic.Int64
		for i := range 400 {
			all.Go(func() { // as the dispatcher does
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				for ctx.Err() == nil {
					err := p.posts(ctx, ahead([]pointsman.Delivery{loud, chatter}[i%2]))
					if err == nil {
						posted[i%2].Add(1)
						return
					}
					var later interface{ RetryAfter() time.Duration }
					if !errors.As(err, &later) {
						return
					}
					time.Sleep(later.RetryAfter() + time.Duration(i)*time.Millisecond)
				}
			})
		}
		time.Sleep(20 * time.Second)
		for i := range 20 {
			time.Sleep(400 * time.Millisecond) // another outage, and no turn has come free at that very moment
			began := time.Now()
			if err := p.posts(ctx, ahead(card)); err != nil {
				t.Errorf("card %d: %v", i, err)
			}
			if took := time.Since(began); took > longestTurn {
				t.Errorf("card %d waited for %s", i, took)
			}
		}
		stop()
		all.Wait()
		if loud, chatter := posted[0].Load(), posted[1].Load(); loud < 15 || chatter > 5 {
			t.Errorf("beside the cards %d lines say that nobody is paged, and %d are chatter", loud, chatter)
		}
	})
}
