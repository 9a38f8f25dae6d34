package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// Follow shows plan the events after the follower's cursor, at most limit, and stores the deliveries that it returns
// together with the new cursor. It returns the number of events read; fewer than limit means that the follower has
// caught up. A follower without a cursor begins at the log's beginning. plan must be pure: it may be called again for
// the same event, and Follower, Seq, EventID and Incident of its deliveries are filled in from the event.
//
// The urgent deliveries among them that head their lanes are leased to owner as Claim would, and returned: a card need
// not wait for another transaction. An empty owner leases none.
func (s *Store) Follow(ctx context.Context, follower, owner string, limit int, plan func(pointsman.Logged) []pointsman.Delivery) (int, []pointsman.Delivery, error) {
	behind, err := s.behind(ctx, follower)
	if err != nil || !behind {
		return 0, nil, err
	}
	now, err := s.outboxTime(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("follow as %s: %w", follower, err)
	}
	n := 0
	var urgent []pointsman.Delivery
	err = s.transact(ctx, func(w *work) error {
		urgent = nil
		w.about = follower
		cursor, err := s.cursor(ctx, w, follower)
		if err != nil {
			return err
		}
		read, err := events(ctx, w.Tx, "", cursor, limit)
		if n = len(read); err != nil || n == 0 {
			return err
		}
		var planned []pointsman.Delivery
		for _, ev := range read {
			if w.now.Sub(ev.At) > outlived {
				continue
			}
			for _, d := range plan(ev) {
				planned = append(planned, addressed(d, follower, ev))
			}
		}
		if len(planned) > 0 {
			var last int64
			if err := w.QueryRow(ctx, numberDeliveries, int64(len(planned))).Scan(&last); err != nil {
				return fmt.Errorf("number the deliveries: %w", err)
			}
			w.writes.post(planned, last-int64(len(planned)), w.now)
			w.nudge = true
		}
		w.writes.one(`UPDATE cursors SET seq = $1 WHERE follower = $2 AND seq = $3`, read[n-1].Seq, follower, cursor)
		if owner != "" {
			if now.Before(w.now) {
				now = w.now // they are due as of this transaction, whatever the other clock says
			}
			w.writes.take(&urgent, follower, cursor, owner, now, s.deliveryLease)
		}
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("follow as %s: %w", follower, err)
	}
	inOrder(urgent)
	return n, urgent, nil
}

// outlived is the age from which on an event is not said any more by a way that has not said it: the way was switched off, and
// somebody has switched it on again. A page that nobody could be sent for a night is still sent.
const outlived = 24 * time.Hour

// Begin gives a follower that is new its place: the log's end. It is called before the program opens its doors, so that
// a way out that is configured later does not say again what happened months ago, and misses nothing from now on.
func (s *Store) Begin(ctx context.Context, follower string) error {
	_, err := s.db.direct.Exec(ctx, `INSERT INTO cursors (follower, seq) SELECT $1, seq FROM log_head WHERE id = 1
		ON CONFLICT (follower) DO NOTHING`, follower)
	if err != nil {
		return fmt.Errorf("begin as %s: %w", follower, err)
	}
	return nil
}

// behind looks without locks, because most calls find nothing.
func (s *Store) behind(ctx context.Context, follower string) (bool, error) {
	var head, cursor int64
	err := s.db.reads.QueryRow(ctx, `SELECT seq, COALESCE((SELECT seq FROM cursors WHERE follower = $1), -1) FROM log_head WHERE id = 1`,
		follower).Scan(&head, &cursor)
	if err != nil {
		return false, fmt.Errorf("follow as %s: %w", follower, err)
	}
	return head > cursor, nil
}

// cursor locks the follower's cursor, so that of two replicas only one plans an event.
func (s *Store) cursor(ctx context.Context, w *work, follower string) (seq int64, err error) {
	get := func() error {
		return w.QueryRow(ctx, `SELECT seq FROM cursors WHERE follower = $1`+s.db.forUpdate, follower).Scan(&seq)
	}
	if err = get(); !errors.Is(err, sql.ErrNoRows) {
		return seq, err
	}
	if _, err = w.Exec(ctx, `INSERT INTO cursors (follower, seq) VALUES ($1, 0) ON CONFLICT (follower) DO NOTHING`, follower); err != nil {
		return 0, err
	}
	return seq, get()
}

// replaceable is a delivery o whose place a newer one may take. One that is leased may be on its way, and must not be
// overtaken.
const replaceable = `o.state = 'pending' AND o.newest AND o.leased_until = 0`

// addressed fills in what the event says about a delivery that was planned for it.
func addressed(d pointsman.Delivery, follower string, ev pointsman.Logged) pointsman.Delivery {
	d.Follower, d.Seq, d.EventID = follower, ev.Seq, ev.ID
	if d.Lane == "" {
		d.Lane = follower + "/" + ev.Incident + "/" + d.Destination
	}
	if d.Incident == "" {
		d.Incident = ev.Incident
	}
	if d.Class != pointsman.Urgent {
		d.Class = pointsman.Normal
	}
	return d
}

// numberDeliveries gives out $1 numbers and returns the last one. The row stays locked until the commit, so numbers rise
// in the order of commits.
const numberDeliveries = `UPDATE counters SET n = n + $1 WHERE name = 'delivery' RETURNING n`

// post adds the rows of deliveries, numbered from the one after the given one.
func (b *batch) post(planned []pointsman.Delivery, after int64, now time.Time) {
	for i, d := range planned {
		due := d.DueAt
		if due.IsZero() {
			due = now
		}
		id := after + int64(i) + 1
		// What takes the place of another inherits its attempts: they tell that it may have been said already. So may
		// what follows from an event before a loss of the log's end.
		b.exec(`INSERT INTO deliveries (id, follower, seq, event_id, incident, destination, lane, class, newest, payload, state, due_at, attempts)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending', $11, COALESCE((SELECT MAX(o.attempts) FROM deliveries o
				WHERE $9 AND o.follower = $2 AND o.lane = $7 AND `+replaceable+`), 0)
				+ (SELECT CASE WHEN $3 <= n THEN 1 ELSE 0 END FROM counters WHERE name = 'mended'))
			ON CONFLICT (follower, seq, destination) DO NOTHING`,
			id, d.Follower, d.Seq, d.EventID, d.Incident, indexed(d.Destination), indexed(d.Lane), string(d.Class), d.Newest, string(d.Payload), micros(due))
		if d.Newest {
			b.exec(`UPDATE deliveries AS o SET state = 'superseded' WHERE o.follower = $1 AND o.lane = $2 AND o.id < $3 AND `+replaceable,
				d.Follower, indexed(d.Lane), id)
		}
	}
}

// take leases the follower's urgent deliveries of events after the given one to owner, as Claim would, into the list.
func (b *batch) take(into *[]pointsman.Delivery, follower string, after int64, owner string, now time.Time, lease time.Duration) {
	b.query(func(r Row) error {
		d, err := scanDelivery(r)
		*into = append(*into, d)
		return err
	}, `UPDATE deliveries AS d SET owner = $2, leased_until = $3, attempts = attempts + 1
		WHERE d.follower = $4 AND d.seq > $5 AND d.class = 'urgent' AND `+due+` RETURNING `+deliveryColumns,
		micros(now), owner, micros(now.Add(lease)), follower, after)
}
