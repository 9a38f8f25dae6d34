package comms_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
)

// TestPrompt: a card that is planned with its event goes out at once, and what is planned so is said once.
func TestPrompt(t *testing.T) {
	t.Parallel()
	t.Run("a card waits for nothing but its event", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, w := commstest.NewMemory(), &way{name: "slack", class: pointsman.Urgent}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			m.Fault = func(call string) error {
				if call == "Follow" || call == "Claim" {
					return errors.New("it is not asked for")
				}
				return nil
			}
			say(t, m, "card 1")
			synctest.Wait()
			if diff := cmp.Diff([]string{"card 1"}, w.all()); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("what comes after the stop is handed back and said by the next process", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, w := commstest.NewMemory(), &way{name: "slack", class: pointsman.Urgent}
			late := &lateCommit{Memory: m}
			stop := run(t, m, comms.Dispatcher{Ways: []comms.Way{w}, Prompt: late})
			synctest.Wait()
			say(t, m, "card 1")
			stop()
			late.commit()
			if got := w.all(); len(got) != 0 {
				t.Errorf("said %q after the stop", got)
			}
			began := time.Now()
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			if diff := cmp.Diff([]string{"card 1"}, w.all()); diff != "" || time.Since(began) > 0 {
				t.Errorf("after %s:\n%s", time.Since(began), diff)
			}
		})
	})
}

// lateCommit is a store whose commit takes until commit is called.
type lateCommit struct {
	*commstest.Memory
	held []func()
}

func (l *lateCommit) Attend(follower string, plan func(pointsman.Logged) ([]pointsman.Delivery, bool),
	begin func() (string, func(int64, []pointsman.Delivery)),
) func() {
	return l.Memory.Attend(follower, plan, func() (string, func(int64, []pointsman.Delivery)) {
		owner, told := begin()
		return owner, func(upTo int64, leased []pointsman.Delivery) {
			l.held = append(l.held, func() { told(upTo, leased) })
		}
	})
}

func (l *lateCommit) commit() {
	for _, tell := range l.held {
		tell()
	}
}

var _ interface {
	comms.Outbox
	comms.Prompt
} = (*commstest.Memory)(nil)
