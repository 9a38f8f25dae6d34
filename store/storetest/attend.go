package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pointsman/pointsman"
)

// attended is a follower that is there: what it was told after commits.
type attended struct {
	mu     sync.Mutex
	owner  string
	cannot string // the text of an event that it cannot plan
	told   []string
	opened []pointsman.State // what came with what was leased
}

// plan is a card and a line in the thread for every event.
func (a *attended) plan(ev pointsman.Logged) ([]pointsman.Delivery, bool) {
	return []pointsman.Delivery{
		{Destination: "card", Lane: "card", Class: pointsman.Urgent, Newest: true, Payload: fmt.Appendf(nil, "%q", ev.Text)},
		{Destination: "thread", Lane: "thread", Payload: fmt.Appendf(nil, "%q", ev.Text)},
	}, ev.Text != a.cannot
}

func (a *attended) begin() (string, func(int64, []pointsman.Delivery)) {
	return a.owner, func(upTo int64, leased []pointsman.Delivery) {
		a.mu.Lock()
		defer a.mu.Unlock()
		line := fmt.Sprintf("up to %d:", upTo)
		for _, d := range leased {
			line += fmt.Sprintf(" %s of %d, attempt %d", d.Destination, d.Seq, d.Attempts)
			if d.Opened != nil {
				a.opened = append(a.opened, *d.Opened)
			}
		}
		a.told = append(a.told, line)
	}
}

// heard returns what was told since it was asked.
func (a *attended) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.told = nil }()
	return a.told
}

// rest is what Follow still finds to plan.
func (s *story) rest(a *attended) []string {
	s.tb.Helper()
	var got []string
	n, _, err := s.Follow(s.tb.Context(), "slack", "", 1000, func(ev pointsman.Logged) []pointsman.Delivery {
		got = append(got, ev.Text)
		ds, _ := a.plan(ev)
		return ds
	})
	if err != nil || n != len(got) {
		s.tb.Fatalf("followed %d, %v", n, err)
	}
	return got
}

// withTheEvent: a card needs no transaction of its own, and nothing is planned twice or left out where it has to.
func withTheEvent(t *testing.T, s *story) {
	s.now.step = time.Microsecond
	s.say("before anybody follows")
	if err := s.Begin(t.Context(), "slack"); err != nil {
		t.Fatal(err)
	}
	a := &attended{owner: "w", cannot: "poison"}
	leave := s.Attend("slack", a.plan, a.begin)

	s.say("one")
	s.expect("told with the commit", a.heard(), "up to 2: card of 2, attempt 1")
	s.expect("nothing is left to plan", s.rest(a))
	ds, texts := s.take(10)
	s.expect("the line is left for everybody", texts, "one")
	if d := first(ds); d.Seq != 2 || d.Follower != "slack" || d.Incident != "INC-1" || d.EventID != s.events("INC-1")[1].ID {
		t.Errorf("the line: %+v", d)
	}

	s.say("two")
	s.expect("nothing overtakes a card that is on its way", a.heard(), "up to 3:")
	s.expect("it is planned all the same", s.rest(a))

	s.say("poison", "four")
	s.expect("what cannot be planned, and what follows it", a.heard())
	s.expect("is left to Follow", s.rest(a), "poison", "four")

	a.owner = ""
	s.say("five")
	s.expect("leased to nobody", a.heard(), "up to 6:")

	leave()
	s.say("six")
	s.expect("nothing after it left", a.heard())
	s.expect("but for Follow", s.rest(a), "six")
}

// withTheOpening: the first form of a card waits for no look, and shows what a look would have shown.
func withTheOpening(t *testing.T, s *story) {
	for _, cmd := range []pointsman.Protect{protect(pointsman.Lockout, "orders", ben), protect(pointsman.Lockout, "users", ben), protect(pointsman.Freeze, "", ben)} {
		if res := s.do(cmd); !res.Answer.OK() {
			t.Fatalf("%+v", res.Answer)
		}
	}
	a := &attended{owner: "w"}
	if err := s.Begin(t.Context(), "slack"); err != nil {
		t.Fatal(err)
	}
	defer s.Attend("slack", a.plan, a.begin)()
	resolved := s.alert("gone")
	resolved.Status, resolved.EndsAt = pointsman.AlertResolved, s.now.now()
	hook := s.webhook("orders", s.alert("b"), resolved, s.alert("a"))
	s.do(hook)
	s.rest(a)
	if len(a.opened) != 1 {
		t.Fatalf("%d incidents came with their cards, want the one that was opened", len(a.opened))
	}
	want := s.state("INC-1")
	if len(want.Protections) != 2 || len(want.Alerts) != 3 {
		t.Fatalf("the incident has %d protections and %d alerts, want 2 and 3", len(want.Protections), len(want.Alerts))
	}
	if diff := cmp.Diff(want, a.opened[0], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what a look shows (-), and what came with the card (+):\n%s", diff)
	}
	s.do(s.webhook("orders", s.alert("c")))
	if len(a.opened) != 1 {
		t.Error("an alert that joined came with an incident of which only a part was read")
	}
}

// withManyEvents: the log's end is not held for long, and several events of one transaction have one card.
func withManyEvents(t *testing.T, s *story) {
	a := &attended{owner: "w"}
	if err := s.Begin(t.Context(), "slack"); err != nil {
		t.Fatal(err)
	}
	defer s.Attend("slack", a.plan, a.begin)()
	note := func(n int) {
		t.Helper()
		if err := s.Note(t.Context(), slices.Repeat([]pointsman.Event{{Type: pointsman.EvServerState, Text: "flood"}}, n)...); err != nil {
			t.Fatal(err)
		}
	}
	note(3)
	s.expect("the newest card of three", a.heard(), "up to 3: card of 3, attempt 1")
	note(101)
	s.expect("too many at once", a.heard())
	if got := len(s.rest(a)); got != 101 {
		t.Errorf("%d events left to Follow, want all 101", got)
	}
}

// withAFailedWrite: what was rolled back is told to nobody, and planned again when it is written.
func withAFailedWrite(t *testing.T, s *story) {
	if err := s.Begin(t.Context(), "slack"); err != nil {
		t.Fatal(err)
	}
	run := s.queued("orders")
	a := &attended{owner: "w"}
	s.rest(a)
	defer s.Attend("slack", a.plan, a.begin)()
	c := s.claim("w")
	if _, err := s.Do(t.Context(), pointsman.StartRun{Run: run.ID, Epoch: c.Epoch + 1, People: people()}); !conflict(err) {
		t.Errorf("a write of another epoch: %v, want a conflict", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Note(ended, pointsman.Event{Type: pointsman.EvServerState, Text: "too late"}); err == nil {
		t.Error("noted, although the caller had gone")
	}
	s.expect("nothing was told", a.heard())
	before := len(s.events(""))
	if res := s.do(pointsman.StartRun{Run: run.ID, Epoch: c.Epoch, People: people()}); !res.Answer.OK() {
		t.Errorf("its start: %+v", res.Answer)
	}
	if got := a.heard(); len(got) != 1 {
		t.Errorf("told %q, want once, after entry %d", got, before)
	}
	s.expect("nothing is left to plan", s.rest(a))
}

// attendedRace lets writers of an attended follower and two that follow race; each event's deliveries must be stored
// exactly once, in the order of the log.
func attendedRace(t *testing.T, s *story) {
	const writers, each = 6, 25
	if err := s.Begin(t.Context(), "slack"); err != nil {
		t.Fatal(err)
	}
	a := &attended{}
	defer s.Attend("slack", a.plan, a.begin)()
	atOnce(writers+2, func(i int) {
		for range each {
			if i < writers {
				s.say("event")
			} else {
				s.rest(a)
			}
		}
	})
	s.rest(a)
	var got []int64
	for {
		ds, _ := s.take(50)
		if len(ds) == 0 {
			break
		}
		for _, d := range ds {
			if d.Destination == "thread" {
				got = append(got, d.Seq)
			}
			s.settle(d, pointsman.Settlement{Sent: true})
		}
	}
	var want []int64
	for i := range writers * each {
		want = append(want, int64(i+1))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines of the thread (-want +got):\n%s", diff)
	}
}
