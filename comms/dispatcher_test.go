package comms_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/commstest"
)

// way is a way out whose other side the test writes.
type way struct {
	name   string
	class  pointsman.Class
	newest bool
	mute   bool
	about  string // how an event begins that it has a word for
	send   func(ctx context.Context, d pointsman.Delivery) error

	mu   sync.Mutex
	said []string
	at   []time.Time
}

func (w *way) Name() string { return w.name }

func (w *way) Plan(ev pointsman.Logged) []pointsman.Delivery {
	if ev.Text == "poison" {
		panic("cannot read this")
	}
	if w.mute || !strings.HasPrefix(ev.Text, w.about) {
		return nil
	}
	dest, _, _ := strings.Cut(ev.Text, " ")
	return []pointsman.Delivery{{Destination: dest, Class: w.class, Newest: w.newest, Payload: []byte(fmt.Sprintf("%q", ev.Text))}}
}

func (w *way) Send(ctx context.Context, d pointsman.Delivery) (string, error) {
	w.mu.Lock()
	w.at = append(w.at, time.Now())
	w.mu.Unlock()
	if w.send != nil {
		if err := w.send(ctx, d); err != nil {
			return "", err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, strings.Trim(string(d.Payload), `"`))
	return "ref-" + d.Destination, nil
}

func (w *way) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.said...)
}

// attempts are the moments of the attempts, since the first.
func (w *way) attempts() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []time.Duration
	for _, t := range w.at {
		out = append(out, t.Sub(w.at[0]))
	}
	return out
}

func say(t *testing.T, m *commstest.Memory, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := m.Note(t.Context(), pointsman.Event{Type: pointsman.EvIncidentUpdate, Incident: "INC-7", Text: text, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// run starts a dispatcher and returns how to stop it.
func run(t *testing.T, m *commstest.Memory, d comms.Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if d.Outbox == nil {
		d.Outbox = m
	}
	if d.Prompt == nil {
		d.Prompt = m
	}
	d.Journal, d.Owner = m, "test"
	d.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDispatcher(t *testing.T) {
	t.Parallel()
	stories := map[string]func(t *testing.T, m *commstest.Memory){
		"says what the log holds, in order, without waiting for a clock": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack"}
			say(t, m, "thread 1", "thread 2")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			say(t, m, "thread 3")
			began := time.Now()
			synctest.Wait()
			if d := cmp.Diff([]string{"thread 1", "thread 2", "thread 3"}, w.all()); d != "" {
				t.Error(d)
			}
			if waited := time.Since(began); waited != 0 {
				t.Errorf("waited %s of a clock, want none: a commit wakes the dispatcher", waited)
			}
			if got := m.Rows("slack")[2]; got.State != "sent" || got.Ref != "ref-thread" {
				t.Errorf("row %+v, want sent with its ref", got)
			}
		},
		"a slow way does not hold up another, nor chatter what is urgent": func(t *testing.T, m *commstest.Memory) {
			hang := func(ctx context.Context, _ pointsman.Delivery) error { <-ctx.Done(); return ctx.Err() }
			slow, pager := &way{name: "slack", send: hang}, &way{name: "pagerduty", class: pointsman.Urgent}
			for i := range 100 {
				say(t, m, fmt.Sprintf("lane%d hello", i))
			}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{slow, pager}})()
			synctest.Wait()
			if got := len(pager.all()); got != 100 {
				t.Errorf("%d of 100 pages went out while slack hung", got)
			}
			say(t, m, "lane101 hello") // now that every worker of slack is at work
			synctest.Wait()
			if got := len(pager.all()); got != 101 {
				t.Errorf("a page waits for the workers of slack")
			}
		},
		"a broken delivery keeps its own lane back and no other": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack", send: func(_ context.Context, d pointsman.Delivery) error {
				if d.Destination == "bad" {
					return errors.New("500")
				}
				return nil
			}}
			say(t, m, "bad 1", "good 1", "bad 2", "good 2")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			if d := cmp.Diff([]string{"good 1", "good 2"}, w.all()); d != "" {
				t.Error(d)
			}
			if got := m.Rows("slack")[2]; got.Attempts != 0 {
				t.Errorf("the second of the lane was attempted before the first got through")
			}
		},
		"comes back when the other side asked, not sooner": func(t *testing.T, m *commstest.Memory) {
			first := true
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				if first {
					first = false
					return comms.RetryAfter(30*time.Second, errors.New("429"))
				}
				return nil
			}}
			say(t, m, "thread 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(29 * time.Second)
			synctest.Wait()
			if got := len(w.attempts()); got != 1 {
				t.Errorf("%d attempts within the 30 s that were asked for", got)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if d := cmp.Diff([]string{"thread 1"}, w.all()); d != "" {
				t.Error(d)
			}
		},
		"gives up visibly what can never work": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				return comms.Permanent(errors.New("channel_is_archived"))
			}}
			say(t, m, "card 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			if got := m.Rows("slack")[0]; got.State != "parked" || got.Problem != "channel_is_archived" {
				t.Errorf("row %+v, want parked with the reason", got)
			}
			log, err := m.Events(t.Context(), "INC-7", 1, 10)
			if err != nil || len(log) != 1 {
				t.Fatalf("events %v, error %v, want exactly one that tells the loss", log, err)
			}
			const want = "not said through slack to card, given up after 1 attempt: channel_is_archived. It was: card 1"
			if log[0].Type != pointsman.EvDeliveryLost || log[0].Text != want {
				t.Errorf("event %s %q, want %q", log[0].Type, log[0].Text, want)
			}
		},
		"two broken ways do not tell of each other for ever": func(t *testing.T, m *commstest.Memory) {
			never := func(context.Context, pointsman.Delivery) error { return comms.Permanent(errors.New("no")) }
			a, b := &way{name: "slack", send: never}, &way{name: "mail", send: never}
			say(t, m, "card 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{a, b}})()
			time.Sleep(time.Hour)
			synctest.Wait()
			if log, _ := m.Events(t.Context(), "", 0, 1000); len(log) != 3 {
				t.Errorf("%d events, want 3: the card and its two losses", len(log))
			}
		},
		"an event that a way cannot read is told as lost and the next one is said": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack"}
			say(t, m, "poison", "thread 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			if d := cmp.Diff([]string{"thread 1"}, w.all()); d != "" {
				t.Error(d)
			}
			log, _ := m.Events(t.Context(), "", 2, 10)
			if len(log) != 1 || log[0].Type != pointsman.EvDeliveryLost {
				t.Errorf("log %v, want the loss", log)
			}
		},
		"an event that a way cannot read is told as lost when the log takes entries again": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack"}
			say(t, m, "poison", "thread 1")
			var mended atomic.Bool
			m.Fault = func(call string) error {
				if call == "Note" && !mended.Load() {
					return errors.New("the database does not answer")
				}
				return nil
			}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			mended.Store(true)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if log, _ := m.Events(t.Context(), "", 2, 10); len(log) != 1 || log[0].Type != pointsman.EvDeliveryLost {
				t.Errorf("log %v, want the loss, once", log)
			}
		},
		"a panic is one failed attempt": func(t *testing.T, m *commstest.Memory) {
			tried := false
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				if !tried {
					tried = true
					panic("boom")
				}
				return nil
			}}
			say(t, m, "thread 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(time.Second)
			synctest.Wait()
			if got := w.all(); len(got) != 1 {
				t.Errorf("said %v", got)
			}
		},
		"an outage of two hours loses nothing": func(t *testing.T, m *commstest.Memory) {
			back := time.Now().Add(2 * time.Hour)
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				if time.Now().Before(back) {
					return errors.New("connection refused")
				}
				return nil
			}}
			say(t, m, "thread 1", "thread 2")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(2*time.Hour + time.Minute)
			synctest.Wait()
			if d := cmp.Diff([]string{"thread 1", "thread 2"}, w.all()); d != "" {
				t.Error(d)
			}
			if n := len(w.attempts()); n < 240 || n > 480 {
				t.Errorf("%d attempts in two hours, want one every 15 to 30 s", n)
			}
		},
		"an other side that hangs does not use up the attempts of many": func(t *testing.T, m *commstest.Memory) {
			back := time.Now().Add(15 * time.Minute)
			w := &way{name: "slack", send: func(ctx context.Context, _ pointsman.Delivery) error {
				if time.Now().Before(back) {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}}
			for i := range 40 {
				say(t, m, fmt.Sprintf("lane%d hello", i))
			}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}, Attempts: 60})()
			time.Sleep(16 * time.Minute)
			synctest.Wait()
			if got := len(w.all()); got != 40 {
				t.Errorf("%d of 40 were said", got)
			}
			for _, row := range m.Rows("slack") {
				if row.State != "sent" {
					t.Errorf("%s is %s after %d attempts: %s", row.Lane, row.State, row.Attempts, row.Problem)
				}
			}
		},
		"what is asked to come back every second of two hours is not given up": func(t *testing.T, m *commstest.Memory) {
			back := time.Now().Add(2 * time.Hour)
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				if time.Now().Before(back) {
					return comms.RetryAfter(time.Second, errors.New("the card is not posted yet"))
				}
				return nil
			}}
			say(t, m, "thread 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(2*time.Hour + time.Minute)
			synctest.Wait()
			if d := cmp.Diff([]string{"thread 1"}, w.all()); d != "" {
				t.Error(d)
			}
		},
		"a loss is stored together with its record": func(t *testing.T, m *commstest.Memory) {
			w := &way{name: "slack", send: func(context.Context, pointsman.Delivery) error {
				return comms.Permanent(errors.New("channel_is_archived"))
			}}
			say(t, m, "card 1")
			var mended atomic.Bool
			m.Fault = func(call string) error {
				if call == "Settle" && !mended.Load() {
					return errors.New("the database does not answer")
				}
				return nil
			}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(time.Minute)
			synctest.Wait()
			if log, _ := m.Events(t.Context(), "", 1, 10); len(log) != 0 {
				t.Errorf("log %v, while the row is not stored", log)
			}
			mended.Store(true)
			time.Sleep(time.Minute)
			synctest.Wait()
			if got := m.Rows("slack")[0]; got.State != "parked" {
				t.Errorf("row %+v, want parked", got)
			}
			if log, _ := m.Events(t.Context(), "", 1, 10); len(log) != 1 || log[0].Type != pointsman.EvDeliveryLost {
				t.Errorf("log %v, want the loss", log)
			}
		},
		"a way that is not configured any more is parked after its attempts": func(t *testing.T, m *commstest.Memory) {
			say(t, m, "service:dba page")
			stop := run(t, m, comms.Dispatcher{Ways: []comms.Way{&way{name: "pagerduty", send: func(context.Context, pointsman.Delivery) error {
				return comms.RetryAfter(time.Minute, errors.New("down"))
			}}}})
			synctest.Wait()
			stop()
			defer run(t, m, comms.Dispatcher{Attempts: 5})()
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if got := m.Rows("pagerduty")[0]; got.State != "parked" || got.Problem != `no way out named "pagerduty" is configured here` {
				t.Errorf("row %+v", got)
			}
		},
	}
	for name, story := range stories {
		for how, late := range map[string]bool{"with its event": false, "later": true} {
			t.Run(name+"/planned "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					m := commstest.NewMemory()
					m.Late = late
					story(t, m)
				})
			})
		}
	}
}

// TestDispatcherAndTheStore: the store goes away at the worst moments.
func TestDispatcherAndTheStore(t *testing.T) {
	t.Parallel()
	t.Run("an outcome is stored although the store was away, and nothing is said twice", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			back := time.Now().Add(2 * time.Minute)
			m.Fault = func(call string) error {
				if call == "Settle" && time.Now().Before(back) {
					return errors.New("connection reset")
				}
				return nil
			}
			w := &way{name: "slack"}
			say(t, m, "thread 1")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if got := w.all(); len(got) != 1 {
				t.Errorf("said %v, want it once although the lease ended before its outcome was stored", got)
			}
			if got := m.Rows("slack")[0].State; got != "sent" {
				t.Errorf("state %s", got)
			}
		})
	})
	t.Run("it goes on by itself when the store is back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			back := time.Now().Add(time.Minute)
			w := &way{name: "slack"}
			say(t, m, "thread 1")
			m.Fault = func(call string) error {
				if time.Now().Before(back) {
					return errors.New("connection refused")
				}
				return nil
			}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			time.Sleep(62 * time.Second)
			synctest.Wait()
			if got := w.all(); len(got) != 1 {
				t.Errorf("said %v", got)
			}
		})
	})
	t.Run("a way with nothing to say writes its cursor once a second, not at every event", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			var follows atomic.Int64
			m.Fault = func(call string) error {
				if call == "Follow" {
					follows.Add(1)
				}
				return nil
			}
			mute := &way{name: "pagerduty", mute: true}
			say(t, m, "thread 0")
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{mute}})()
			synctest.Wait()
			before := follows.Load()
			for i := range 500 {
				say(t, m, fmt.Sprintf("thread %d", i))
				time.Sleep(10 * time.Millisecond)
			}
			synctest.Wait()
			if n := follows.Load() - before; n < 5 || n > 12 {
				t.Errorf("followed %d times in 5 s and 500 events", n)
			}
		})
	})
	t.Run("what one process did not finish the next one says", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m := commstest.NewMemory()
			hang := &way{name: "slack", send: func(ctx context.Context, _ pointsman.Delivery) error { <-ctx.Done(); return ctx.Err() }}
			say(t, m, "thread 1")
			stop := run(t, m, comms.Dispatcher{Ways: []comms.Way{hang}, Grace: time.Second})
			synctest.Wait()
			began := time.Now()
			stop()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("stopping took %s, grace is 1 s", took)
			}
			w := &way{name: "slack"}
			defer run(t, m, comms.Dispatcher{Ways: []comms.Way{w}})()
			synctest.Wait()
			if got := w.all(); len(got) != 1 {
				t.Errorf("said %v at once after the restart", got)
			}
		})
	})
}
