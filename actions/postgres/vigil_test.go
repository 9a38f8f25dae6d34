package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

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
		{"they are known", two, nil, ""},
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
