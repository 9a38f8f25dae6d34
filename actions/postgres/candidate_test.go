package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// three is the dead primary of dead() with two standbys, pg-3 being 16 KiB ahead of pg-2.
func three(change func(s *Situation)) Situation {
	s := dead()
	s.set(standby("pg-3", 0x5004000))
	change(&s)
	return s
}

func at(s *Situation, node string) *Reading {
	for i := range s.Readings {
		if s.Readings[i].Node == node {
			return &s.Readings[i]
		}
	}
	return nil
}

func TestCandidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason  string
		change  func(*Situation)
		wish    string
		chosen  string
		refused string
		risks   []string // of G4
		told    string   // of another standby
	}{
		{reason: "most_advanced_is_chosen", change: func(*Situation) {}, chosen: "pg-3", told: "timeline 1, received 0/5000000, 16,384 B less than pg-3"},
		{
			reason: "higher_timeline_beats_a_higher_position", change: func(s *Situation) { at(s, "pg-2").Timeline, s.Sample.Timeline = 2, 2 }, chosen: "pg-2",
			told: "timeline 1, received 0/5004000",
		},
		{
			reason: "behind_one_by_name_needs_acceptance", change: func(*Situation) {}, wish: "pg-2", chosen: "pg-2",
			risks: []string{"pg-2 (timeline 1, received 0/5000000) is less advanced than pg-3 (timeline 1, received 0/5004000)"},
			told:  "timeline 1, received 0/5004000",
		},
		{
			reason: "synchronous_one_is_preferred_between_equals", change: func(s *Situation) {
				at(s, "pg-3").Receive, at(s, "pg-3").Replay = 0x5000000, 0x5000000
				s.Sample.Sync = "pg-3"
			},
			chosen: "pg-3", told: "timeline 1, received 0/5000000, asynchronous",
		},
		{
			reason: "delayed_one_is_not_chosen_by_itself_and_its_more_is_accepted", change: func(s *Situation) { at(s, "pg-3").Delay = time.Hour }, chosen: "pg-2",
			risks: []string{"pg-2 (timeline 1, received 0/5000000) is less advanced than pg-3 (timeline 1, received 0/5004000), which replays with a delay of 1h"},
			told:  "timeline 1, received 0/5004000, replays with a delay of 1h",
		},
		{
			reason: "delayed_one_that_is_asked_for_needs_acceptance", change: func(s *Situation) { at(s, "pg-3").Delay = time.Hour }, wish: "pg-3", chosen: "pg-3",
			risks: []string{"pg-3 replays with a delay of 1h: the promotion ends that, and replays everything first"},
			told:  "timeline 1, received 0/5000000, 16,384 B less than pg-3",
		},
		{
			reason: "paused_one_with_a_backlog_is_not_chosen_by_itself", change: func(s *Situation) {
				at(s, "pg-3").Receive = 0x5000000
				at(s, "pg-3").Paused, at(s, "pg-3").Replay = true, 0x4ffc000
			},
			chosen: "pg-2", told: "timeline 1, received 0/5000000, has its replay paused with 16,384 B to go",
		},
		{
			reason: "only_held_ones_left_is_refused", change: func(s *Situation) { at(s, "pg-2").Delay, at(s, "pg-3").Delay = time.Hour, time.Hour },
			refused: "pg-3 replays with a delay of 1h, so it is not chosen by itself, and no other standby may be promoted",
		},
		{
			reason: "never_promoted_one_that_has_more_is_told", change: func(s *Situation) { s.Cluster.Nodes[2].NeverPromote = true }, chosen: "pg-2",
			told: "pg-3 has 16,384 B more than pg-2 and is never promoted: it can follow only after pg_rewind",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			ev := three(tc.change).Judge(Wish{Candidate: tc.wish})
			if ev.Pins["candidate"] != tc.chosen {
				t.Errorf("chosen %q, want %q", ev.Pins["candidate"], tc.chosen)
			}
			var refused, told string
			var risks []string
			for _, f := range ev.Facts {
				switch {
				case f.Guard != "G4":
				case f.Refuses():
					refused = f.Sentence()
				case f.NeedsAcknowledgement():
					risks = append(risks, f.Sentence())
				case strings.HasPrefix(f.Name, "standby "):
					if told = f.Value; f.Text != "" {
						told = f.Text
					}
				}
			}
			if refused != tc.refused || told != tc.told {
				t.Errorf("refused %q, want %q\ntold %q, want %q", refused, tc.refused, told, tc.told)
			}
			if diff := cmp.Diff(tc.risks, risks); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoss_of_several_standbys(t *testing.T) {
	t.Parallel()
	bound := func(s Situation, candidate string) string {
		return s.Judge(Wish{Candidate: candidate}).Bounds[0].Text
	}
	behind := three(func(s *Situation) { s.Sample.Rate = 0 })
	if got := bound(behind, "pg-2"); got != "loss <= 16,384 B" {
		t.Errorf("of the one behind: %s; what the other standby has is lost by promoting it", got)
	}
	further := three(func(s *Situation) { at(s, "pg-3").Receive = 0x5010000; s.Sample.Rate = 0 })
	if got := bound(further, "pg-2"); got != "loss <= 65,536 B" {
		t.Errorf("%s; the sample is older than what pg-3 received", got)
	}
	unknown := three(func(s *Situation) { s.Sample = Sample{} })
	i := 0
	facts := unknown.Judge(Wish{Candidate: "pg-2", Old: "pg-1"}).Facts
	for i < len(facts) && facts[i].Name != "loss in bytes" {
		i++
	}
	if want := "unknown (no sample of pg-1), at least 16,384 B, which another standby has"; i == len(facts) || facts[i].Value != want {
		t.Errorf("facts %+v, want %q", facts, want)
	}
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	s := three(func(s *Situation) {
		s.set(primary("pg-2", 2, 0x6000000))
		at(s, "pg-3").Receiver = Receiver{Status: "streaming", Host: "10.0.0.1", Port: 5432}
	})
	if f := s.following("pg-2")[0]; f.Result != pointsman.Fail || f.Text != "pg-3 does not follow pg-2: it streams from 10.0.0.1:5432 on timeline 1, wanted is 2" {
		t.Errorf("fact %+v", f)
	}
	at(&s, "pg-3").Timeline = 2
	if f := s.following("pg-2")[0]; f.Result != pointsman.Pass {
		t.Errorf("fact %+v, want that it follows", f)
	}
}
