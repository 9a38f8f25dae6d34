package comms_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
)

// TestLeases: what a dead process had claimed stands still for one short lease, and what a living one works at is said
// by nobody else however long it takes.
func TestLeases(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second
	two := func(t *testing.T, m *commstest.Memory, w, other *way) (stop func()) {
		t.Helper()
		m.Lease = lease
		first := run(t, m, comms.Dispatcher{Outbox: &once{Memory: m}, Ways: []comms.Way{w}, Leases: m, Lease: lease})
		say(t, m, "thread 1")
		synctest.Wait()
		second := run(t, m, comms.Dispatcher{Ways: []comms.Way{other}, Leases: m, Lease: lease})
		return func() { first(); second() }
	}
	t.Run("an attempt longer than its lease is not made twice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			slow := &way{name: "slack", send: func(ctx context.Context, _ pointsman.Delivery) error { return after(ctx, 9*time.Second) }}
			other := &way{name: "slack"}
			stop := two(t, m, slow, other)
			<-time.After(20 * time.Second)
			stop()
			if len(slow.all()) != 1 || len(other.all()) != 0 {
				t.Errorf("said by the first %q, by the second %q", slow.all(), other.all())
			}
		})
	})
	t.Run("a process whose store is away stops before its lease does", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			m.Fault = func(call string) error {
				if call == "Prolong" {
					return errors.New("the store is away")
				}
				return nil
			}
			var lasted time.Duration
			slow := &way{name: "slack", send: func(ctx context.Context, _ pointsman.Delivery) error {
				began := time.Now()
				err := after(ctx, 9*time.Second)
				lasted = time.Since(began)
				return err
			}}
			m.Lease = lease
			stop := run(t, m, comms.Dispatcher{Ways: []comms.Way{slow}, Leases: m, Lease: lease})
			say(t, m, "thread 1")
			<-time.After(lease + time.Second)
			stop()
			if lasted > lease || len(slow.all()) != 0 {
				t.Errorf("the attempt lasted %s and said %q, want at most %s and nothing", lasted, slow.all(), lease)
			}
		})
	})
	t.Run("a process that stood still says nothing when it wakes up", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			m.Fault = func(call string) error {
				if call == "Prolong" {
					return errors.New("it stands still")
				}
				return nil
			}
			var woke error
			slow := &way{name: "slack", send: func(ctx context.Context, _ pointsman.Delivery) error {
				<-time.After(lease + 3*time.Second) // deaf, as a stopped process is
				woke = ctx.Err()
				return woke
			}}
			other := &way{name: "slack"}
			stop := two(t, m, slow, other)
			<-time.After(2 * lease)
			stop()
			if woke == nil || len(slow.all()) != 0 || len(other.all()) != 1 {
				t.Errorf("it woke up with %v; said by the first %q, by the second %q", woke, slow.all(), other.all())
			}
		})
	})
}

// once is the outbox of a process that claims nothing after its first delivery: it stands still, or is busy.
type once struct {
	*commstest.Memory
	claimed atomic.Bool
}

func (o *once) Claim(ctx context.Context, owner string, limit int, full ...pointsman.Queue) ([]pointsman.Delivery, error) {
	if o.claimed.Load() {
		return nil, nil
	}
	ds, err := o.Memory.Claim(ctx, owner, limit, full...)
	o.claimed.Store(len(ds) > 0)
	return ds, err
}

func after(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
