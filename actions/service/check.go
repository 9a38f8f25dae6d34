package service

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// KindCheck is the kind that looks at the health addresses, as runbooks name it.
const KindCheck = "http.check"

// What a verification asks for by default: one good answer of a service that starts and falls over proves nothing.
const (
	defaultConsecutive = 3
	defaultEvery       = 200 * time.Millisecond
	// longest is how long the rounds of one verification may take beside the answers: the engine gives a look 3 s.
	longest = 1500 * time.Millisecond
)

type checkArgs struct {
	Service     string `json:"service"`     // a configured service; the run's target by default
	Consecutive int    `json:"consecutive"` // good rounds in a row that count as well, 3 by default
	Every       string `json:"every"`       // between rounds, 200ms by default
}

// wanted is what the arguments mean.
type wanted struct {
	service     string
	consecutive int
	every       time.Duration
}

// check changes nothing; as a step it verifies that the service is well.
type check struct {
	*catalog
	doctor doctor
}

func newCheck(c *catalog) check { return check{c, newDoctor()} }

var _ actions.Describer = check{}

// Kind implements actions.Action.
func (check) Kind() string { return KindCheck }

func (k check) args(in actions.Input) (wanted, error) {
	var a checkArgs
	if err := in.Args(&a); err != nil {
		return wanted{}, err
	}
	w := wanted{service: a.Service, consecutive: defaultConsecutive, every: defaultEvery}
	if a.Consecutive != 0 {
		w.consecutive = a.Consecutive
	}
	if a.Every != "" {
		d, err := time.ParseDuration(a.Every)
		if err != nil {
			return w, fmt.Errorf("every %q is no duration such as 200ms", a.Every)
		}
		w.every = d
	}
	switch rest := time.Duration(w.consecutive-1) * w.every; {
	case w.consecutive < 1 || w.consecutive > 10:
		return w, fmt.Errorf("consecutive is %d, possible are 1 to 10", w.consecutive)
	case w.every <= 0:
		return w, fmt.Errorf("every is %s, it must be positive", w.every)
	case rest > longest:
		return w, fmt.Errorf("%d rounds every %s take %s, at most %s fit into one look", w.consecutive, w.every, rest, longest)
	}
	return w, nil
}

func (k check) pickHealthy(w wanted, in actions.Input) (Target, error) {
	t, err := k.pick(w.service, in)
	if err == nil && len(t.Health) == 0 {
		err = fmt.Errorf("service %s has no health addresses; add them under targets.service", t.Name)
	}
	return t, err
}

// Describe implements actions.Describer.
func (k check) Describe(in actions.Input) (string, error) {
	w, err := k.args(in)
	if err != nil {
		return "", err
	}
	if k.open(w.service, in) {
		return fmt.Sprintf("verify that %s is healthy, %d times in a row", w.service, w.consecutive), nil
	}
	t, err := k.pickHealthy(w, in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("verify that %s is healthy at %d address(es), %d times in a row", t.Name, len(t.Health), w.consecutive), nil
}

// Check looks once. That the service is not well is why the card is there, so it is a plain fact and no guard.
func (k check) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, err := k.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	t, err := k.pickHealthy(w, in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	facts, well := k.doctor.round(ctx, t)
	// After a takeover one good answer must not pass for the number that the step asks for.
	return pointsman.Evidence{Facts: facts, Already: well && in.Phase == actions.Propose}, nil
}

// Apply has nothing to do.
func (k check) Apply(_ context.Context, in actions.Input) (actions.Outcome, error) {
	if _, err := k.args(in); err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	return actions.Outcome{}, nil
}

// Verify holds after so many good rounds in a row; the first bad one ends the look.
func (k check) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	w, err := k.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	t, err := k.pickHealthy(w, in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for n := 1; ; n++ {
		facts, well := k.doctor.round(ctx, t)
		if !well || n == w.consecutive {
			return pointsman.Evidence{Facts: facts, Holds: well}, nil
		}
		select {
		case <-ctx.Done():
			return pointsman.Evidence{Facts: facts}, fmt.Errorf("%d of %d rounds were good when the time was over: %w", n, w.consecutive, ctx.Err())
		case <-tick.C:
		}
	}
}
