package storetest

import (
	"fmt"
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

// prunedTimes: a target whose runbook is drilled every night must not fill the table, and what a slow step is told by stays, also of a
// step that is seldom reached.
func prunedTimes(t *testing.T, s *story) {
	at := s.now.now().UnixMicro()
	rows := func(target, step string, number, runs int) string {
		return fmt.Sprintf(`INSERT INTO step_times (run_id, number, kind, target, runbook, step, at, took)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT 'INC-' || i || '/%s', %d, 'test.nothing', '%s', 'failover', '%s', %d + i * 1000000, i FROM n`, runs, target, number, target, step, at)
	}
	if err := s.sql(rows("postgres/a", "fence", 1, 1500), rows("postgres/a", "undo the fence", 2, 50), rows("postgres/b", "fence", 1, 3)); err != nil {
		t.Fatal(err)
	}
	known := func() (all [][]time.Duration) {
		for _, of := range [][2]string{{"a", "fence"}, {"a", "undo the fence"}, {"b", "fence"}} {
			all = append(all, must(s.Took(t.Context(), "failover", target(of[0]), "test.nothing", of[1], 100))(t))
		}
		return all
	}
	before := known()
	if n := must(s.Prune(t.Context(), s.now.now()))(t); n != 0 {
		t.Errorf("%d rows went before their time", n)
	}
	s.now.pass(40 * 24 * time.Hour)
	if n := must(s.Prune(t.Context(), s.now.now()))(t); n != 1500-50-200 {
		t.Errorf("%d rows went, want all but the newest 200 of the fence, and the 50 that were undone", n)
	}
	if diff := cmp.Diff(before, known()); diff != "" {
		t.Errorf("what a slow step is told by (-before +after)\n%s", diff)
	}
	if n := must(s.Prune(t.Context(), s.now.now()))(t); n != 0 {
		t.Errorf("%d more rows went the second time", n)
	}
}
