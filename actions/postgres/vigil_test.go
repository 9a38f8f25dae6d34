package postgres

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// deskFunc answers what the watch says.
type deskFunc func(pointsman.Report) (pointsman.Answer, error)

func (f deskFunc) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	ans, err := f(cmd.(pointsman.Report))
	return pointsman.Result{Answer: ans}, err
}

// An alarm outlives the process that gave it. So whoever watches asks once that it ends as soon as one primary is seen and no
// second, and again only after it did not see that.
func TestVigil_ends_alarms_that_are_not_its_own(t *testing.T) {
	t.Parallel()
	down := errors.New("the store is away")
	var said []string
	var log strings.Builder
	var fails error
	v := vigil{cluster: dead().Cluster}
	v.w.Clusters = New(Config{v.cluster}, slog.New(slog.NewTextHandler(&log, nil)))
	v.w.Desk = deskFunc(func(r pointsman.Report) (pointsman.Answer, error) {
		said = append(said, string(r.What))
		return pointsman.Answer{Code: pointsman.CodeDuplicate}, fails
	})
	well, frozen := pair(Reading{Node: "pg-1", Sighting: seen(Refused)}), pair(Reading{Node: "pg-1", Sighting: seen(Unreachable)})
	two := pair(primary("pg-1", 1, 0x5000000))
	for _, look := range []struct {
		why  string
		at   Situation
		err  error
		want string
	}{
		{"the old primary is silent, which ends nothing", frozen, nil, ""},
		{"the store is away", well, down, "over"},
		{"what was not taken is said again", well, nil, "over"},
		{"it is known", well, nil, ""},
		{"the old primary is silent", frozen, nil, ""},
		{"somebody else may have given an alarm meanwhile", well, nil, "over"},
		{"two writers, seen once", two, nil, ""},
		{"somebody else may have seen them twice", well, nil, "over"},
		{"two writers", two, nil, ""},
		{"two writers, seen twice", two, nil, "alarm"},
		{"they are known, and told all the same: whoever closed the incident may be wrong", two, nil, "alarm"},
		{"one has stopped", well, nil, "over"},
		{"it is known", well, nil, ""},
		{"two writers again", two, nil, ""},
		{"the same two, seen twice", two, nil, "alarm"},
	} {
		said, fails = nil, look.err
		v.writers(t.Context(), look.at)
		if diff := cmp.Diff(look.want, strings.Join(said, " ")); diff != "" {
			t.Errorf("%s:\n%s", look.why, diff)
		}
	}
	if strings.Contains(log.String(), "takes writes again") {
		t.Errorf("an end that nobody waited for was logged:\n%s", &log)
	}
}

// pair is what the watch sees of pg-1 beside pg-2, which takes writes.
func pair(old Reading) Situation {
	s := dead()
	s.Probes = nil
	s.set(old)
	s.set(primary("pg-2", 2, 0x5000000))
	return s
}

// A person's word on two writers is believed for ten minutes of the same sight. A machine that was switched off is only silent,
// so nobody sees an end; when it comes back, that is another split brain, and of it nobody has said anything.
func TestVigil_a_break_ends_what_a_person_closed(t *testing.T) {
	t.Parallel()
	two, off := pair(primary("pg-1", 1, 0x5000000)), pair(Reading{Node: "pg-1", Sighting: seen(Unreachable)})
	foreign := pair(primary("pg-1", 1, 0x5000000))
	foreign.Readings[0].SystemID = "7002"
	words := pair(primary("pg-1", 3, 0x5000000))
	for _, tc := range []struct {
		why     string
		between []Situation
		state   pointsman.IncidentState
		pages   int
	}{
		{"both write on, as they did", []Situation{two, two, two}, pointsman.IncidentResolved, 1},
		{"both write on, in other words", []Situation{words, words, two}, pointsman.IncidentResolved, 1},
		{"its machine was off", []Situation{off, off, off}, pointsman.IncidentOpen, 2},
		{"it was off for one look", []Situation{off}, pointsman.IncidentOpen, 2},
		{"another cluster's server had its address", []Situation{foreign}, pointsman.IncidentOpen, 2},
	} {
		now, pages := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), 0
		st := pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}}
		do := func(cmd pointsman.Command) (ans pointsman.Answer) {
			var events []pointsman.Event
			st, events, ans = pointsman.Decide(st, cmd, now)
			for _, ev := range events {
				if ev.Type == pointsman.EvPageTriggered {
					pages++
				}
			}
			return ans
		}
		v := vigil{cluster: two.Cluster}
		v.w.Clusters = New(Config{v.cluster}, nil)
		v.w.Clusters.Clock = func() time.Time { return now }
		v.w.Desk = deskFunc(func(r pointsman.Report) (pointsman.Answer, error) { return do(r), nil })
		look := func(all ...Situation) {
			for _, s := range all {
				v.writers(t.Context(), s)
				now = now.Add(2 * time.Second)
			}
		}
		look(two, two)
		ana := pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana"}, Door: pointsman.DoorSlack}
		if ans := do(pointsman.CloseIncident{Incident: "INC-1", Reason: "pg-1's machine is off", By: ana}); !ans.OK() {
			t.Fatal(ans)
		}
		look(tc.between...)
		look(two, two)
		if st.Incident.State != tc.state || pages != tc.pages || st.Protections[0].Alarm.Stands() != (tc.state == pointsman.IncidentOpen) {
			t.Errorf("%s: incident %s, %d pages, alarm %+v; want it %s after %d", tc.why, st.Incident.State, pages, st.Protections[0].Alarm, tc.state, tc.pages)
		}
	}
}

// Who writes is told by name, also where the node is seen by a probe alone: other words of the same two are the same alarm.
func TestVigil_names_the_nodes_that_write(t *testing.T) {
	t.Parallel()
	two := pair(primary("pg-1", 1, 0x5000000))
	far := pair(Reading{Node: "pg-1", Sighting: seen(Unreachable)})
	far.Probes = map[string][]ProbeSight{"pg-1": {{Probe: "probe-a", Sighting: primary("pg-1", 1, 0x5000000).Sighting}}}
	var last pointsman.Report
	v := vigil{cluster: two.Cluster}
	v.w.Clusters = New(Config{v.cluster}, nil)
	v.w.Desk = deskFunc(func(r pointsman.Report) (pointsman.Answer, error) { last = r; return pointsman.Answer{}, nil })
	for _, s := range []Situation{two, far} {
		last = pointsman.Report{}
		v.writers(t.Context(), s)
		v.writers(t.Context(), s)
		slices.Sort(last.Nodes)
		if diff := cmp.Diff([]string{"pg-1", "pg-2"}, last.Nodes); diff != "" {
			t.Errorf("%q:\n%s", last.Text, diff)
		}
	}
}

// TestWithoutStandby_is_told_only_where_it_is_seen: a role that may not see who follows sees nobody.
func TestWithoutStandby_is_told_only_where_it_is_seen(t *testing.T) {
	t.Parallel()
	s := dead()
	blind := primary("pg-2", 2, 0x5000000)
	blind.Stats = false
	s.set(blind)
	s.Sample = Sample{Primary: "pg-2", SystemID: "7001", ChangedAt: time.Now().Add(-time.Hour)}
	said := 0
	v := vigil{cluster: s.Cluster}
	v.w.Clusters = New(Config{v.cluster}, nil)
	v.w.Desk = deskFunc(func(pointsman.Report) (pointsman.Answer, error) { said++; return pointsman.Answer{}, nil })
	if v.standbys(t.Context(), s); said > 0 {
		t.Error("a false alarm")
	}
	if f := s.standbysOf("pg-2 runs without a standby", blind); f.Result != pointsman.Unknown || f.Clears != noStats {
		t.Errorf("%+v, want that nobody can tell", f)
	}
	far := standby("pg-3", 0x5000000)
	far.Stats = false
	s.set(far)
	if all := s.following("pg-2"); len(all) != 1 || all[0].Result != pointsman.Unknown || all[0].Clears != noStats {
		t.Errorf("%+v, want that nobody can tell", all)
	}
	blind.Stats = true
	s.set(blind)
	if v.standbys(t.Context(), s); said != 1 {
		t.Errorf("said %d times that none follows, want once", said)
	}
}
