package postgres

import (
	"context"
	"errors"
	"log/slog"
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
	well, frozen, two := dead(), dead(), dead()
	for s, old := range map[*Situation]Reading{&well: {Node: "pg-1", Sighting: seen(Refused)}, &frozen: {Node: "pg-1", Sighting: seen(Unreachable)}, &two: primary("pg-1", 1, 0x5000000)} {
		s.Probes = nil
		s.set(old)
		s.set(primary("pg-2", 2, 0x5000000))
	}
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
