package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// A receiver asks its primary for a sign of life after half of wal_receiver_timeout. Before that, silence is what a healthy
// stream of an idle primary looks like.
func TestReceivers_hold_the_silence_against_wal_receiver_timeout(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason          string
		givesUp, silent time.Duration
		configured      time.Duration
		want            pointsman.FactResult
		sentence        string
	}{
		{"default_timeout_and_the_receiver_would_have_asked", time.Minute, 41 * time.Second, 0, pointsman.Pass, ""},
		{"default_timeout_and_it_was_heard_lately", time.Minute, 9 * time.Second, 0, pointsman.Fail, "last message 9.0 s ago, limit 40 s"},
		{"long_timeout_and_the_receiver_has_not_asked_yet", 5 * time.Minute, 41 * time.Second, 0, pointsman.Fail, "last message 41 s ago, limit 2m 40s"},
		{"long_timeout_and_the_receiver_was_not_answered", 5 * time.Minute, 161 * time.Second, 0, pointsman.Pass, ""},
		{"configured_limit_below_half_of_the_timeout_does_not_count", time.Minute, 11 * time.Second, 10 * time.Second, pointsman.Fail, "limit 40 s"},
		{
			"a_receiver_that_never_asks_says_nothing", 0, time.Hour, 0, pointsman.Unknown,
			"its silence of 1h says nothing of pg-1: with wal_receiver_timeout 0 it never asks for a sign of life",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			s.old(Hung, Hung)
			if tc.configured > 0 {
				s.Cluster.Limits.ReceiverSilence = tc.configured
			}
			s.Readings[1].Receiver, s.Readings[1].GivesUp = Receiver{Status: "streaming", Silent: tc.silent}, tc.givesUp
			f := s.receivers("pg-1")[0]
			if f.Result != tc.want || !strings.Contains(f.Text, tc.sentence) {
				t.Errorf("%s: %s (%s); want %s and %q", f.Result, f.Text, f.Value, tc.want, tc.sentence)
			}
		})
	}
}
