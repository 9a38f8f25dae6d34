package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultKeep is how long what was said and who asked is kept beyond its use.
const DefaultKeep = 30 * 24 * time.Hour

// leastKept is longer than anybody repeats a request or looks for what was just said.
const leastKept = 24 * time.Hour

// pruneAtOnce bounds one deletion: on SQLite nobody else writes meanwhile. A look, which holds nobody up but reads the whole
// table, finds enough for foundAtOnce/pruneAtOnce of them.
const (
	pruneAtOnce = 500
	foundAtOnce = 20_000
)

// timesKept is how many of the newest times of each step on each target are kept: twice as many as a slow one is told by.
const timesKept = 200

// Prune deletes what is of no use any more since before: deliveries that were said or given up, of incidents that were
// resolved by then or of none, the names of requests, which nobody repeats after so long, and how long steps took of which
// newer runs tell enough. It returns how many rows went. The log is never touched: it says for ever what was said and who asked.
func (s *Store) Prune(ctx context.Context, before time.Time) (int64, error) {
	if err := s.cut(); err != nil {
		return 0, err // what was lost is being found out; nothing more may go
	}
	var gone int64
	for _, what := range []struct{ table, key, find string }{
		// An incident takes its key back for half an hour only, so no card of one that was resolved long ago is edited again.
		{"deliveries", "id", `SELECT d.id FROM deliveries d LEFT JOIN incidents i ON i.id = d.incident
			WHERE d.state <> 'pending' AND d.due_at < $1 AND (i.id IS NULL OR i.state = 'resolved' AND i.resolved_at < $1) ORDER BY d.id LIMIT $2`},
		{"seen", "once", `SELECT once FROM seen WHERE at < $1 ORDER BY at LIMIT $2`},
		// A run goes as a whole, when none of its steps is among the newest of its kind: one that is seldom reached is still judged.
		{"step_times", "run_id", fmt.Sprintf(`SELECT run_id FROM (SELECT run_id, at, ROW_NUMBER() OVER (PARTITION BY kind, target, runbook, step ORDER BY at DESC) AS nth
			FROM step_times) t GROUP BY run_id HAVING MIN(nth) > %d AND MAX(at) < $1 ORDER BY MAX(at) LIMIT $2`, timesKept)},
	} {
		for {
			n, found, err := s.pruneSome(ctx, what.table, what.key, what.find, micros(before))
			gone += n
			if err != nil {
				return gone, fmt.Errorf("prune %s: %w", what.table, err)
			}
			if found < foundAtOnce {
				break
			}
		}
	}
	return gone, nil
}

// pruneSome looks without locks and deletes by key, so that a large table holds nobody up while it is looked through. It
// returns how many rows went, and how many keys it found.
func (s *Store) pruneSome(ctx context.Context, table, key, find string, before int64) (gone, found int64, err error) {
	keys, err := list(ctx, s.db.reads, func(r Row) (k any, err error) {
		err = r.Scan(&k)
		return k, err
	}, find, before, int64(foundAtOnce))
	if err != nil {
		return 0, 0, err
	}
	for some := range slices.Chunk(keys, pruneAtOnce) {
		marks := make([]string, len(some))
		for i := range some {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		n, err := s.db.direct.Exec(ctx, `DELETE FROM `+table+` WHERE `+key+` IN (`+strings.Join(marks, ", ")+`)`, some...)
		if gone += n; err != nil {
			return gone, 0, err
		}
	}
	return gone, int64(len(keys)), nil
}
