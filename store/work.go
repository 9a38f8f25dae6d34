package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// work is one transaction. Reads go through at once and take their locks; writes and events are kept back until the
// end, where they are sent together and the log's head is locked last and for as short as possible.
type work struct {
	Tx
	now    time.Time
	writes batch
	events []pointsman.Event
	seq    int64            // the log's head: as read, and after the events were appended
	nudge  bool             // wake the loops although no event was appended
	about  any              // the command, or a word; for failpoints
	mends  bool             // it is allowed on a log that has lost its end
	end    Tail             // of the log, once the events are appended
	opened *pointsman.State // the incident that the command opened

	attending attending
	employing []pointsman.Claim // runs that it leases to the worker of this process
}

// tries bounds how often a transaction that lost against another one is made again.
const tries = 3

// transact carries fn out in one transaction and makes it again where another transaction came first. What fn left to
// be written is written with it, or nothing is.
func (s *Store) transact(ctx context.Context, fn func(*work) error) error {
	for try := 1; ; try++ {
		w, err := s.attempt(ctx, fn)
		switch {
		case err == nil:
			s.know(w.end)
			s.journal(ctx, w.events)
			s.give(w.employing)
			w.attending.tell(w.end.Seq, w.opened)
			if len(w.events) > 0 || w.nudge {
				s.wake()
			}
			return nil
		case try == tries, !s.lostRace(err), ctx.Err() != nil:
			return err
		}
		s.log.Debug("transaction made again", "attempt", try, "err", err)
	}
}

func (s *Store) lostRace(err error) bool {
	return errors.Is(err, errMoved) || s.db.unique(err) || s.db.transient(err)
}

func (s *Store) attempt(ctx context.Context, fn func(*work) error) (*work, error) {
	if err := s.fresh(ctx); err != nil { // before the transaction takes its connection: waiting for a second one could be for ever
		return nil, err
	}
	tx, err := s.db.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done { // also after a panic: the web server survives it, and the connection must not stay taken for ever
			tx.Rollback(ctx)
		}
	}()
	w := &work{Tx: tx, now: s.Now()}
	if err := inTime(ctx); err != nil { // after the clock was read: who stands still in between decides by the time before that
		return nil, err
	}
	if err = fn(w); err == nil && (len(w.writes) > 0 || len(w.events) > 0) {
		if err = s.write(ctx, w); err == nil {
			pointsman.Failpoint("commit.before", w.about)
			if err = tx.Commit(ctx); err == nil {
				done = true
				pointsman.Failpoint("commit.after", w.about)
				return w, nil
			}
			err = fmt.Errorf("commit: %w", err)
		}
	}
	return w, err
}

func (s *Store) write(ctx context.Context, w *work) error {
	if err := s.cut(); err != nil && !w.mends {
		return err
	}
	if len(w.events) == 0 {
		if err := send(ctx, w.Tx, w.writes); err != nil {
			return fmt.Errorf("save: %w", err)
		}
		return nil
	}
	if err := s.append(ctx, w); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}
