package postgres

import (
	"strings"
	"testing"
	"time"
)

// TestSample_learns_nothing_of_another_clusters_primary: an address that leads there would have the good nodes called wrong, and
// what bounds a loss forgotten.
func TestSample_learns_nothing_of_another_clusters_primary(t *testing.T) {
	t.Parallel()
	foreign := func(r Reading) Reading { r.SystemID = "7002"; return r }
	for _, tc := range []struct {
		why   string
		known bool
		look  func(*Situation)
		want  string // the identity that is known afterwards
	}{
		{"its standby says who it is", true, func(s *Situation) { s.set(foreign(primary("pg-1", 1, 9000))) }, "7001"},
		{"nobody else answers", true, func(s *Situation) {
			s.set(foreign(primary("pg-1", 1, 9000)))
			s.set(Reading{Node: "pg-2", Sighting: seen(Refused)})
		}, "7001"},
		{"nothing is known, and the two disagree", false, func(s *Situation) { s.set(foreign(primary("pg-1", 1, 9000))) }, ""},
		{"the standby's address leads elsewhere", true, func(s *Situation) {
			s.set(primary("pg-1", 1, 9000))
			s.set(foreign(standby("pg-2", 9000)))
		}, "7001"},
		{"a cluster that was built anew agrees with itself", true, func(s *Situation) {
			s.set(foreign(primary("pg-1", 1, 9000)))
			s.set(foreign(standby("pg-2", 9000)))
		}, "7002"},
	} {
		m := &memory{last: map[string]Sample{}, now: time.Now}
		s := dead()
		if tc.known {
			s.set(primary("pg-1", 1, 1000))
			m.saw(s)
		}
		tc.look(&s)
		s.Sample = m.saw(s)
		if s.Sample.SystemID != tc.want {
			t.Errorf("%s: %+v, want the identity %q", tc.why, s.Sample, tc.want)
		}
		if f := s.identity(); strings.HasPrefix(tc.why, "its standby") && !strings.HasPrefix(f.Text, "pg-1 has the system identifier 7002, the cluster's is 7001") || strings.HasPrefix(tc.why, "its standby") && !strings.HasSuffix(f.Clears, "two that agree are believed") {
			t.Errorf("%s: %s; %s", tc.why, f.Text, f.Clears)
		}
	}
}
