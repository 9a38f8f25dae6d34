package actions

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// History knows how long steps took before.
type History interface {
	// Took returns how long the last attempts of the step that were seen done took in runs of the runbook on the target,
	// in any order; at most limit of them.
	Took(ctx context.Context, runbook string, target pointsman.Target, kind, step string, limit int) ([]time.Duration, error)
}

// A step is slow when it takes longer than slowShare of at least slowLeast earlier ones; fewer say nothing. What lasts
// less than slowFrom holds nobody up, however quick it was before.
const (
	slowShare = 0.95
	slowLeast = 5
	slowMost  = 100
	slowFrom  = time.Second
)

// usual is the duration that the share of the earlier ones did not exceed (nearest rank). The bool is false where there
// are too few of them.
func usual(took []time.Duration) (time.Duration, bool) {
	if len(took) < slowLeast {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[int(math.Ceil(slowShare*float64(len(sorted))))-1], true
}

// tellSlow tells once if the attempt takes longer than usual; it ends with the context. It says so beside the step, which
// is neither held up nor hurried by it.
func (e *Engine) tellSlow(ctx context.Context, run pointsman.Run, i int, epoch int64) {
	if e.History == nil {
		return
	}
	s := run.Steps[i]
	took, err := e.History.Took(ctx, run.Runbook, run.Target, s.Kind, s.Name, slowMost)
	limit, enough := usual(took)
	if err != nil || !enough || s.Slow {
		return
	}
	if pause(ctx, e.until(s.StartedAt.Add(max(limit, slowFrom)))) != nil {
		return
	}
	tell := pointsman.TellSlow{Run: run.ID, Epoch: epoch, Step: i, Attempt: s.Attempt, Usual: limit, Of: len(took)}
	if _, err := e.Ledger.Do(ctx, tell); err != nil && ctx.Err() == nil {
		e.Log.Warn("slow step not told", "run", run.ID, "step", s.Name, "err", err)
	}
}
