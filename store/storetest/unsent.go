package storetest

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// unheard: what was tried and not taken is told from what was not tried yet, what was taken, and what was given up.
func unheard(t *testing.T, s *story) {
	urgent := pointsman.Queue{Follower: "slack", Class: pointsman.Urgent}
	s.say("one", "two", "three")
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) {
		d.Class, d.Lane = pointsman.Urgent, "slack/"+ev.Text
		if ev.Text == "three" {
			d.Class = pointsman.Normal
		}
	})
	waits := func(why string, want int) (ids []int64) {
		t.Helper()
		for _, d := range must(s.Unsent(t.Context(), urgent, 10))(t) {
			ids = append(ids, d.ID)
		}
		if len(ids) != want {
			t.Errorf("%s: %d wait, want %d", why, len(ids), want)
		}
		return ids
	}
	last := func(why string, want bool) {
		t.Helper()
		if got := must(s.LastSent(t.Context(), urgent))(t); got != want {
			t.Errorf("%s: the last one was taken: %v, want %v", why, got, want)
		}
	}
	waits("nothing was tried", 0)
	last("nothing was tried", false)
	ds, _ := s.take(10)
	if len(ds) != 3 {
		t.Fatalf("%d deliveries, want three", len(ds))
	}
	s.settle(ds[0], pointsman.Settlement{RetryAt: s.now.now().Add(time.Minute), Problem: "not_in_channel"})
	ids := waits("one was refused, one is under way, and one is not urgent", 2)
	sent := func(why string, want bool, of ...int64) {
		t.Helper()
		if got := must(s.Sent(t.Context(), of...))(t); got != want {
			t.Errorf("%s: taken: %v, want %v", why, got, want)
		}
	}
	sent("of those that wait", false, ids...)
	sent("of none", false)
	s.settle(ds[1], pointsman.Settlement{Sent: true, Ref: "C1/1"})
	waits("one was taken", 1)
	sent("one of both was taken", true, ids...)
	last("one was taken", true)
	s.now.pass(2 * time.Minute)
	again, _ := s.take(1)
	s.settle(first(again), pointsman.Settlement{Parked: true, Problem: "not_in_channel"})
	waits("one was given up", 0)
	sent("given up is not taken", false, ds[0].ID)
	last("the newer one of both was taken", true)
}
