package killswitch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// longReason is the longest reason that is tried first.
const longReason = 500

// reasonsFor are the reasons that are tried one after the other where the table's column is short, the last one empty. A
// switch must not stay released because of the length of a sentence.
func reasonsFor(in actions.Input) []string {
	return []string{reasonFor(in, longReason), reasonFor(in, 50), reasonFor(in, 20), ""}
}

type engage struct{ w *Watcher }

var (
	_ actions.Describer = engage{}
	_ actions.Stopper   = engage{}
)

// OnlyStops implements actions.Stopper.
func (engage) OnlyStops() bool { return true }

func (engage) Kind() string { return KindEngage }

func (k engage) Describe(in actions.Input) (string, error) {
	var a args
	if err := in.Args(&a); err != nil {
		return "", err
	}
	return k.w.describe("engage", a.Switch, in)
}

// Check shows where the switch stands and never refuses: whoever wants to stop something is not kept from it by what
// is not known.
func (k engage) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	s, err := k.w.of(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	before := s.seen()
	r, err := s.look(ctx)
	if err != nil {
		return pointsman.Evidence{Facts: []pointsman.Fact{unreadable(s, err)}}, nil
	}
	ev := pointsman.Evidence{Facts: append([]pointsman.Fact{fact(s, r, pointsman.Pass)}, back(s, r, before)...)}
	if r.Engaged {
		ev.Already, ev.AlreadyBy = true, r.by()
	}
	return ev, nil
}

// Apply writes engaged = true to the primary and reads it back on the same session.
func (k engage) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	s, err := k.w.of(in)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	done, err := insist(ctx, s.engage, in)
	if err != nil {
		return actions.Outcome{}, err
	}
	return done.outcome(s, "engaged")
}

// insist tries until the step's deadline: to engage twice is to engage, and a database in the middle of a failover
// takes the write a moment later. What a try may have written no later one takes back by finding nobody, so its error
// outweighs theirs.
func insist(ctx context.Context, engage func(ctx context.Context, reason string) (written, error), in actions.Input) (written, error) {
	var doubt, last error // of a try that may have written; of the last one that had its time
	reasons := reasonsFor(in)
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		one, cancel := context.WithTimeout(ctx, 3*time.Second)
		done, err := engage(one, reasons[0])
		cancel()
		if err == nil {
			return done, nil
		}
		if tooLong(err) && len(reasons) > 1 {
			reasons = reasons[1:]
			continue
		}
		if done.Asked {
			doubt = err
		}
		if last == nil || !over(ctx) {
			last = err
		}
		if !hopeless(err) {
			select {
			case <-ctx.Done():
			case <-again.C:
				continue
			}
		}
		if doubt != nil {
			return done, doubt
		}
		return done, last
	}
}

// over reports whether the context's time is over. A connection that was cut by it comes back a moment before the context
// itself says so.
func over(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && !time.Now().Before(end)
}

// Verify reads the switch again over a new connection.
func (k engage) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	s, err := k.w.of(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return s.holds(ctx, in, true)
}

// holds reads the switch and compares it with what was wanted and what was written.
func (s *watched) holds(ctx context.Context, in actions.Input, engaged bool) (pointsman.Evidence, error) {
	r, err := s.look(ctx)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("%s cannot be read: %w", s.Name, err)
	}
	ev := pointsman.Evidence{Holds: r.Engaged == engaged}
	result := pointsman.Pass
	if !ev.Holds {
		result = pointsman.Fail
	}
	ev.Facts = append(ev.Facts, fact(s, r, result))
	var m memo
	if len(in.Memo) > 0 && json.Unmarshal(in.Memo, &m) == nil {
		ev.Facts = append(ev.Facts, back(s, r, m.UpdatedAt)...)
	}
	return ev, nil
}
