package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// Took returns how long the last done attempts of the step took in runs of the runbook on the target, the newest first,
// at most limit of them. Only what the engine saw done is counted: a person's word says nothing about the step.
func (s *Store) Took(ctx context.Context, runbook string, target pointsman.Target, kind, step string, limit int) ([]time.Duration, error) {
	found, err := list(ctx, s.db.reads, whole, `SELECT took FROM step_times WHERE kind = $1 AND target = $2 AND runbook = $3 AND step = $4
		ORDER BY at DESC LIMIT $5`, kind, indexed(target.Key()), runbook, step, limit)
	if err != nil {
		return nil, fmt.Errorf("times of step %s: %w", step, err)
	}
	out := make([]time.Duration, len(found))
	for i, n := range found {
		out[i] = time.Duration(n) * time.Microsecond
	}
	return out, nil
}

func whole(r Row) (n int64, err error) {
	err = r.Scan(&n)
	return n, err
}

// saveTimes keeps how long the steps took that are done now and were not before.
func (w *work) saveTimes(before, r pointsman.Run) {
	for i, s := range r.Steps {
		if s.State != pointsman.StepDone || s.MarkedBy != "" || s.StartedAt.IsZero() || i < len(before.Steps) && before.Steps[i].State != pointsman.StepStarted {
			continue
		}
		w.writes.exec(`INSERT INTO step_times (run_id, number, kind, target, runbook, step, at, took) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (run_id, number) DO NOTHING`, r.ID, int64(i+1), s.Kind, indexed(r.Target.Key()), r.Runbook, s.Name, micros(s.EndedAt), s.EndedAt.Sub(s.StartedAt).Microseconds())
	}
}
