package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres/probe"
)

// A primary that only hangs comes back. That a stop hook did not stop it may be made up for by who sees it stopped, and not by
// who sees something else stopped.
func TestJudgeFenced_by_a_probe_that_says_which_server_it_sees(t *testing.T) {
	t.Parallel()
	itself := probe.Server{SystemID: "7001", ClusterName: "pg-1", StartedAt: started.Add(time.Hour), Addr: "pg-1.internal:5432"}
	change := func(f func(*probe.Server)) probe.Server { s := itself; f(&s); return s }
	pg2 := dead().Readings[1]
	for _, tc := range []struct {
		reason string
		state  State
		by     probe.Server
		holds  bool
		seen   State // after what it says of itself was held against ours
	}{
		{"itself", Standby, itself, true, Standby},
		{"older_probe_that_does_not_tell", Standby, probe.Server{}, false, Standby},
		{"another_cluster", Standby, change(func(s *probe.Server) { s.SystemID = "9" }), false, Unsure},
		{"another_node_by_its_start", Standby, change(func(s *probe.Server) { s.StartedAt = pg2.StartedAt }), false, Unsure},
		{"another_node_by_its_name", Standby, change(func(s *probe.Server) { s.ClusterName = "pg-2" }), false, Unsure},
		{"a_server_without_a_name", Standby, change(func(s *probe.Server) { s.ClusterName = "" }), false, Standby},
		{"closed_and_itself", Fenced, itself, true, Fenced},
		{"closed_and_another_node", Fenced, change(func(s *probe.Server) { s.StartedAt = pg2.StartedAt }), false, Unsure},
		{"nobody_listens_at_our_address", Refused, probe.Server{Addr: itself.Addr}, true, Refused},
		{"nobody_listens_at_the_advertised_address", Refused, probe.Server{Addr: "10.0.0.1:5432"}, true, Refused},
		{"nobody_listens_elsewhere", Refused, probe.Server{Addr: "10.0.0.9:5432"}, false, Refused},
		{"nobody_listens_and_an_older_probe", Refused, probe.Server{}, false, Refused},
		{"a_sign_of_life_stays_one", Writable, change(func(s *probe.Server) { s.SystemID = "9" }), false, Writable},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			s := dead()
			s.Readings[0].Addr, s.Cluster.Nodes[0].Advertised = itself.Addr, "10.0.0.1:5432"
			s.old(Hung, tc.state)
			s.Probes["pg-1"][0].Server = tc.by
			s.doubted()
			if got := s.Probes["pg-1"][0]; got.State != tc.seen {
				t.Errorf("seen as %s (%s), want %s", got.State, got.Detail, tc.seen)
			}
			ev, err := s.judgeFenced("pg-1", FenceMemo{Hook: hookFailed})
			if err != nil || ev.Holds != tc.holds {
				t.Errorf("holds %t, error %v, want %t: %s", ev.Holds, err, tc.holds, sentences(ev))
			}
			if tc.state == Writable {
				return
			}
			if ev, err := s.judgeFenced("pg-1", FenceMemo{Hook: hookDone}); err != nil || !ev.Holds {
				t.Errorf("after a hook that ended well it holds %t, error %v", ev.Holds, err)
			}
			// Older probes go on counting as places that see it gone; who sees another server never does.
			if f := s.vantage("pg-1"); strings.HasPrefix(f.Value, "2 of 2") != (tc.seen != Unsure) {
				t.Errorf("%s; %s", f.Value, f.Text)
			}
		})
	}
}
