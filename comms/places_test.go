package comms_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
)

func hangs(ctx context.Context, _ pointsman.Delivery) error { <-ctx.Done(); return ctx.Err() }

// Packets to Slack vanish, hundreds of incidents have a card to be said, and then somebody must be woken: no number of
// cards, all of them older and as urgent, may take the place of a page.
func TestAWayThatHangsWithHundredsOfCardsHoldsUpNoPage(t *testing.T) {
	t.Parallel()
	for how, late := range map[string]bool{"planned with its event": false, "planned later": true} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := commstest.NewMemory()
				m.Late = late
				slow := &way{name: "slack", class: pointsman.Urgent, send: hangs}
				pager := &way{name: "pagerduty", class: pointsman.Urgent, about: "service:"}
				defer run(t, m, comms.Dispatcher{Ways: []comms.Way{slow, pager}})()
				for i := range 600 {
					say(t, m, fmt.Sprintf("card%d fires", i))
				}
				for i := range 3 { // at first, and when older cards are due again
					time.Sleep(11 * time.Second)
					say(t, m, fmt.Sprintf("service:dba%d nobody decided", i))
					time.Sleep(time.Second)
					synctest.Wait()
					if got := len(pager.all()); got != i+1 {
						t.Errorf("%d of %d pages went out while slack hung", got, i+1)
					}
				}
			})
		})
	}
}

// leases notes how many were prolonged at once, and how many different ones.
type leases struct {
	*commstest.Memory
	most, all atomic.Int64
}

func (l *leases) Prolong(ctx context.Context, held []pointsman.Delivery, lease time.Duration) ([]int64, error) {
	l.most.Store(max(l.most.Load(), int64(len(held))))
	l.all.Add(int64(len(held)))
	return l.Memory.Prolong(ctx, held, lease)
}

// A statement that names a thousand deliveries is more than SQLite reads.
func TestManyLeasesAreProlongedInParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &leases{Memory: commstest.NewMemory()}
		var ways []comms.Way
		for _, name := range []string{"slack", "mail", "pagerduty"} {
			ways = append(ways, &way{name: name, class: pointsman.Urgent, send: hangs})
		}
		for i := range 300 {
			say(t, m.Memory, fmt.Sprintf("card%d fires", i))
		}
		defer run(t, m.Memory, comms.Dispatcher{Ways: ways, Leases: m, Beat: 5 * time.Second})()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if most, all := m.most.Load(), m.all.Load(); most > 256 || all < 600 {
			t.Errorf("%d leases prolonged, at most %d at once; want those of all ways, at most 256 at once", all, most)
		}
		owned := map[string]int{}
		for _, w := range ways {
			rows := m.Rows(w.Name())
			owned[w.Name()] = len(slices.DeleteFunc(rows, func(r commstest.Row) bool { return r.Attempts == 0 }))
		}
		for name, n := range owned {
			if n > 256 {
				t.Errorf("%d deliveries of %s are held, at most 256 have a place", n, name)
			}
		}
	})
}
