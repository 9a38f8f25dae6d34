package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// say appends events, one for each text.
func (s *story) say(texts ...string) {
	s.tb.Helper()
	for _, text := range texts {
		if err := s.Note(s.tb.Context(), pointsman.Event{Type: pointsman.EvServerState, Incident: "INC-1", Text: text}); err != nil {
			s.tb.Fatal(err)
		}
	}
}

// follow plans one delivery for each event and lets edit change it.
func (s *story) follow(edit func(*pointsman.Delivery, pointsman.Logged)) {
	s.tb.Helper()
	for {
		n, _, err := s.Follow(s.tb.Context(), "slack", "", 100, func(ev pointsman.Logged) []pointsman.Delivery {
			text, _ := json.Marshal(ev.Text)
			d := pointsman.Delivery{Destination: "thread", Lane: "slack/INC-1/thread", Payload: text}
			edit(&d, ev)
			return []pointsman.Delivery{d}
		})
		if err != nil {
			s.tb.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// take claims what is due outside the full queues and returns the deliveries and their texts.
func (s *story) take(limit int, full ...pointsman.Queue) ([]pointsman.Delivery, []string) {
	s.tb.Helper()
	ds := must(s.Claim(s.tb.Context(), "w", limit, full...))(s.tb)
	var texts []string
	for _, d := range ds {
		var text string
		if err := json.Unmarshal(d.Payload, &text); err != nil {
			s.tb.Fatal(err)
		}
		texts = append(texts, text)
	}
	return ds, texts
}

func (s *story) expect(why string, got []string, want ...string) {
	s.tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.tb.Errorf("%s (-want +got):\n%s", why, diff)
	}
}

func (s *story) settle(d pointsman.Delivery, what pointsman.Settlement) {
	s.tb.Helper()
	if err := s.Settle(s.tb.Context(), d, what); err != nil {
		s.tb.Fatal(err)
	}
}

// first is the first delivery; one that no store knows if there is none, so that settling it fails the story.
func first(ds []pointsman.Delivery) pointsman.Delivery {
	if len(ds) == 0 {
		return pointsman.Delivery{ID: -1}
	}
	return ds[0]
}

func lanes(t *testing.T, s *story) {
	s.say("one", "two", "three", "four")
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) {
		if ev.Text == "three" {
			d.Lane = "slack/INC-2/thread"
		}
	})
	ds, got := s.take(10)
	s.expect("the heads of both lanes", got, "one", "three")
	_, got = s.take(10)
	s.expect("nothing overtakes what is on its way", got)
	s.settle(first(ds), pointsman.Settlement{RetryAt: s.now.now().Add(time.Minute), Problem: "rate limited"})
	_, got = s.take(10)
	s.expect("nothing overtakes what is to be tried again", got)
	s.now.pass(time.Minute)
	ds, got = s.take(10)
	s.expect("the second attempt", got, "one", "three") // three was never settled, and its lease is over
	if d := first(ds); d.Attempts != 2 || d.Problem != "rate limited" || d.EventID == "" || d.Incident != "INC-1" {
		t.Errorf("second attempt: %+v", d)
	}
	s.settle(first(ds), pointsman.Settlement{Parked: true, Problem: "channel is archived"})
	ds, got = s.take(10)
	s.expect("what is given up blocks nobody", got, "two")
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "C1/1.2"})
	_, got = s.take(10)
	s.expect("the last of the lane", got, "four")
	if lost := must(s.Parked(t.Context(), 10))(t); len(lost) != 1 || lost[0].Problem != "channel is archived" {
		t.Errorf("given up: %+v", lost)
	}
}

// atOnceTaken: the follower's own transaction leases what is urgent, so that a card waits for one commit less.
func atOnceTaken(t *testing.T, s *story) {
	follow := func() []string {
		t.Helper()
		_, urgent, err := s.Follow(t.Context(), "slack", "w", 100, func(ev pointsman.Logged) []pointsman.Delivery {
			card := pointsman.Delivery{Destination: "card", Lane: "card", Class: pointsman.Urgent, Newest: true}
			return []pointsman.Delivery{card, {Destination: "thread", Lane: "thread", Payload: []byte(`""`)}}
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range urgent {
			got = append(got, fmt.Sprintf("%s of %d, attempt %d", d.Destination, d.Seq, d.Attempts))
		}
		return got
	}
	s.now.step = time.Microsecond // the lease's clock is read before the transaction's, and what is due then is due
	s.say("one", "two")
	s.expect("the newest card alone, leased", follow(), "card of 2, attempt 1")
	rest, _ := s.take(10)
	if len(rest) != 1 || rest[0].Destination != "thread" {
		t.Errorf("left for everybody: %+v, want the first line of the thread", rest)
	}
	s.say("three")
	s.expect("nothing overtakes the card that is on its way", follow())
}

func urgency(t *testing.T, s *story) {
	s.say("chatter", "more chatter", "page")
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) {
		d.Lane = "lane/" + ev.Text
		if ev.Text == "page" {
			d.Class = pointsman.Urgent
		}
	})
	_, got := s.take(2)
	s.expect("page first, then the oldest", got, "page", "chatter")
	_, got = s.take(2)
	s.expect("the rest", got, "more chatter")
}

// crowded: a process that holds as many cards of a way that hangs as it can must still get what is to be said elsewhere,
// though older cards are due.
func crowded(t *testing.T, s *story) {
	s.say("card", "another card", "chatter", "mail")
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) {
		if d.Lane = "lane/" + ev.Text; ev.Text != "chatter" {
			d.Class = pointsman.Urgent
		}
	})
	if _, _, err := s.Follow(t.Context(), "pagerduty", "", 100, func(ev pointsman.Logged) []pointsman.Delivery {
		if ev.Text != "mail" {
			return nil
		}
		return []pointsman.Delivery{{Destination: "service:dba", Class: pointsman.Urgent, Payload: []byte(`"page"`)}}
	}); err != nil {
		t.Fatal(err)
	}
	cards := pointsman.Queue{Follower: "slack", Class: pointsman.Urgent}
	_, got := s.take(1, cards)
	s.expect("the page, though cards are older", got, "page")
	_, got = s.take(10, cards, pointsman.Queue{Follower: "slack", Class: pointsman.Normal})
	s.expect("no way has a place", got)
	_, got = s.take(10, cards)
	s.expect("chatter of the way has its own places", got, "chatter")
	_, got = s.take(2)
	s.expect("cards, when there is a place", got, "card", "another card")
}

func unsettled(t *testing.T, s *story) {
	s.say("one")
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	lost, _ := s.take(1)
	s.now.pass(29 * time.Second)
	_, got := s.take(1)
	s.expect("the lease lasts", got)
	s.now.pass(2 * time.Second)
	ds, got := s.take(1)
	s.expect("claimed again", got, "one")
	if err := s.Settle(t.Context(), first(lost), pointsman.Settlement{RetryAt: s.now.now()}); !conflict(err) {
		t.Errorf("a retry by the former owner: %v, want a conflict", err)
	}
	another := first(ds)
	another.EventID = "of the part of the log that was lost"
	for _, what := range []pointsman.Settlement{{Sent: true}, {Parked: true}, {RetryAt: s.now.now()}} {
		if err := s.Settle(t.Context(), another, what); !conflict(err) {
			t.Errorf("a delivery of the same number settled this one, %+v: %v", what, err)
		}
	}
	s.settle(first(lost), pointsman.Settlement{Sent: true, Ref: "r1"}) // a fact, whoever brings it
	if err := s.Settle(t.Context(), first(ds), pointsman.Settlement{Sent: true, Ref: "r2"}); !conflict(err) {
		t.Errorf("sent twice: %v, want a conflict", err)
	}
}

func switchedOn(t *testing.T, s *story) {
	s.say("two weeks ago")
	s.now.pass(14 * 24 * time.Hour)
	s.say("last night")
	s.now.pass(12 * time.Hour)
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	_, got := s.take(2)
	s.expect("switched on", got, "last night")
}

func prolonged(t *testing.T, s *story) {
	s.say("one", "two")
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) { d.Lane = "lane/" + ev.Text })
	held, _ := s.take(2)
	s.settle(held[1], pointsman.Settlement{Sent: true, Ref: "r"})
	prolong := func(lost ...int64) {
		t.Helper()
		got, err := s.Prolong(t.Context(), held, 30*time.Second)
		if err != nil || !slices.Equal(got, lost) {
			t.Errorf("lost %v, %v; want %v", got, err, lost)
		}
	}
	s.now.pass(20 * time.Second)
	prolong(held[1].ID)
	s.now.pass(20 * time.Second)
	_, got := s.take(2)
	s.expect("it was prolonged", got)
	s.now.pass(11 * time.Second)
	_, got = s.take(2)
	s.expect("nobody prolonged it", got, "one")
	prolong(held[0].ID, held[1].ID)
}

func refs(t *testing.T, s *story) {
	ref := func(want string) {
		t.Helper()
		got, found, err := s.Ref(t.Context(), "slack", "INC-1", "thread")
		if err != nil || got != want || found != (want != "") {
			t.Errorf("ref is %q, %v, %v, want %q", got, found, err, want)
		}
	}
	s.say("one", "two")
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	ref("")
	for _, r := range []string{"C1/1", "C1/2"} {
		ds, _ := s.take(1)
		s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: r})
		ref(r)
	}
}
