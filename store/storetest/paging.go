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
	s.settle(first(former), pointsman.Settlement{RetryAt: s.now.now(), Problem: "500", Tell: tell})
	told(2)
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
			return []pointsman.Delivery{{Destination: "service:dba", Class: pointsman.Urgent, Payload: []byte(`"page"`)}}
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
}
