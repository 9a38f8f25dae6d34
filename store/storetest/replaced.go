package storetest

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func superseding(t *testing.T, s *story) {
	newest := func(d *pointsman.Delivery, ev pointsman.Logged) { d.Newest = ev.Text != "must be said" }
	s.say("one")
	s.follow(newest)
	flying, got := s.take(10)
	s.expect("first edit", got, "one")
	s.say("two", "must be said", "three", "four")
	s.follow(newest)
	_, got = s.take(10)
	s.expect("an edit on its way holds the lane, though a newer one waits", got)
	s.settle(first(flying), pointsman.Settlement{Sent: true, Ref: "r"})
	ds, got := s.take(10)
	s.expect("only what is no edit stays", got, "must be said")
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "r"})
	ds, got = s.take(10)
	s.expect("the newest edit", got, "four")
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "r"})
	_, got = s.take(10)
	s.expect("nothing is left", got)
}

// inherited: whoever sends the newer edit must know that the older one may have arrived, or a second card is posted.
func inherited(t *testing.T, s *story) {
	newest := func(d *pointsman.Delivery, _ pointsman.Logged) { d.Newest = true }
	s.say("one")
	s.follow(newest)
	ds, _ := s.take(1)
	s.settle(first(ds), pointsman.Settlement{RetryAt: s.now.now().Add(time.Minute), Problem: "no answer"})
	s.say("two", "three")
	s.follow(newest)
	ds, got := s.take(1)
	s.expect("the newest", got, "three")
	if d := first(ds); d.Attempts != 2 {
		t.Errorf("attempt %d, want 2: the first was made with the edit that was replaced", d.Attempts)
	}
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "r"})
	s.say("four")
	s.follow(newest)
	if ds, _ = s.take(1); first(ds).Attempts != 1 {
		t.Errorf("attempt %d, want 1: what went before is settled", first(ds).Attempts)
	}
}

// overtaken: a newer edit that was planned during an attempt takes the place of the older one when that did not get through.
func overtaken(t *testing.T, s *story) {
	newest := func(d *pointsman.Delivery, _ pointsman.Logged) { d.Newest = true }
	s.say("one")
	s.follow(newest)
	flying, _ := s.take(1)
	s.say("two", "three")
	s.follow(newest)
	late := pointsman.Settlement{RetryAt: s.now.now().Add(time.Minute), Problem: "500", Tell: []pointsman.Event{{Type: pointsman.EvPageUndelivered, Incident: "INC-1"}}}
	s.settle(first(flying), late)
	ds, got := s.take(10)
	s.expect("the newest, at once", got, "three")
	if d := first(ds); d.Attempts != 2 {
		t.Errorf("attempt %d, want 2: the first was made with the edit that was replaced", d.Attempts)
	}
	if n := len(s.events("INC-1")); n != 3 {
		t.Errorf("%d events, want 3: nobody need be told of what is over", n)
	}
	if err := s.Settle(t.Context(), first(flying), late); !conflict(err) {
		t.Errorf("stored again: %v, want a conflict", err)
	}
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "r"})
	_, got = s.take(10)
	s.expect("nothing is left", got)
	s.intact()
}

// died: the process that was at a page died within its attempt, and somebody acknowledged before its lease was over. Whoever
// claims it then must not ring for it.
func died(t *testing.T, s *story) {
	newest := func(d *pointsman.Delivery, _ pointsman.Logged) { d.Newest = true }
	claimed := func() (ds []pointsman.Delivery, texts []string) {
		for range 2 { // what is given up in a look makes room for the next one
			more, got := s.take(10)
			ds, texts = append(ds, more...), append(texts, got...)
		}
		return ds, texts
	}
	s.say("page")
	s.follow(newest)
	s.take(1)
	s.now.pass(31 * time.Second)
	_, got := claimed()
	s.expect("nothing is newer", got, "page")
	s.say("acknowledged", "over")
	s.follow(newest)
	_, got = claimed()
	s.expect("the lease of the second attempt lasts", got)
	s.now.pass(31 * time.Second)
	ds, got := claimed()
	s.expect("only what is newest", got, "over")
	if d := first(ds); d.Attempts != 3 {
		t.Errorf("attempt %d, want 3: two were made with the page", d.Attempts)
	}
	s.settle(first(ds), pointsman.Settlement{Sent: true, Ref: "r"})
	_, got = claimed()
	s.expect("nothing is left", got)
}
