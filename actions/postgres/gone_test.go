package postgres

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// cascade is the dead primary of two standbys, of which pg-3 still streams, from 10.0.0.2:5432, which it calls its sender.
func cascade() Situation {
	s := dead()
	r := standby("pg-3", 0x5000000)
	r.FollowsAs = "pg-3"
	r.Receiver = Receiver{Status: "streaming", Silent: 2 * time.Second, Host: "10.0.0.2", Port: 5432}
	s.set(r)
	s.Readings[0].Addr, s.Readings[1].Addr, s.Readings[2].Addr = "pg-1.internal:5432", "pg-2.internal:5432", "pg-3.internal:5432"
	return s
}

// TestCascade: a standby that follows another one keeps its stream when the primary dies, by whatever address it reaches that
// one. Who cannot be placed proves that the primary lives, as before.
func TestCascade(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason  string
		change  func(*Situation)
		refused string // none where pg-3 says nothing about pg-1
	}{
		{
			reason: "sender_that_nobody_knows", change: func(*Situation) {},
			refused: "pg-3 still holds a stream from 10.0.0.2:5432, last message 2.0 s ago, limit 40 s: unless that is another standby, pg-1 is hung or only we cannot reach it, not dead",
		},
		{reason: "address_of_the_configuration", change: func(s *Situation) { s.Readings[1].Addr = "10.0.0.2:5432" }},
		{reason: "advertised_address", change: func(s *Situation) { s.Cluster.Nodes[1].Advertised = "10.0.0.2:5432" }},
		{reason: "the_other_standby_says_so", change: func(s *Situation) { s.Readings[1].FollowedBy = []string{"pg-3"} }},
		{
			reason: "address_of_the_old_primary", change: func(s *Situation) { s.Cluster.Nodes[0].Advertised = "10.0.0.2:5432" },
			refused: "pg-3 still holds a stream from pg-1, last message",
		},
		{
			reason: "what_it_says_itself_goes_before_what_the_other_says",
			change: func(s *Situation) {
				s.Cluster.Nodes[0].Advertised, s.Readings[1].FollowedBy = "10.0.0.2:5432", []string{"pg-3"}
			},
			refused: "pg-3 still holds a stream from pg-1, last message",
		},
		{
			reason: "a_name_that_anybody_may_have",
			change: func(s *Situation) {
				s.Readings[1].FollowedBy, s.Readings[2].FollowsAs = []string{"walreceiver"}, "walreceiver"
			},
			refused: "pg-3 still holds a stream",
		},
		{
			reason: "a_name_that_two_standbys_have", change: func(s *Situation) {
				s.Readings[1].FollowedBy = []string{"pg-3"}
				other := standby("pg-4", 0x5000000)
				other.FollowsAs = "pg-3"
				s.set(other)
			},
			refused: "pg-3 still holds a stream",
		},
		{
			reason: "what_the_old_primary_says_does_not_count", change: func(s *Situation) { s.Readings[0].FollowedBy = []string{"pg-3"} },
			refused: "pg-3 still holds a stream",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := cascade()
			tc.change(&s)
			no := pointsman.Refusals(s.Judge(Wish{}).Facts)
			found := slices.ContainsFunc(no, func(f pointsman.Fact) bool { return f.Guard == "G2" && strings.HasPrefix(f.Text, tc.refused) })
			if found != (tc.refused != "") || len(no) > 1 {
				t.Errorf("refusals %+v, want %q", no, tc.refused)
			}
		})
	}
}
