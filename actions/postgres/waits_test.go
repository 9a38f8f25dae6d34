package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestWaits: a failover to a server whose commits would wait for the dead one ends the outage for nobody, and nothing that
// comes after the promotion says why.
func TestWaits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason          string
		change          func(*Situation)
		refused, warned string
	}{
		{
			reason: "for_the_dead_one", change: func(s *Situation) { s.Readings[1].Keeping.SyncNames = `"pg-1"` },
			refused: `commits on pg-2 would wait for "pg-1", and no other standby is left: it would take no writes until pg-1 is back`,
		},
		{
			reason: "for_one_that_has_to_be_led_to_it", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `ANY 1 ("pg-1", "pg-3")`
				s.set(standby("pg-3", 0x4000000))
			},
			warned: `commits on pg-2 will wait for 1 of "pg-1", "pg-3" until pg-3 follows it`,
		},
		{
			reason: "for_another_than_the_one_that_is_left", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `"pg-1"`
				s.set(standby("pg-3", 0x4000000))
			},
			refused: `commits on pg-2 would wait for "pg-1", and left are pg-3, of which 0 count: it would take no writes until pg-1 is back`,
		},
		{
			reason: "for_more_than_are_left", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `ANY 2 ("pg-1", "pg-3")`
				s.set(standby("pg-3", 0x4000000))
			},
			refused: `commits on pg-2 would wait for 2 of "pg-1", "pg-3", and left are pg-3, of which 1 count: it would take no writes until pg-1 is back`,
		},
		{
			reason: "for_nobody_of_this_cluster", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `reporting`
				s.set(standby("pg-3", 0x4000000))
			},
			refused: `commits on pg-2 would wait for "reporting", and left are pg-3, of which 0 count: it would take no writes`,
		},
		{
			reason: "a_standby_counts_by_the_name_that_it_gives_and_by_no_other", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `FIRST 1 ("pg-3")`
				r := standby("pg-3", 0x4000000)
				r.FollowsAs = "walreceiver"
				s.set(r)
			},
			refused: `commits on pg-2 would wait for "pg-3", and left are pg-3 (application_name "walreceiver"), of which 0 count: it would take no writes`,
		},
		{
			reason: "anybody_will_do", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = "*"
				r := standby("pg-3", 0x4000000)
				r.FollowsAs = "walreceiver"
				s.set(r)
			},
			warned: `commits on pg-2 will wait for "*" until pg-3 follows it`,
		},
		{
			reason: "two_are_enough_of_three", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = `ANY 2 ("PG-3", "pg-4", "pg-5")`
				for _, name := range []string{"pg-3", "pg-4", "pg-5"} {
					s.set(standby(name, 0x4000000))
				}
			},
			warned: `commits on pg-2 will wait for 2 of "PG-3", "pg-4", "pg-5" until 2 of pg-3, pg-4, pg-5 follow it`,
		},
		{
			reason: "for_whom_cannot_be_read", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames = "MOST (a, b)"
				s.set(standby("pg-3", 0x4000000))
			},
			refused: `for whom commits on pg-2 would wait cannot be told: synchronous_standby_names is not understood: "MOST (a, b)" says no number of standbys above 0, with their names in brackets`,
		},
		{
			reason: "commits_do_not_wait", change: func(s *Situation) {
				s.Readings[1].Keeping.SyncNames, s.Readings[1].Keeping.Commit = "pg-1", "local"
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			tc.change(&s)
			ev := s.Judge(Wish{})
			i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Name == "synchronous standbys of pg-2" })
			if i < 0 {
				t.Fatalf("it is not said: %s", sentences(ev))
			}
			f, no := ev.Facts[i], pointsman.Refusals(ev.Facts)
			if (len(no) == 1) != (tc.refused != "") || f.Text != tc.refused+tc.warned {
				t.Errorf("%s %s: %q; refusals %v", f.Kind, f.Result, f.Text, no)
			}
		})
	}
}

// TestSwitchover_counts_only_standbys_that_commits_wait_for: a reporting standby that streams lets no commit pass, and
// clients would go on to a primary on which each of them hangs.
func TestSwitchover_counts_only_standbys_that_commits_wait_for(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason, names, third string // third is the state of pg-3's stream
		at                   stage
		refused              string
	}{
		{reason: "named", names: `"pg-1", "pg-3"`, third: "streaming", at: stageBefore},
		{reason: "not_named", names: `"pg-1"`, third: "streaming", at: stageBefore, refused: "left are pg-3, of which 0 count"},
		{reason: "too_few", names: `ANY 2 ("pg-1", "pg-3")`, third: "streaming", at: stageBefore, refused: "left are pg-3, of which 1 count"},
		{reason: "named_and_does_not_stream", names: `"pg-3"`, at: stageBefore, refused: "no other standby is left"},
		// Its stream ended with the old primary, in an attempt that was interrupted there.
		{reason: "named_after_the_stop", names: `"pg-3"`, at: stageStopped},
		{reason: "not_named_after_the_stop", names: `"pg-1"`, at: stageStopped, refused: "left are pg-3, of which 0 count"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			w := switching{Situation: dead(), old: "pg-1", candidate: "pg-2", stage: tc.at}
			w.Readings[1].Keeping.SyncNames = tc.names
			third := standby("pg-3", 0x5000000)
			third.Receiver.Status = tc.third
			w.set(third)
			f := w.syncAfter()
			if f.Kind != pointsman.Hard || (f.Result == pointsman.Pass) != (tc.refused == "") || !strings.Contains(f.Text, tc.refused) {
				t.Errorf("%s %s: %q, want %q", f.Kind, f.Result, f.Text, tc.refused)
			}
		})
	}
}
