package postgres

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// The way back opens a server for writes, so it asks of every other node what a promotion asks of the old primary.
func TestUnfence_needs_to_know_that_nobody_else_is_primary(t *testing.T) {
	t.Parallel()
	memo := FenceMemo{Node: "pg-1", Hook: hookNone, Databases: []string{"app"}, Poolers: []string{"pgb-1"}}
	three := func(local, far State) func(*Situation) {
		return func(s *Situation) {
			s.set(Reading{Node: "pg-3", Sighting: seen(local), Addr: "pg-3:5432"})
			s.Probes["pg-3"] = []ProbeSight{{Probe: "probe-b", Sighting: seen(far)}}
			s.Probes["pg-3"][0].Server.Addr = "pg-3:5432"
		}
	}
	for _, tc := range []struct {
		reason string
		change func(*Situation)
		text   string // of the refusal; none where it may be opened
	}{
		{reason: "other_is_a_standby", change: func(*Situation) {}},
		{reason: "other_tells_itself_that_it_is_a_standby_and_the_probe_is_down", change: func(s *Situation) { s.Probes["pg-2"][0].Sighting = seen(Unsure) }},
		{reason: "other_is_closed_by_the_fence_that_reached_it", change: func(s *Situation) { s.Readings[1].Sighting = seen(Fenced) }},
		{reason: "third_is_stopped_from_everywhere", change: three(Refused, Refused)},
		{
			reason: "other_takes_writes", change: func(s *Situation) { s.set(primary("pg-2", 2, 0x5000000)) },
			text: "pg-2 is primary as seen from here: opening pg-1 again would make a second one",
		},
		{
			reason: "other_takes_writes_as_a_probe_sees_it", change: func(s *Situation) { s.Readings[1].Sighting, s.Probes["pg-2"][0].Sighting = seen(Hung), seen(Writable) },
			text: "pg-2 is primary as seen from probe-b: opening pg-1 again would make a second one",
		},
		{
			reason: "other_is_silent", change: func(s *Situation) { s.Readings[1].Sighting, s.Probes["pg-2"][0].Sighting = seen(Hung), seen(Hung) },
			text: "pg-2 may be primary, it does not answer as seen from here and probe-b: opening pg-1 again could make a second one",
		},
		{
			reason: "third_is_refused_from_one_place_only", change: three(Refused, Hung),
			text: "pg-3 may be primary, it refuses connections as seen from here, does not answer as seen from probe-b: opening pg-1 again could make a second one",
		},
		{
			reason: "another_server_at_its_address", change: func(s *Situation) { s.Readings[1].SystemID = "666" },
			text: "pg-2 has the system identifier 666, the cluster's is 7001",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			s.Cluster.Database, s.Cluster.Poolers = "app", []Pooler{{Name: "pgb-1"}}
			tc.change(&s)
			f := s.onlyPrimary("pg-1", memo)
			if f.Refuses() != (tc.text != "") || f.Text != tc.text {
				t.Errorf("%s %q, want %q", f.Result, f.Text, tc.text)
			}
			for _, command := range []string{"ALTER DATABASE \"app\" ALLOW_CONNECTIONS true on pg-1", "RESUME \"app\" in the console of pgb-1"} {
				if !strings.Contains(f.Clears, command) {
					t.Errorf("%q does not say %q", f.Clears, command)
				}
			}
		})
	}
}

// Whoever takes over after a crash in a hook finds that it ran, and an abort takes it back.
func TestFence_hooks_are_on_record_before_they_run(t *testing.T) {
	t.Parallel()
	c := dead().Cluster
	c.Fence.Command, c.Fence.Network = []string{"true"}, []string{"true"}
	for rung, want := range map[string]FenceMemo{
		rungStop:    {Node: "pg-1", Hook: hookBegun},
		rungNetwork: {Node: "pg-1", Hook: hookNone, Network: hookBegun},
	} {
		memo := FenceMemo{Node: "pg-1", Hook: hookNone}
		in := actions.Input{Remember: func(json.RawMessage, string) error { return errors.New("the store is away") }}
		if note, err := c.climb(t.Context(), in, rung, "pg-1", &memo); err == nil || memo.stopped() || memo.cut() ||
			err.Error() != "that the "+rung+" hook for pg-1 would run could not be kept, so it did not: the store is away" {
			t.Errorf("%s: %q, error %v, memo %+v", rung, note, err, memo)
		}
		var kept json.RawMessage
		in.Remember = func(memo json.RawMessage, _ string) error { kept = memo; return nil }
		if _, err := c.climb(t.Context(), in, rung, "pg-1", &memo); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(want)
		if err != nil || string(kept) != string(raw) {
			t.Errorf("%s: kept was %s, want %s (%v)", rung, kept, raw, err)
		}
		next, err := fenceMemo(actions.Input{Earlier: kept})
		if err != nil || next.stopped() != (rung == rungStop) || next.cut() != (rung == rungNetwork) {
			t.Errorf("%s: the next attempt knows %+v (%v)", rung, next, err)
		}
		if ev, err := dead().judgeFenced("pg-1", next); err != nil || !ev.Holds {
			t.Errorf("%s: refused connections prove it: %+v, %v", rung, ev, err)
		}
		silent := dead()
		silent.old(Hung, Hung)
		if ev, err := silent.judgeFenced("pg-1", next); err != nil || ev.Holds || ev.Facts[0].Result != pointsman.Fail {
			t.Errorf("%s: a hook that only began proves nothing: %+v, %v", rung, ev, err)
		}
	}
}
