package sim

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// lever is an action on the simulated world. Its effect is counted by idempotency key; it heeds its context, as every
// kind must, and it loses requests and answers.
type lever struct {
	*replica
	kind string
}

func (l lever) Kind() string { return l.kind }

func (l lever) done(in actions.Input) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[in.Key] > 0 && l.flaw != flawBlind
}

func (l lever) blind(in actions.Input, percent int) bool {
	return within(l.fog, l.since()) || l.strikes(percent, "blind", l.name, in.Key)
}

func (l lever) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	l.mu.Lock()
	l.looks[in.Key]++
	l.mu.Unlock()
	l.stand(ctx, "check", in.Key+strconv.Itoa(in.StepN)+in.Incident)
	if ctx.Err() != nil || in.Phase != actions.Propose && l.blind(in, 3) {
		return pointsman.Evidence{}, errors.New("no route to host")
	}
	fact := pointsman.Fact{Guard: "T1", Kind: pointsman.Hard, Name: l.kind, Value: "ok", At: time.Now(), Result: pointsman.Pass}
	ev := pointsman.Evidence{Already: l.done(in), Facts: []pointsman.Fact{fact, l.rails()}, Pins: map[string]string{"candidate": l.candidate()}}
	if l.kind == "yard.throw" {
		ev.Bounds = []pointsman.Bound{l.lag(in)}
	}
	return ev, nil
}

// candidate changes now and then, so that plans change under their votes.
func (l lever) candidate() string {
	if within(l.moves, l.since()) {
		return "track-3"
	}
	return "track-2"
}

func (l lever) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	l.stand(ctx, "apply", in.Key)
	switch {
	case ctx.Err() != nil:
		return actions.Outcome{}, ctx.Err()
	case l.strikes(10, "never arrived", l.name):
		return actions.Outcome{}, errors.New("connection refused")
	case l.strikes(15, "not sent", l.name):
		return actions.Outcome{}, actions.NotSent(errors.New("connection refused"))
	case l.strikes(5, "refused", l.name):
		return actions.Outcome{}, actions.Refuse("a train is on the points")
	case l.strikes(30, "slow", l.name):
		select {
		case <-ctx.Done():
		case <-time.After(l.moment(12*time.Second, "slow for", l.name, in.Key)):
		}
	}
	if ctx.Err() != nil { // the last look before the request; from here on it happens
		return actions.Outcome{}, ctx.Err()
	}
	if no := l.tooMuch(in); no != nil {
		return actions.Outcome{}, no
	}
	l.mu.Lock()
	l.effects[in.Key]++
	l.struck[in.Key] = append(l.struck[in.Key], in.Applied)
	n := l.effects[in.Key]
	l.mu.Unlock()
	if n > 1 {
		l.violated("I3: %s had its effect %d times", in.Key, n)
	}
	l.stand(ctx, "applied", in.Key)
	if l.strikes(10, "answer lost", l.name) {
		return actions.Outcome{}, errors.New("connection reset")
	}
	return actions.Outcome{Memo: json.RawMessage(`{"by":"` + l.name + `"}`), Note: "thrown"}, nil
}

func (l lever) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	l.stand(ctx, "verify", in.Key)
	if ctx.Err() != nil || l.blind(in, 10) {
		return pointsman.Evidence{}, errors.New("no route to host")
	}
	return pointsman.Evidence{Holds: l.holds(in)}, nil
}
