package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pointsman/pointsman"
)

// cursors lets writers and two replicas of a follower race; each event must be planned and stored exactly once.
func cursors(t *testing.T, s *story) {
	const writers, each = 8, 25
	var done atomic.Bool
	planned := make(chan int64, 4*writers*each)
	follow := func() {
		for {
			last := done.Load()
			n, _, err := s.Follow(context.Background(), "slack", "", 7, func(ev pointsman.Logged) []pointsman.Delivery {
				planned <- ev.Seq
				return []pointsman.Delivery{{Destination: "thread", Payload: []byte(`""`)}}
			})
			if err != nil {
				t.Error(err)
				return
			}
			if last && n == 0 {
				return
			}
		}
	}
	var left atomic.Int64
	left.Store(writers)
	atOnce(writers+2, func(i int) {
		if i >= writers {
			follow()
			return
		}
		for j := range each {
			if err := s.Note(context.Background(), pointsman.Event{Type: pointsman.EvServerState, Text: fmt.Sprint(i, j)}); err != nil {
				t.Error(err)
			}
		}
		done.Store(left.Add(-1) == 0)
	})
	close(planned)
	seen := map[int64]bool{}
	for seq := range planned {
		seen[seq] = true
	}
	stored := 0
	for {
		ds, _ := s.take(50)
		if len(ds) == 0 {
			break
		}
		stored += len(ds)
		for _, d := range ds {
			s.settle(d, pointsman.Settlement{Sent: true})
		}
	}
	if len(seen) != writers*each || stored != writers*each {
		t.Errorf("%d events planned and %d deliveries stored, want %d of each", len(seen), stored, writers*each)
	}
}
