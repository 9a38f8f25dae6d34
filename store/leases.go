package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// claimable says which runs need a worker: queued ones, waiting ones whose time has come, and those that run or are
// undone, each only when nobody's lease on it still lasts. $1 is the time by the clock of leases, $2 is now.
const claimable = `state IN ('queued', 'running', 'waiting', 'undoing') AND lease_until <= $1 AND (state <> 'waiting' OR (wake_at > 0 AND wake_at <= $2))`

// ClaimRun leases one run to owner and raises its epoch, which fences off every write of a former owner. Runs whose
// owner is gone come first. The bool is false if no run needs a worker.
func (s *Store) ClaimRun(ctx context.Context, owner string, lease time.Duration) (pointsman.Claim, bool, error) {
	if err := s.cut(); err != nil {
		return pointsman.Claim{}, false, err
	}
	if c, ok := s.worker.take(owner); ok {
		return c, true, nil
	}
	now, err := s.db.lease(ctx)
	if err != nil {
		return pointsman.Claim{}, false, fmt.Errorf("claim a run: %w", err)
	}
	// Most calls find nothing; looking first keeps them away from SQLite's one writer.
	waiting, err := list(ctx, s.db.reads, s.readable, `SELECT doc FROM runs WHERE `+claimable+
		` ORDER BY CASE WHEN state IN ('running', 'undoing') THEN 0 ELSE 1 END, queued_at LIMIT 16`, micros(now), micros(s.Now()))
	if err != nil {
		return pointsman.Claim{}, false, fmt.Errorf("claim a run: %w", err)
	}
	var alien []error
	for _, run := range waiting {
		if run.err != nil {
			alien = append(alien, run.err)
			continue
		}
		id := run.id
		var c pointsman.Claim
		var doc, state string
		err := s.db.leases.QueryRow(ctx, `UPDATE runs SET epoch = epoch + 1, owner = $3, lease_until = $4
			WHERE id = $5 AND `+claimable+` RETURNING epoch, state, doc`, micros(now), micros(s.Now()), owner, micros(now.Add(lease)), id).
			Scan(&c.Epoch, &state, &doc)
		if errors.Is(err, sql.ErrNoRows) {
			continue // somebody else was first
		}
		if err == nil {
			err = decodeWhole(doc, &c.Run)
		}
		if err != nil {
			return pointsman.Claim{}, false, fmt.Errorf("claim %s: %w", id, err)
		}
		c.Takeover = state == string(pointsman.RunRunning)
		return c, true, nil
	}
	return pointsman.Claim{}, false, errors.Join(alien...)
}

// candidate is a run that needs a worker; err says why it cannot be one of this version.
type candidate struct {
	id  string
	err error
}

// readable reads a candidate. During an upgrade some are of a newer version; that one carries them on.
func (s *Store) readable(r Row) (candidate, error) {
	run, doc, err := scanDoc[pointsman.Run](r)
	if err != nil {
		return candidate{}, err
	}
	c := candidate{id: run.ID}
	if _, err := s.carried(doc); err != nil {
		c.err = fmt.Errorf("%s is left to a newer version: %w", run.ID, err)
	}
	return c, nil
}

// carried reads a run that this version can carry out; the error says why it cannot.
func (s *Store) carried(doc string) (pointsman.Run, error) {
	var run pointsman.Run
	if err := decodeWhole(doc, &run); err != nil {
		return run, err
	}
	if _, err := pointsman.DecodePlan(run.Plan); err != nil {
		return run, err
	}
	for i, step := range run.Steps {
		if s.kinds != nil && !slices.Contains(s.kinds, step.Kind) {
			return run, fmt.Errorf("step %d is of the kind %s, which this version does not know", i+1, step.Kind)
		}
	}
	return run, nil
}

// Heartbeat prolongs a lease by the given time from now. An Error with CodeConflict says that the lease is gone:
// another owner has the run, or the run needs no worker any more.
func (s *Store) Heartbeat(ctx context.Context, run string, epoch int64, lease time.Duration) error {
	now, err := s.db.lease(ctx)
	if err != nil {
		return fmt.Errorf("heartbeat of %s: %w", run, err)
	}
	n, err := s.db.leases.Exec(ctx, `UPDATE runs SET lease_until = $1 WHERE id = $2 AND epoch = $3 AND lease_until > 0`,
		micros(now.Add(lease)), run, epoch)
	if err != nil {
		return fmt.Errorf("heartbeat of %s: %w", run, err)
	}
	if n == 0 {
		return pointsman.Errorf(pointsman.CodeConflict, "%s is not leased under epoch %d any more", run, epoch)
	}
	return nil
}

// Release gives a run back, so that the next worker need not wait for the end of the lease. It does nothing where the
// lease is gone already.
func (s *Store) Release(ctx context.Context, run string, epoch int64) error {
	_, err := s.db.leases.Exec(ctx, `UPDATE runs SET owner = '', lease_until = 0 WHERE id = $1 AND epoch = $2`, run, epoch)
	if err != nil {
		return fmt.Errorf("release %s: %w", run, err)
	}
	s.wake()
	return nil
}

// transit is how long a request of a process that was killed may still be on its way: who looked at once whether the
// other side has carried it out would not find it, and say the same a second time.
const transit = time.Second

// ResetLeases ends every lease at once; deliveries that were under way are due again after transit. It is called once after Open, and after Mend: on SQLite the file lock proves that the
// processes that held them are dead. On PostgreSQL the others may live, so it does nothing there.
func (s *Store) ResetLeases(ctx context.Context) error {
	if !s.db.alone {
		return nil
	}
	err := s.transact(ctx, func(w *work) error {
		w.about = "leases"
		w.writes.exec(`UPDATE runs SET owner = '', lease_until = 0 WHERE lease_until > 0`)
		w.writes.exec(`UPDATE deliveries SET owner = '', leased_until = 0, due_at = CASE WHEN due_at < $1 THEN $1 ELSE due_at END
			WHERE leased_until > 0 AND state = 'pending'`, micros(s.Now().Add(transit)))
		w.nudge = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("reset leases: %w", err)
	}
	return nil
}
