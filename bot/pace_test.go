package bot

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

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
