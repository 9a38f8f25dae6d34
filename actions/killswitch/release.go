package killswitch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// minReason keeps "x" from being the whole record of why it runs again.
const minReason = 10

// byThisRun is the pinned row where an earlier step of the same plan engages the switch.
const byThisRun = "as engaged by this run"

type release struct{ w *Watcher }

var _ actions.Describer = release{}

func (release) Kind() string { return KindRelease }

func (k release) Describe(in actions.Input) (string, error) {
	var a args
	if err := in.Args(&a); err != nil {
		return "", err
	}
	return k.w.describe("release", a.Switch, in)
}

// pin names the row that is approved: the switch may have been engaged anew, for another reason, by the time the
// release runs.
func pin(s *watched) string { return "row of " + s.Name }

// Check refuses what is not known: the row must be readable on the primary, the switch engaged, a reason given.
func (k release) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	s, err := k.w.of(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{reasonGiven(in.Reason)}}
	before := s.seen()
	r, err := s.look(ctx)
	if err != nil {
		f := unreadable(s, err)
		f.Kind = pointsman.Hard
		ev.Facts = append(ev.Facts, f)
		return ev, nil
	}
	now := fact(s, r, pointsman.Pass)
	now.Kind, now.Limit = pointsman.Hard, "engaged"
	switch {
	case k.w.promised(in, s, KindEngage):
		ev.Pins = map[string]string{pin(s): byThisRun}
		if !r.Engaged {
			now.Result, now.BeforeN = pointsman.Later, in.StepN
		}
	case r.Engaged:
		ev.Pins = map[string]string{pin(s): r.UpdatedAt.Format(time.RFC3339Nano)}
	default:
		now.Result, now.Clears = pointsman.Fail, "nothing; it is what was wanted"
		now.Text = fmt.Sprintf("there is nothing to release: %s is %s", s.Name, r.standing())
		ev.Already, ev.AlreadyBy = true, r.by()
	}
	ev.Facts = append(append(ev.Facts, now), back(s, r, before)...)
	return ev, nil
}

func reasonGiven(reason string) pointsman.Fact {
	n := len([]rune(strings.TrimSpace(reason)))
	f := pointsman.Fact{
		Kind: pointsman.Hard, Name: "reason for the release", Value: fmt.Sprintf("%d characters", n), Limit: fmt.Sprintf("at least %d", minReason),
		Source: "request", At: time.Now().UTC(), Result: pointsman.Pass,
	}
	if n < minReason {
		f.Result, f.Clears = pointsman.Fail, "ask again with a reason"
		f.Text = fmt.Sprintf("the reason has %d characters, at least %d are needed: it is what others read afterwards", n, minReason)
	}
	return f
}

// Apply writes engaged = false if the row is still the one that was approved.
func (k release) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	s, err := k.w.of(in)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	approved, err := k.approved(ctx, s, in)
	if err != nil {
		return actions.Outcome{}, err
	}
	var done written
	for _, reason := range reasonsFor(in) {
		if done, err = s.release(ctx, approved, reason); !tooLong(err) {
			break
		}
	}
	if err != nil {
		return actions.Outcome{}, err
	}
	return done.outcome(s, "released")
}

// approved is the row that the approval speaks of.
func (k release) approved(ctx context.Context, s *watched, in actions.Input) (row, error) {
	pinned := in.Pins[pin(s)]
	if pinned == byThisRun {
		r, err := s.look(ctx)
		if err != nil {
			return row{}, actions.Refuse("%s cannot be read, so nothing was written: %v", s.Name, err)
		}
		if !r.Engaged || !strings.HasPrefix(r.Reason, runOf(in.Key)+": ") {
			return row{}, actions.Refuse("%s is %s, which is not the work of this run; nothing was written", s.Name, r.standing())
		}
		return r, nil
	}
	at, err := time.Parse(time.RFC3339Nano, pinned)
	if err != nil {
		return row{}, actions.Refuse("the plan does not say which row of %s was approved; nothing was written", s.Name)
	}
	return row{UpdatedAt: at}, nil
}

// Verify reads the switch again over a new connection.
func (k release) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	s, err := k.w.of(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return s.holds(ctx, in, false)
}
