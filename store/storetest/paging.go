package storetest

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func toldWithOutcome(t *testing.T, s *story) {
	s.say("one")
	s.follow(func(*pointsman.Delivery, pointsman.Logged) {})
	told := func(want int) {
		t.Helper()
		if got := len(s.events("INC-1")); got != want {
			t.Errorf("%d events, want %d", got, want)
		}
	}
	tell := []pointsman.Event{{Type: pointsman.EvPageUndelivered, Incident: "INC-1", Text: "NOT PAGED"}}
	former, _ := s.take(1)
	for range 2 { // after an unknown answer it is stored again
		err := s.Settle(t.Context(), first(former), pointsman.Settlement{RetryAt: s.now.now(), Problem: "500", Tell: tell})
		if err != nil && !conflict(err) {
			t.Error(err)
		}
		told(2)
	}
	latter, _ := s.take(1)
	if err := s.Settle(t.Context(), first(former), pointsman.Settlement{RetryAt: s.now.now(), Problem: "500", Tell: tell}); !conflict(err) {
		t.Errorf("a retry by the former attempt: %v, want a conflict", err)
	}
	told(2)
	for range 2 { // after an unknown answer it is stored again
		err := s.Settle(t.Context(), first(latter), pointsman.Settlement{Sent: true, Ref: "r", Tell: tell})
		if err != nil && !conflict(err) {
			t.Error(err)
		}
		told(3)
	}
	s.intact()
}

func pagings(t *testing.T, s *story) {
	is := func(why string, want pointsman.Paging) {
		t.Helper()
		if got := must(s.Paging(t.Context(), "pagerduty", "INC-1"))(t); got != want {
			t.Errorf("%s: %+v, want %+v", why, got, want)
		}
	}
	raised := func(typ pointsman.EventType) {
		t.Helper()
		if err := s.Note(t.Context(), pointsman.Event{Type: typ, Incident: "INC-1"}); err != nil {
			t.Fatal(err)
		}
	}
	planned := func() pointsman.Delivery {
		t.Helper()
		if _, _, err := s.Follow(t.Context(), "pagerduty", "", 100, func(pointsman.Logged) []pointsman.Delivery {
			return []pointsman.Delivery{{Destination: "service:dba", Class: pointsman.Urgent, Newest: true, Payload: []byte(`"page"`)}}
		}); err != nil {
			t.Fatal(err)
		}
		ds, _ := s.take(1)
		return first(ds)
	}
	is("no page", pointsman.Paging{})
	raised(pointsman.EvPageTriggered)
	is("not planned yet", pointsman.Paging{})
	d := planned()
	is("on its way", pointsman.Paging{})
	s.settle(d, pointsman.Settlement{RetryAt: s.now.now().Add(10 * time.Second), Problem: "500"})
	is("tried again in time", pointsman.Paging{Problem: "500"})
	s.now.pass(10 * time.Second)
	ds, _ := s.take(1)
	s.settle(first(ds), pointsman.Settlement{RetryAt: s.now.now().Add(pointsman.PageWithin), Problem: "500"})
	is("tried again too late", pointsman.Paging{Late: true, Problem: "500"})
	s.now.pass(pointsman.PageWithin)
	ds, _ = s.take(1)
	is("in a late attempt", pointsman.Paging{Late: true, Problem: "500"})
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "pointsman/INC-1"})
	is("taken", pointsman.Paging{Taken: true})
	raised(pointsman.EvPageAcknowledged)
	_ = planned()
	is("what ends a page is not the page", pointsman.Paging{Taken: true})
	raised(pointsman.EvPageTriggered)
	is("the next page", pointsman.Paging{})
	s.now.pass(time.Minute) // the acknowledgement is not settled, and its lane waits for it
	ds, _ = s.take(1)
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "pointsman/INC-1"})
	s.settle(planned(), pointsman.Settlement{Parked: true, Problem: "400"})
	is("given up", pointsman.Paging{GivenUp: true, Problem: "400"})
	raised(pointsman.EvPageTriggered)
	s.settle(planned(), pointsman.Settlement{RetryAt: s.now.now().Add(pointsman.PageWithin), Problem: "500"})
	raised(pointsman.EvPageResolved)
	if d := planned(); d.Attempts != 2 {
		t.Errorf("the end of the page is attempt %d, want 2", d.Attempts)
	}
	is("over before it was taken", pointsman.Paging{})
}

// neverPlanned: a pager that is configured at three, because the card said that nobody can be paged, does not page for what was
// wanted before, and nobody may believe so.
func neverPlanned(t *testing.T, s *story) {
	is := func(why, follower string, givenUp bool) {
		t.Helper()
		if got := must(s.Paging(t.Context(), follower, "INC-1"))(t); got.GivenUp != givenUp || givenUp == (got.Problem == "") {
			t.Errorf("%s: %+v", why, got)
		}
	}
	raised := func() {
		t.Helper()
		if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvPageTriggered, Incident: "INC-1"}); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(follower string) {
		t.Helper()
		if err := s.Begin(t.Context(), follower); err != nil {
			t.Fatal(err)
		}
	}
	begin("off") // it is switched off afterwards, for more than a day
	raised()
	begin("new")
	is("configured afterwards", "new", true)
	is("not planned yet", "off", false)
	s.now.pass(25 * time.Hour)
	if _, _, err := s.Follow(t.Context(), "off", "", 100, func(pointsman.Logged) []pointsman.Delivery {
		return []pointsman.Delivery{{Destination: "service:dba", Payload: []byte(`"page"`)}}
	}); err != nil {
		t.Fatal(err)
	}
	is("too old when it was switched on again", "off", true)
	raised()
	is("the next page", "new", false)
}
