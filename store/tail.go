package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// Tail is the newest entry of the log that somebody knows of: its place and its hash, in hex. Kept outside the database
// it tells when the database has lost what it had acknowledged: PostgreSQL failed over to a standby that lagged, or
// somebody restored a backup.
type Tail struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// CutError says that the log has lost its end. Nothing is decided on it until Mend was called.
type CutError struct {
	Known Tail  // what was acknowledged
	Has   int64 // how many entries the log has
}

// Error implements error.
func (e *CutError) Error() string {
	if e.Has < e.Known.Seq {
		return fmt.Sprintf("the log has lost its end: entry %d was acknowledged, it has %d", e.Known.Seq, e.Has)
	}
	return fmt.Sprintf("the log has lost its end: entry %d is another than the one that was acknowledged", e.Known.Seq)
}

// Tail returns the newest entry that this process has committed or seen at its start.
func (s *Store) Tail() Tail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Whole looks whether the database still has the newest entry that this process knows of. An error that is a *CutError
// says that it has not, and from then on nothing is decided; any other error says nothing.
func (s *Store) Whole(ctx context.Context) error {
	if err := s.cut(); err != nil {
		return err
	}
	return s.whole(ctx, s.db.direct)
}

func (s *Store) whole(ctx context.Context, tx Tx) error {
	known := s.Tail()
	var has int64
	var hash sql.NullString
	err := tx.QueryRow(ctx, `SELECT seq, (SELECT hash FROM log WHERE seq = $1) FROM log_head WHERE id = 1`, known.Seq).Scan(&has, &hash)
	if err != nil {
		return fmt.Errorf("end of the log: %w", err)
	}
	if known.Seq == 0 || hash.String == known.Hash {
		return nil
	}
	return s.foundCut(known, has)
}

func (s *Store) foundCut(known Tail, has int64) error {
	err := &CutError{Known: known, Has: has}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.torn == nil && s.known == known {
		s.torn = err
		s.log.Error("the log has lost its end; nothing is decided until what was open is parked", "known", known.Seq, "has", has)
	}
	return err
}

// cut is not nil while the log is known to have lost its end.
func (s *Store) cut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.torn == nil {
		return nil
	}
	return s.torn
}

// recall begins with what somebody remembers, and then with what the database has.
func (s *Store) recall(ctx context.Context, remembered Tail) error {
	s.know(remembered)
	err := s.Whole(ctx)
	if _, lost := errors.AsType[*CutError](err); lost {
		return nil // Mend is the caller's next step, and nothing is decided before it
	}
	if err != nil {
		return err
	}
	return s.mended(ctx)
}

// after holds the head that a transaction found against what this process knows: an entry must never follow a log that
// has lost its end as if nothing had happened.
func (s *Store) after(head audit.Head) error {
	known := s.Tail()
	if has := int64(head.Seq); has < known.Seq || has == known.Seq && known.Seq > 0 && hexOf(head.Hash) != known.Hash {
		return s.foundCut(known, has)
	}
	return nil
}

func (s *Store) know(t Tail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Seq > s.known.Seq {
		s.known = t
	}
}

// leap is added to numbers and epochs after a loss: what was given out in the part that is lost must not be given out
// again, neither the name of an incident, by which PagerDuty knows its pages, nor an epoch, which fences an owner off.
const leap = 1000

// Mend makes a log that has lost its end fit to go on: the loss is put on record, every open incident is told and its
// runs are parked, and then decisions are taken again. It may be called again after an error.
func (s *Store) Mend(ctx context.Context) error {
	lost, isCut := errors.AsType[*CutError](s.cut())
	if !isCut {
		return nil
	}
	why := lost.Error() + "; look at what was done before anything is repeated"
	err := s.transact(ctx, func(w *work) error {
		w.about, w.mends = "mend", true
		w.writes.exec(`UPDATE counters SET n = n + $1 WHERE name = 'incident'`, int64(leap))
		w.writes.exec(`UPDATE runs SET epoch = epoch + $1, owner = '', lease_until = 0 WHERE state NOT IN ('done', 'aborted', 'voided')`, int64(leap))
		// What is pending may have been said in the part that is lost: as a second attempt it is looked for first.
		w.writes.exec(`UPDATE counters SET n = (SELECT seq FROM log_head WHERE id = 1) WHERE name = 'mended'`)
		w.writes.exec(`UPDATE deliveries SET attempts = attempts + 1, owner = '', leased_until = 0 WHERE state = 'pending'`)
		w.events = []pointsman.Event{{Type: pointsman.EvServerState, Actor: pointsman.Actor{Door: pointsman.DoorEngine}, Text: why}}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	open, err := list(ctx, s.db.direct, text, `SELECT id FROM incidents WHERE state = 'open' ORDER BY number`)
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	for _, id := range open {
		err := s.transact(ctx, func(w *work) error {
			w.mends = true
			_, err := s.decide(ctx, w, pointsman.LoseEnd{Incident: id, Text: why})
			return err
		})
		if err != nil {
			return fmt.Errorf("mend %s: %w", id, err)
		}
	}
	return s.mended(ctx)
}

// mended begins to trust the log again, from its present end on.
func (s *Store) mended(ctx context.Context) error {
	var now Tail
	if err := s.db.direct.QueryRow(ctx, `SELECT seq, hash FROM log_head WHERE id = 1`).Scan(&now.Seq, &now.Hash); err != nil {
		return fmt.Errorf("end of the log: %w", err)
	}
	s.mu.Lock()
	s.known, s.torn = now, nil
	s.mu.Unlock()
	s.wake()
	return nil
}
