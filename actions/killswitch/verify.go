package killswitch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// verify looks and changes nothing: a step after a failover of the switch's own database, or before traffic returns.
type verify struct{ w *Watcher }

var _ actions.Stopper = verify{}

// OnlyStops implements actions.Stopper: it only looks.
func (verify) OnlyStops() bool { return true }

type verifyArgs struct {
	Switch string `json:"switch"`
	Want   string `json:"want"` // engaged, released, or empty for either
}

var _ actions.Describer = verify{}

func (verify) Kind() string { return KindVerify }

func (k verify) args(in actions.Input) (verifyArgs, error) {
	var a verifyArgs
	if err := in.Args(&a); err != nil {
		return a, err
	}
	if a.Want != "" && a.Want != string(Engaged) && a.Want != string(Released) {
		return a, fmt.Errorf("want %q is neither engaged nor released", a.Want)
	}
	return a, nil
}

func (k verify) Describe(in actions.Input) (string, error) {
	a, err := k.args(in)
	if err != nil {
		return "", err
	}
	text, err := k.w.describe("verify", a.Switch, in)
	if err == nil && a.Want != "" {
		text += " is " + a.Want
	}
	return text, err
}

// lastSeen pins the newest row known when the plan was made, so that a lost write is noticed after a restart too.
func lastSeen(s *watched) string { return "last seen row of " + s.Name }

func (k verify) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	a, err := k.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := k.w.pick(a.Switch, in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	before := s.seen()
	r, err := s.look(ctx)
	var ev pointsman.Evidence
	// Only while proposing: a newer row at the start is no reason to take the votes away.
	if seen := s.seen(); in.Phase == actions.Propose && !seen.IsZero() {
		ev.Pins = map[string]string{lastSeen(s): seen.Format(time.RFC3339Nano)}
	}
	if err != nil {
		ev.Facts = []pointsman.Fact{unreadable(s, err)}
		return ev, nil
	}
	f := fact(s, r, pointsman.Pass)
	if a.Want != "" && r.Engaged != (a.Want == string(Engaged)) {
		f.Limit, f.Result = a.Want, pointsman.Fail
		if k.w.promised(in, s, KindEngage, KindRelease) {
			f.Result, f.BeforeN = pointsman.Later, in.StepN
		}
	}
	ev.Already = f.Result == pointsman.Pass
	ev.Facts = append([]pointsman.Fact{f}, back(s, r, before)...)
	return ev, nil
}

// Apply has nothing to do.
func (k verify) Apply(_ context.Context, in actions.Input) (actions.Outcome, error) {
	if _, err := k.args(in); err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	return actions.Outcome{}, nil
}

// Verify holds if the row is read from the primary, says what is wanted and is no older than the newest one that was
// seen. A row that went back and says released does not hold: the lost write may have been the one that engaged it.
func (k verify) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	a, err := k.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := k.w.pick(a.Switch, in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	before := s.seen()
	if at, err := time.Parse(time.RFC3339Nano, in.Pins[lastSeen(s)]); err == nil && at.After(before) {
		before = at
	}
	r, err := s.look(ctx)
	if err != nil {
		return pointsman.Evidence{}, errors.Join(fmt.Errorf("%s cannot be read", s.Name), err)
	}
	lost := back(s, r, before)
	ev := pointsman.Evidence{Holds: (a.Want == "" || r.Engaged == (a.Want == string(Engaged))) && (r.Engaged || len(lost) == 0)}
	f := fact(s, r, pointsman.Pass)
	if a.Want != "" && r.Engaged != (a.Want == string(Engaged)) {
		f.Limit, f.Result = a.Want, pointsman.Fail
	}
	ev.Facts = append([]pointsman.Fact{f}, lost...)
	return ev, nil
}
