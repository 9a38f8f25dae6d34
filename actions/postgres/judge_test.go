package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/postgres/probe"
)

var (
	now     = time.Date(2026, 11, 21, 3, 2, 11, 0, time.UTC)
	started = now.Add(-24 * time.Hour)
)

// dead is the situation in which a failover is right: the primary is refused from two places, its standby's receiver
// is gone, and a sample was taken 0.8 s before.
func dead() Situation {
	c := Cluster{
		Name: "orders", Nodes: []Node{{Name: "pg-1"}, {Name: "pg-2"}}, Probes: []Probe{{Name: "probe-b"}},
		Fence: Fence{Command: []string{"stop", "{node}"}},
	}.WithDefaults()
	return Situation{
		Cluster:  c,
		Readings: []Reading{{Node: "pg-1", Sighting: seen(Refused)}, standby("pg-2", 0x5000000)},
		Probes:   map[string][]ProbeSight{"pg-1": {{Probe: "probe-b", Sighting: seen(Refused)}}, "pg-2": {{Probe: "probe-b", Sighting: seen(Standby)}}},
		Sample: Sample{
			Primary: "pg-1", SystemID: "7001", Timeline: 1, LSN: 0x5000000, Rate: 1000, At: now.Add(-800 * time.Millisecond),
			Beat: now.Add(-time.Second), LostAt: now,
		},
		At: now,
	}
}

func seen(s State) probe.Sighting { return probe.Sighting{State: s, At: now} }

func standby(name string, at LSN) Reading {
	return Reading{
		Node: name, Sighting: seen(Standby), SystemID: "7001", ClusterName: name, StartedAt: started.Add(time.Duration(len(name) + int(name[3]))), Timeline: 1,
		Receive: at, Replay: at, Beat: now.Add(-1500 * time.Millisecond), BeatWrites: true, Keeping: keeps(), Stats: true, GivesUp: time.Minute,
	}
}

func primary(name string, timeline int, at LSN) Reading {
	r := standby(name, 0)
	r.State, r.Timeline, r.LSN = Writable, timeline, at
	return r
}

func (s *Situation) set(r Reading) {
	for i := range s.Readings {
		if s.Readings[i].Node == r.Node {
			s.Readings[i] = r
			return
		}
	}
	s.Cluster.Nodes = append(s.Cluster.Nodes, Node{Name: r.Node})
	s.Readings = append(s.Readings, r)
}

func (s *Situation) old(local, far State) {
	s.Readings[0].Sighting = seen(local)
	s.Probes["pg-1"][0].Sighting = seen(far)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason    string
		change    func(*Situation)
		wish      Wish
		refuses   []string // guards of HARD facts that are not passed
		risks     []string // guards of ACK facts that are not passed
		sentence  string   // of the first of them
		already   bool
		candidate string // that a plan would name; empty for any
	}{
		{reason: "dead_from_everywhere_passes"},
		{
			reason: "primary_that_takes_writes_is_refused", change: func(s *Situation) { s.set(primary("pg-1", 1, 0x5000100)) },
			refuses: []string{"G1"}, risks: []string{"G2"}, sentence: "pg-1 takes writes as seen from here: a failover would make a second primary",
		},
		{
			reason: "writable_from_one_probe_only_is_refused", change: func(s *Situation) { s.old(Hung, Writable) },
			refuses: []string{"G1"}, risks: []string{"G2"}, sentence: "pg-1 takes writes as seen from probe-b: a failover would make a second primary",
		},
		{
			reason: "hung_primary_that_still_streams_is_not_dead", change: func(s *Situation) {
				s.old(Hung, Hung)
				s.Readings[1].Receiver = Receiver{Status: "streaming", Silent: 9 * time.Second}
			},
			refuses:  []string{"G2"},
			sentence: "pg-2 still holds a stream from pg-1, last message 9.0 s ago, limit 40 s: pg-1 is hung or only we cannot reach it, not dead",
		},
		{reason: "hung_primary_that_was_seen_stopped_before_passes_with_a_hook", change: func(s *Situation) { s.old(Hung, Hung) }},
		{
			reason: "silent_primary_may_take_writes_so_its_loss_is_accepted", change: func(s *Situation) { s.old(Hung, Unreachable); s.Sample.Silent = true },
			risks:    []string{"G5", "G5"},
			sentence: "loss in bytes is unknown, limit 16,777,216 B: pg-1 fell silent without being seen stopped, and what it has taken since is lost too",
		},
		{
			reason: "silent_primary_that_nobody_noticed_before_may_take_writes", change: func(s *Situation) { s.old(Hung, Hung); s.Sample.LostAt = time.Time{} },
			risks: []string{"G5", "G5"},
		},
		{
			reason: "stopped_after_a_long_silence_stays_accepted_and_is_not_asked_anew", change: func(s *Situation) {
				s.Sample.Silent, s.Sample.LostAt, s.Sample.StoppedAt = true, now.Add(-time.Minute), now
			},
			risks: []string{"G5", "G5"},
		},
		{
			reason: "hung_primary_without_a_hook_needs_acceptance", change: func(s *Situation) { s.old(Hung, Hung); s.Cluster.Fence.Command = nil },
			risks: []string{"G1"}, sentence: "pg-1 cannot be stopped from here: if it comes back, it takes writes beside the new primary",
		},
		{
			reason: "one_vantage_point_needs_acceptance", change: func(s *Situation) { s.Probes = nil },
			risks:    []string{"G2"},
			sentence: "pg-1 looks gone from 1 of 1 vantage point, wanted is at least 2: a broken network between them and pg-1 would look the same, and both could take writes",
		},
		{reason: "probe_that_does_not_answer_does_not_count", change: func(s *Situation) { s.old(Refused, Unsure) }, risks: []string{"G2"}},
		{reason: "nobody_can_tell_is_refused", change: func(s *Situation) { s.old(Unsure, Unsure) }, refuses: []string{"G1"}, risks: []string{"G2"}},
		{
			reason: "full_primary_is_not_dead", change: func(s *Situation) { s.old(Full, Refused); s.Cluster.Fence.Command = nil },
			refuses: []string{"G10"}, risks: []string{"G2", "G1"}, sentence: "pg-1 is full as seen from here: that is not dead, and clients that are connected may still write",
		},
		{reason: "full_primary_with_a_hook_needs_acceptance", change: func(s *Situation) { s.old(Full, Full) }, risks: []string{"G10", "G2"}},
		{reason: "sessions_in_closed_databases_may_write", change: func(s *Situation) { s.old(Closing, Closing) }, risks: []string{"G1", "G2"}},
		{reason: "nor_may_they_where_nothing_can_stop_it", change: func(s *Situation) { s.Cluster.Fence.Command = nil; s.old(Closing, Closing) }, refuses: []string{"G1"}, risks: []string{"G2", "G1"}},
		{reason: "primary_that_refuses_our_login_lives", change: func(s *Situation) { s.old(Denied, Refused) }, refuses: []string{"G1"}, risks: []string{"G2"}},
		{
			reason: "another_cluster_is_refused", change: func(s *Situation) { s.Readings[1].SystemID = "9" },
			refuses: []string{"G3"}, sentence: "pg-2 has the system identifier 9, the cluster's is 7001",
		},
		{
			reason: "swapped_addresses_are_refused", change: func(s *Situation) { s.Readings[1].ClusterName = "pg-1" },
			refuses: []string{"G3"}, sentence: "the server at pg-2 says that it is pg-1: their addresses are swapped",
		},
		{reason: "one_server_under_two_names_is_refused", change: func(s *Situation) {
			r := s.Readings[1]
			r.Node, r.ClusterName = "pg-3", ""
			s.set(r)
		}, refuses: []string{"G3"}},
		{
			reason: "two_primaries_are_a_split_brain", change: func(s *Situation) { s.set(primary("pg-1", 1, 9)); s.set(primary("pg-2", 2, 9)) },
			refuses:  []string{"G27", "G1", "G4"},
			sentence: "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2", risks: []string{"G2"},
		},
		{
			reason: "less_advanced_candidate_needs_acceptance", change: func(s *Situation) { s.set(standby("pg-3", 0x5004000)) }, wish: Wish{Candidate: "pg-2"},
			risks: []string{"G4"}, sentence: "pg-2 (timeline 1, received 0/5000000) is less advanced than pg-3 (timeline 1, received 0/5004000)",
		},
		{reason: "no_standby_is_refused", change: func(s *Situation) { s.set(Reading{Node: "pg-2", Sighting: seen(Refused)}) }, refuses: []string{"G3", "G4"}},
		{
			reason: "position_on_an_older_timeline_cannot_be_compared", change: func(s *Situation) { s.Sample.Timeline, s.Sample.LSN = 2, 0x4000000 },
			risks: []string{"G5", "G4"}, sentence: "pg-2 is on timeline 1, pg-1 was on 2 when it was last seen: what it wrote there is lost, and how much that is cannot be told",
		},
		{
			reason: "position_on_a_later_timeline_neither", change: func(s *Situation) { s.Readings[1].Timeline = 2 },
			risks: []string{"G5", "G4"}, sentence: "loss in bytes is unknown (pg-1 was on timeline 1, pg-2 is on 2), limit 16,777,216 B",
		},
		{
			reason: "third_node_that_does_not_answer_may_have_been_promoted", change: func(s *Situation) { s.set(Reading{Node: "pg-3", Sighting: seen(Hung)}) },
			risks: []string{"G27"}, sentence: "pg-3 does not answer as seen from here: it may have been promoted by somebody, and it may have more than pg-2",
		},
		{
			reason: "third_node_that_lets_us_not_in_neither", change: func(s *Situation) { s.set(Reading{Node: "pg-3", Sighting: seen(Denied)}) },
			risks: []string{"G27"},
		},
		{reason: "third_node_that_is_stopped_is_no_risk", change: func(s *Situation) { s.set(Reading{Node: "pg-3", Sighting: seen(Refused)}) }},
		{
			reason: "third_node_that_a_probe_sees_in_recovery_is_no_risk", change: func(s *Situation) {
				s.set(Reading{Node: "pg-3", Sighting: seen(Hung)})
				s.Probes["pg-3"] = []ProbeSight{{Probe: "probe-b", Sighting: seen(Standby)}}
				s.Probes["pg-3"][0].Server = probe.Server{SystemID: "7001", ClusterName: "pg-3"}
			},
		},
		{
			reason: "third_node_that_takes_writes_elsewhere_is_refused", change: func(s *Situation) {
				s.set(Reading{Node: "pg-3", Sighting: seen(Hung)})
				s.Probes["pg-3"] = []ProbeSight{{Probe: "probe-b", Sighting: seen(Writable)}}
			},
			refuses: []string{"G27"}, sentence: "pg-3 takes writes as seen from probe-b: a failover would make a second primary",
		},
		{
			reason: "primary_that_nobody_saw_and_two_silent_nodes_is_refused", change: func(s *Situation) {
				s.Sample = Sample{}
				s.set(Reading{Node: "pg-3", Sighting: seen(Refused)})
			},
			refuses:  []string{"G1"},
			sentence: "it cannot be told which node was the primary: pg-1, pg-3 do not answer as standbys and no sample was taken",
		},
		{
			reason: "without_a_sample_the_loss_is_unknown", change: func(s *Situation) { s.Sample = Sample{} },
			risks: []string{"G5", "G5"}, sentence: "loss in bytes is unknown (no sample of pg-1), limit 16,777,216 B",
		},
		{
			reason: "old_sample_is_unknown_and_not_zero", change: func(s *Situation) { s.Sample.At = now.Add(-7 * time.Second) },
			risks: []string{"G5"}, sentence: "loss in bytes is unknown (last sample 7.0 s old), limit 16,777,216 B",
		},
		{
			reason: "loss_above_the_limit_needs_acceptance", change: func(s *Situation) { s.Sample.LSN += 20 << 20 },
			risks: []string{"G5"}, sentence: "WAL of pg-1 that pg-2 did not receive may be lost: <= 20,987,904 B, limit 16,777,216 B",
		},
		{
			reason: "loss_above_the_approved_one_is_refused", change: func(s *Situation) { s.Sample.LSN += 100_000 },
			wish:    Wish{Bounds: []pointsman.Bound{{Name: LostBytes, Max: 16384, Text: "loss <= 16,384 B"}}},
			refuses: []string{"G5"}, sentence: "approved was loss <= 16,384 B, now it is loss <= 114,688 B",
		},
		{
			reason: "loss_that_became_unknown_is_refused", change: func(s *Situation) { s.Sample.Rate = -1 },
			wish:    Wish{Bounds: []pointsman.Bound{{Name: LostBytes, Max: 16384, Text: "loss <= 16,384 B"}}},
			refuses: []string{"G5"}, risks: []string{"G5"}, sentence: "approved was loss <= 16,384 B, now the loss is unknown",
		},
		{reason: "promoted_by_somebody_else_is_already_done", change: func(s *Situation) { s.set(primary("pg-2", 2, 9)) }, wish: Wish{Old: "pg-1", Candidate: "pg-2"}, already: true},
		{reason: "seen_to_be_promoted_by_somebody_else_is_already_done", change: func(s *Situation) {
			s.set(primary("pg-2", 2, 9))
			s.Sample.Primary, s.Sample.Before, s.Sample.ChangedAt = "pg-2", "pg-1", now
		}, already: true, candidate: "pg-2"},
		{
			reason: "another_one_was_promoted_than_planned", change: func(s *Situation) { s.set(primary("pg-3", 2, 9)) },
			wish: Wish{Old: "pg-1", Candidate: "pg-2"}, refuses: []string{"G1"}, sentence: "pg-3 is primary, the plan promotes pg-2",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			if tc.change != nil {
				tc.change(&s)
			}
			ev := s.Judge(tc.wish)
			actiontest.Refusals(t, ev.Facts)
			if diff := cmp.Diff(tc.refuses, guards(pointsman.Refusals(ev.Facts))); diff != "" {
				t.Errorf("refusals (-want +got):\n%s%s", diff, sentences(ev))
			}
			if diff := cmp.Diff(tc.risks, guards(pointsman.Acknowledgements(ev.Facts))); diff != "" {
				t.Errorf("risks (-want +got):\n%s%s", diff, sentences(ev))
			}
			if ev.Already != tc.already {
				t.Errorf("already %t (%s), want %t", ev.Already, ev.AlreadyBy, tc.already)
			}
			if tc.candidate != "" && ev.Pins["candidate"] != tc.candidate {
				t.Errorf("candidate %q, want %q: without one no plan can be made, and the card blames the steps", ev.Pins["candidate"], tc.candidate)
			}
			if tc.sentence != "" && !strings.Contains(sentences(ev), tc.sentence+"\n") {
				t.Errorf("want the sentence %q in:\n%s", tc.sentence, sentences(ev))
			}
			if again := s.Judge(tc.wish); !cmp.Equal(ev, again) {
				t.Errorf("the same situation is judged otherwise: %s", cmp.Diff(ev, again))
			}
		})
	}
}

// What is accepted has a figure where there is one, so that a larger one is asked again.
func TestJudge_measures_what_is_accepted(t *testing.T) {
	t.Parallel()
	s := dead()
	s.old(Refused, Unsure)
	s.set(standby("pg-3", 0x5004001))
	got := map[string]float64{}
	for _, f := range pointsman.Acknowledgements(s.Judge(Wish{Candidate: "pg-2"}).Facts) {
		if f.Measure == nil {
			t.Errorf("%s has no figure", f.Key())
			continue
		}
		got[f.Name] = *f.Measure
	}
	if diff := cmp.Diff(map[string]float64{"vantage points": 1, "candidate pg-2": 32768}, got); diff != "" {
		t.Error(diff)
	}
}

func guards(facts []pointsman.Fact) []string {
	var out []string
	for _, f := range facts {
		out = append(out, f.Guard)
	}
	return out
}

// sentences are what a person would be told.
func sentences(ev pointsman.Evidence) string {
	var b strings.Builder
	for _, f := range ev.Facts {
		if f.Result != pointsman.Pass {
			b.WriteString(f.Sentence() + "\n")
		}
	}
	return b.String()
}

func TestBounds_say_the_same_about_the_same_loss(t *testing.T) {
	t.Parallel()
	first := dead().Judge(Wish{})
	want := []pointsman.Bound{{Name: LostBytes, Max: 16384, Text: "loss <= 16,384 B"}, {Name: LostSeconds, Max: 2, Text: "loss <= 2.0 s"}}
	if diff := cmp.Diff(want, first.Bounds); diff != "" {
		t.Error(diff)
	}
	later := dead()
	later.At = later.At.Add(time.Hour) // the card was left lying
	if diff := cmp.Diff(first.Bounds, later.Judge(Wish{}).Bounds); diff != "" {
		t.Errorf("an hour later: %s", diff)
	}
}

func TestJudgeFenced(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason     string
		local, far State
		memo       FenceMemo
		holds      bool
	}{
		{"stopped_everywhere", Refused, Refused, FenceMemo{Hook: hookDone}, true},
		{"silent_after_the_hook_ended_well", Hung, Hung, FenceMemo{Hook: hookDone}, true},
		{"silent_after_the_hook_failed", Hung, Hung, FenceMemo{Hook: hookFailed}, false},
		{"silent_and_nobody_knows_of_the_hook", Hung, Hung, FenceMemo{}, false},
		{"stopped_although_the_hook_failed", Refused, Hung, FenceMemo{Hook: hookFailed}, true},
		{"databases_closed", Fenced, Fenced, FenceMemo{Hook: hookFailed}, true},
		{"databases_closed_and_sessions_left", Closing, Closing, FenceMemo{Hook: hookDone, Databases: []string{"app"}}, false},
		{"sessions_left_as_one_place_counts", Fenced, Closing, FenceMemo{Hook: hookDone}, false},
		{"cut_off_by_an_earlier_attempt_alone", Hung, Hung, FenceMemo{Hook: hookFailed, Cut: true}, false},
		{"writable_from_one_place", Refused, Writable, FenceMemo{Hook: hookDone}, false},
		{"still_shutting_down", Starting, Refused, FenceMemo{Hook: hookDone}, false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			s.old(tc.local, tc.far)
			ev, err := s.judgeFenced("pg-1", tc.memo)
			if err != nil || ev.Holds != tc.holds {
				t.Errorf("holds %t, error %v, want %t: %s", ev.Holds, err, tc.holds, sentences(ev))
			}
		})
	}
	s := dead()
	s.old(Unsure, Unsure)
	if ev, err := s.judgeFenced("pg-1", FenceMemo{Hook: hookDone}); err == nil {
		t.Errorf("nobody can see it and the fence is told to hold %t", ev.Holds)
	}
}

func TestJudgeLag(t *testing.T) {
	t.Parallel()
	healthy := func() Situation {
		s := dead()
		s.set(primary("pg-1", 1, 0x5000000))
		s.Readings[1].Receiver.Status = "streaming"
		s.Readings[1].ReplayedAt = now.Add(-time.Hour) // idle since
		return s
	}
	for _, tc := range []struct {
		reason   string
		change   func(*Situation)
		holds    bool
		sentence string
	}{
		{reason: "idle_standby_does_not_lag", holds: true},
		{
			reason: "dead_primary_is_refused", change: func(s *Situation) { s.Readings[0] = dead().Readings[0] },
			sentence: "the primary pg-1 refuses connections, so its standbys have nothing to catch up with",
		},
		{
			reason: "bytes_over_the_limit", change: func(s *Situation) { s.Readings[0].LSN += 48 << 20 },
			sentence: "pg-2 lags 50,331,648 B and 1h, limit 16,777,216 B and 30 s",
		},
		{
			reason: "paused_replay_is_named", change: func(s *Situation) { s.Readings[1].Paused = true },
			sentence: "pg-2 lags 0 B and 0 ms, limit 16,777,216 B and 30 s: its replay is paused",
		},
		{
			reason: "standby_that_does_not_stream_will_lag", change: func(s *Situation) { s.Readings[1].Receiver.Status = "" },
			sentence: "pg-2 lags 0 B and 0 ms, limit 16,777,216 B and 30 s: it does not stream",
		},
		{reason: "standby_that_does_not_answer_is_unknown", change: func(s *Situation) { s.Readings[1].Sighting = seen(Hung) }, sentence: "the lag of pg-2 is unknown: it does not answer"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := healthy()
			if tc.change != nil {
				tc.change(&s)
			}
			ev := s.judgeLag(LagArgs{Cluster: "orders", Limit: defaultLagBytes, Within: defaultLagTime})
			if ev.Holds != tc.holds || tc.sentence != "" && !strings.Contains(sentences(ev), tc.sentence+"\n") {
				t.Errorf("holds %t, want %t and %q:\n%s", ev.Holds, tc.holds, tc.sentence, sentences(ev))
			}
		})
	}
}
