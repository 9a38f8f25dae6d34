package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// pruned: only what was said or given up goes, only of incidents that are over for long enough, and never an entry of the log.
func pruned(t *testing.T, s *story) {
	over, open := s.webhook("orders", s.alert("fp-orders")), s.webhook("billing", s.alert("fp-billing"))
	s.do(over)
	s.do(open)
	began := over.Alerts[0].StartsAt
	over.Alerts[0].Status, over.Alerts[0].StartsAt, over.Alerts[0].EndsAt = pointsman.AlertResolved, began, s.now.now()
	s.do(over)
	ask := pointsman.Protect{Verb: pointsman.Freeze, Reason: "the network is rebuilt", Roles: []string{"dba"}, By: ana, Once: "click-1"}
	s.do(ask)
	s.follow(func(d *pointsman.Delivery, ev pointsman.Logged) {
		d.Lane = "slack/" + ev.Incident + "/thread"
	})
	left := 0
	for { // the freeze waits for a channel that is away; everything else is said
		ds, _ := s.take(100)
		if len(ds) == 0 {
			break
		}
		for _, d := range ds {
			what := pointsman.Settlement{Sent: true, Ref: "C1/1"}
			if d.Incident == "" {
				left++
				what = pointsman.Settlement{RetryAt: s.now.now().Add(100 * 24 * time.Hour), Problem: "the channel is away"}
			}
			s.settle(d, what)
		}
	}
	if left != 1 {
		t.Fatalf("%d deliveries wait, want the freeze's", left)
	}
	log := s.events("")
	before := func() time.Time { return s.now.now() }
	if n := must(s.Prune(t.Context(), began.Add(-time.Hour)))(t); n != 0 {
		t.Errorf("%d rows went before their time", n)
	}
	s.now.pass(40 * 24 * time.Hour)
	gone := must(s.Prune(t.Context(), before().Add(-30*24*time.Hour)))(t)
	if gone == 0 {
		t.Error("nothing went")
	}
	if n := must(s.Prune(t.Context(), before().Add(-30*24*time.Hour)))(t); n != 0 {
		t.Errorf("%d more rows went the second time", n)
	}
	if diff := cmp.Diff(log, s.events("")); diff != "" {
		t.Errorf("the log (-before +after)\n%s", diff)
	}
	for incident, want := range map[string]bool{"INC-1": false, "INC-2": true} {
		if _, found, err := s.Ref(t.Context(), "slack", incident, "thread"); err != nil || found != want {
			t.Errorf("a message of %s is known: %v (%v), want %v", incident, found, err, want)
		}
	}
	s.now.pass(61 * 24 * time.Hour)
	if _, texts := s.take(100); len(texts) != 1 {
		t.Errorf("what waits is %q, want the freeze", texts)
	}
	ask.Verb, ask.Reason = pointsman.Unfreeze, ""
	if ans := s.do(ask).Answer; ans.Code != pointsman.CodeAccepted { // the name is free again after so long
		t.Errorf("a request of the same name is %+v", ans)
	}
}
