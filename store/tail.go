package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// Tail is the newest entry of the log that somebody knows of: its place and its hash, in hex. Kept outside the database
// it tells when the database has lost what it had acknowledged: PostgreSQL failed over to a standby that lagged, or
// somebody restored a backup.
type Tail struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
	// Mend is how often the log had been mended by then: more often later says that another replica has mended it since, less
	// often that the log has lost a mending as well. -1 where that is not known.
	Mend int64 `json:"mend"`
	// Mended is the entry after which the log was mended then. Older versions tell mendings apart by it.
	Mended int64 `json:"mended"`
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

// Tail returns the newest entry that this process has committed, seen, or been told of by another replica.
func (s *Store) Tail() Tail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Whole looks whether the database still has the newest entry that this process knows of, and learns of those that others
// have committed since: a replica that has nothing to do must notice the loss of another one's entries, too. An error that
// is a *CutError says that an entry is gone, and from then on nothing is decided; any other error says nothing.
func (s *Store) Whole(ctx context.Context) error {
	if err := s.cut(); err != nil {
		return err
	}
	return s.whole(ctx, s.db.direct)
}

func (s *Store) whole(ctx context.Context, tx Tx) error {
	known := s.Tail()
	has, intact, err := s.end(ctx, tx, known)
	switch {
	case err != nil:
		return err
	case !intact:
		return s.foundCut(known, has.Seq)
	}
	s.know(has)
	return nil
}

// end reads the end of the log, and whether the entry that is known is still in it. A standby is no place to look: it may
// only be behind.
func (s *Store) end(ctx context.Context, tx Tx, known Tail) (has Tail, intact bool, err error) {
	var hash sql.NullString
	var standby bool
	err = tx.QueryRow(ctx, `SELECT seq, hash, `+mends+`, (SELECT n FROM counters WHERE name = 'mended'), (SELECT hash FROM log WHERE seq = $1), `+s.db.recovering+`
		FROM log_head WHERE id = 1`, known.Seq).Scan(&has.Seq, &has.Hash, &has.Mend, &has.Mended, &hash, &standby)
	switch {
	case err != nil:
		return Tail{}, false, fmt.Errorf("end of the log: %w", err)
	case standby:
		return Tail{}, false, errors.New("end of the log: the connection leads to a standby; name the primary in storage.dsn, with target_session_attrs=read-write where it names several")
	}
	return has, known.Seq == 0 || hash.String == known.Hash, nil
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
	s.mu.Lock()
	s.known = remembered
	s.mu.Unlock()
	err := s.Whole(ctx)
	if _, lost := errors.AsType[*CutError](err); lost {
		return nil // Mend is the caller's next step, and nothing is decided before it
	}
	if err != nil {
		return err
	}
	return s.mended(ctx)
}

// after holds what a transaction found in the place of the known entry against it: nothing must ever follow a log that has
// lost its end as if nothing had happened, nor one that others who knew nothing of the loss have made longer again.
func (s *Store) after(known Tail, has string, head audit.Head) error {
	if known.Seq > 0 && has != known.Hash {
		return s.foundCut(known, int64(head.Seq))
	}
	return nil
}

// know takes in a newer end of the log, and a newer mending also where the end is known already: notices and commits say
// nothing of mendings, and whoever missed one would take the next loss for one that another replica has mended.
func (s *Store) know(t Tail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Mend, t.Mended = max(t.Mend, s.known.Mend), max(t.Mended, s.known.Mended)
	if t.Seq < s.known.Seq {
		t.Seq, t.Hash = s.known.Seq, s.known.Hash
	}
	s.known = t
}

// leap is added to numbers and epochs after a loss: what was given out in the part that is lost must not be given out
// again, neither the name of an incident, by which PagerDuty knows its pages, nor an epoch, which fences an owner off.
const leap = 1000

// Mend makes a log that has lost its end fit to go on: the loss is put on record, every incident that may go on
// is told and its runs are parked, and then decisions are taken again. Every replica that notices a loss calls it, and may call it again
// after an error; the first one leaps, and each incident is told once.
func (s *Store) Mend(ctx context.Context) error {
	lost, isCut := errors.AsType[*CutError](s.cut())
	if !isCut {
		return nil
	}
	why := lost.Error() + "; look at what was done before anything is repeated"
	whole := false
	err := s.transact(ctx, func(w *work) (err error) {
		w.about, w.mends = "mend", true
		whole, err = s.leap(ctx, w, lost.Known, why)
		return err
	})
	if err == nil && !whole {
		err = s.tell(ctx, why)
	}
	if err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	if err := s.mended(ctx); err != nil || whole {
		return err
	}
	s.log.Warn("the log goes on: the loss is on record, and what was open is parked", "known", lost.Known.Seq, "had", lost.Has)
	return nil
}

// mends is how often the log has been mended. The place at which that was done would be no name for it: it comes again where
// the same backup is restored twice.
const mends = `COALESCE((SELECT n FROM counters WHERE name = 'mend'), 0)`

// mendedBefore reports whether another replica has mended the log since the entry was known. In doubt none has: numbers that
// leap twice cost a second page, numbers that are given out twice wake nobody.
func (t Tail) mendedBefore(has Tail) bool {
	return t.Mend >= 0 && (has.Mend > t.Mend || has.Mended > t.Mended)
}

// leap is the first part of mending, unless another replica was first. It finds nothing to mend where the entry is there
// after all: the connection that missed it may have led to another server.
func (s *Store) leap(ctx context.Context, w *work, known Tail, why string) (whole bool, err error) {
	var mended int64
	if err := w.QueryRow(ctx, `SELECT n FROM counters WHERE name = 'mended'`+s.db.forUpdate).Scan(&mended); err != nil {
		return false, err
	}
	has, whole, err := s.end(ctx, w, known) // only now: whoever had the lock may have mended it
	if err != nil || whole || known.mendedBefore(has) {
		return whole, err
	}
	// Where a mending is lost as well, what was given out after it lies one leap further.
	mend := max(known.Mend, has.Mend) + 1
	leaps := mend - has.Mend
	w.writes.setCounter("mend", mend)
	w.writes.setCounter("leaps", leaps)
	w.writes.exec(`UPDATE counters SET n = n + $1 WHERE name IN ('incident', 'delivery')`, leaps*leap)
	w.writes.exec(`INSERT INTO counters (name, n) VALUES ('told', (SELECT n FROM counters WHERE name = 'incident'))
		ON CONFLICT (name) DO UPDATE SET n = excluded.n`)
	w.writes.exec(`UPDATE runs SET epoch = epoch + $1, owner = '', lease_until = 0 WHERE state NOT IN ('done', 'aborted', 'voided')`, leaps*leap)
	w.writes.exec(`UPDATE counters SET n = (SELECT seq FROM log_head WHERE id = 1) WHERE name = 'mended'`)
	// What is pending may have been said in the part that is lost, also a moment ago: as a second attempt it is looked for first.
	w.writes.exec(`UPDATE deliveries SET attempts = attempts + 1, owner = '', leased_until = 0, due_at = CASE WHEN due_at < $1 THEN $1 ELSE due_at END
		WHERE state = 'pending'`, micros(w.now.Add(transit)))
	w.events = []pointsman.Event{{Type: pointsman.EvServerState, Actor: pointsman.Actor{Door: pointsman.DoorEngine}, Text: why}}
	return false, nil
}

func (b *batch) setCounter(name string, n int64) {
	b.exec(`INSERT INTO counters (name, n) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = excluded.n`, name, n)
}

// reopened is how long after its end an incident is told of a loss: alerts reopen it within pointsman.ReopenWithin, people
// may ask within it later. All that ever were would keep the server from its work for long.
const reopened = 24 * time.Hour

// tell gives the loss to the incidents that may go on, and not to those that were opened since the first replica leapt,
// and to each target of which no run has the lock.
func (s *Store) tell(ctx context.Context, why string) error {
	var mend, leaps, upTo int64 // an older version's mending has only a place; the sum names both kinds
	err := s.db.direct.QueryRow(ctx, `SELECT n + `+mends+`, COALESCE((SELECT n FROM counters WHERE name = 'leaps'), 1),
		COALESCE((SELECT n FROM counters WHERE name = 'told'), (SELECT n FROM counters WHERE name = 'incident'))
		FROM counters WHERE name = 'mended'`).Scan(&mend, &leaps, &upTo)
	if err != nil {
		return err
	}
	incidents, err := list(ctx, s.db.direct, text, `SELECT id FROM incidents WHERE number <= $1 AND (state = 'open' OR resolved_at >= $2) ORDER BY state, number`,
		upTo, micros(s.Now().Add(-reopened)))
	if err != nil {
		return err
	}
	targets, err := list(ctx, s.db.direct, text, `SELECT target FROM protections ORDER BY target`)
	if err != nil {
		return err
	}
	for _, id := range incidents {
		if err := s.lose(ctx, pointsman.LoseEnd{Incident: id, Text: why, Mend: mend, Leaps: leaps}); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	for _, target := range targets {
		if err := s.lose(ctx, pointsman.LoseEnd{Target: target, Text: why, Mend: mend, Leaps: leaps}); err != nil {
			return fmt.Errorf("token of %q: %w", target, err)
		}
	}
	return nil
}

func (s *Store) lose(ctx context.Context, c pointsman.LoseEnd) error {
	err := s.transact(ctx, func(w *work) error {
		w.mends = true
		_, err := s.decide(ctx, w, c)
		return err
	})
	if e, ok := errors.AsType[*pointsman.Error](err); ok && e.Code == pointsman.CodeNewer {
		s.log.Error("a loss is not told by this version; the newer one has to", "incident", c.Incident, "target", c.Target, "err", err)
		return nil
	}
	return err
}

// mended begins to trust the log again, from its present end on.
func (s *Store) mended(ctx context.Context) error {
	now, _, err := s.end(ctx, s.db.direct, Tail{})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.known, s.torn = now, nil
	s.mu.Unlock()
	s.wake()
	return nil
}
