package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// defaultDeliveryLease is longer than any attempt, for stores of which nobody prolongs leases.
const defaultDeliveryLease = 30 * time.Second

// due is a delivery d that may be attempted now, which is $1: the head of its lane, and nobody is at it.
const due = `d.state = 'pending' AND d.due_at <= $1 AND d.leased_until <= $1 AND NOT EXISTS (SELECT 1 FROM deliveries o
	WHERE o.follower = d.follower AND o.lane = d.lane AND o.state = 'pending' AND o.id < d.id)`

const deliveryColumns = `id, follower, seq, event_id, incident, destination, lane, class, newest, payload, attempts, due_at, ref, problem`

// Claim leases deliveries that are due to owner for Config.DeliveryLease, urgent ones first, then the oldest. One that
// is neither settled nor prolonged by then is claimed again, unless a newer one takes its place; it may have been sent, which Attempts
// above 1 tells. Of a lane only the oldest that is neither sent nor given up is ever claimed, so what is said stays in order. Attempts counts the
// attempt that begins now. Queues that are full at the owner are left out: however much waits in them, the others get on.
func (s *Store) Claim(ctx context.Context, owner string, limit int, full ...pointsman.Queue) ([]pointsman.Delivery, error) {
	if err := s.cut(); err != nil {
		return nil, err
	}
	now, err := s.outboxTime(ctx)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	var any int
	looked, args := outside(full, micros(now))
	err = s.db.reads.QueryRow(ctx, `SELECT 1 FROM deliveries d WHERE `+due+looked+` LIMIT 1`, args...).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	if err := s.cut(); err != nil { // a new connection of the question above may have found it out
		return nil, err
	}
	// The WITH is evaluated once because it locks rows; a plain IN may be asked again for each row and lease too many.
	leased, args := outside(full, micros(now), owner, micros(now.Add(s.deliveryLease)), int64(limit))
	out, err := list(ctx, s.db.direct, scanDelivery, `WITH due AS (SELECT d.id FROM deliveries d WHERE `+due+leased+`
			ORDER BY CASE WHEN d.class = 'urgent' THEN 0 ELSE 1 END, d.id LIMIT $4`+s.db.skipLocked+`)
		UPDATE deliveries SET owner = $2, leased_until = $3, attempts = attempts + 1
		WHERE state = 'pending' AND leased_until <= $1 AND id IN (SELECT id FROM due)
		RETURNING `+deliveryColumns, args...)
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	inOrder(out)
	return slices.DeleteFunc(out, func(d pointsman.Delivery) bool { return s.outlasted(ctx, d) }), nil
}

// outlasted gives up a claimed delivery where a newer one waits to take its place: the process that was at it died within its
// attempt, and while its lease lasted nothing could. A page that was acknowledged meanwhile would ring, whoever can be reached.
// Where that cannot be told it is sent: better a phone that rings for nothing.
func (s *Store) outlasted(ctx context.Context, d pointsman.Delivery) bool {
	if !d.Newest || d.Attempts == 1 {
		return false
	}
	over, err := s.overtaken(ctx, d, d.Attempts-1)
	if _, taken := errors.AsType[*pointsman.Error](err); err != nil && !taken {
		s.log.WarnContext(ctx, "newer delivery of a lane not looked for", "delivery", d.ID, "incident", d.Incident, "err", err)
		return false
	}
	return over
}

// outside is the condition that a delivery d is in none of the queues, and the arguments with those that it needs.
func outside(full []pointsman.Queue, args ...any) (string, []any) {
	var where strings.Builder
	for _, q := range full {
		args = append(args, q.Follower, string(q.Class))
		fmt.Fprintf(&where, " AND NOT (d.follower = $%d AND d.class = $%d)", len(args)-1, len(args))
	}
	return where.String(), args
}

// inOrder puts urgent ones first, then the oldest: RETURNING promises no order.
func inOrder(ds []pointsman.Delivery) {
	slices.SortFunc(ds, func(a, b pointsman.Delivery) int {
		if (a.Class == pointsman.Urgent) != (b.Class == pointsman.Urgent) {
			if a.Class == pointsman.Urgent {
				return -1
			}
			return 1
		}
		return int(a.ID - b.ID)
	})
}

// Prolong leases claimed deliveries for the given time from now. It returns the ids of those that are not leased to this
// attempt any more: settled, or claimed by another process. Attempts is the fencing token, for owners of one name exist.
func (s *Store) Prolong(ctx context.Context, held []pointsman.Delivery, lease time.Duration) ([]int64, error) {
	if len(held) == 0 {
		return nil, nil
	}
	now, err := s.outboxTime(ctx)
	if err != nil {
		return nil, fmt.Errorf("prolong deliveries: %w", err)
	}
	args, which := []any{micros(now.Add(lease))}, make([]string, len(held))
	for i, d := range held {
		args = append(args, d.ID, int64(d.Attempts), d.EventID)
		which[i] = fmt.Sprintf("(id = $%d AND attempts = $%d AND event_id = $%d)", len(args)-2, len(args)-1, len(args))
	}
	kept, err := list(ctx, s.db.direct, func(r Row) (id int64, err error) {
		err = r.Scan(&id)
		return id, err
	}, `UPDATE deliveries SET leased_until = $1 WHERE state = 'pending' AND leased_until > 0 AND (`+strings.Join(which, " OR ")+`) RETURNING id`, args...)
	if err != nil {
		return nil, fmt.Errorf("prolong deliveries: %w", err)
	}
	var lost []int64
	for _, d := range held {
		if !slices.Contains(kept, d.ID) {
			lost = append(lost, d.ID)
		}
	}
	return lost, nil
}

func scanDelivery(r Row) (pointsman.Delivery, error) {
	var d pointsman.Delivery
	var class, payload string
	var due int64
	err := r.Scan(&d.ID, &d.Follower, &d.Seq, &d.EventID, &d.Incident, &d.Destination, &d.Lane, &class, &d.Newest, &payload,
		&d.Attempts, &due, &d.Ref, &d.Problem)
	d.Class, d.DueAt = pointsman.Class(class), fromMicros(due)
	if payload != "" {
		d.Payload = json.RawMessage(payload)
	}
	return d, err
}

// Settle stores what became of a claimed delivery, together with what the log is told of it. Sent is stored whoever says it,
// because it is a fact. A retry or a parking counts only from the attempt that is under way; else the error has CodeConflict.
// There is no retry of what a newer one has come to replace, and nothing to tell of it.
func (s *Store) Settle(ctx context.Context, d pointsman.Delivery, what pointsman.Settlement) error {
	if d.Newest && !what.Sent && !what.Parked {
		if over, err := s.overtaken(ctx, d, d.Attempts); err != nil || over {
			return err
		}
	}
	n, err := int64(1), error(nil)
	stmt, args := settling(d, what)
	if len(what.Tell) == 0 {
		n, err = s.db.direct.Exec(ctx, stmt, args...)
	} else {
		err = s.transact(ctx, func(w *work) error {
			w.about = "settle"
			w.writes.one(stmt, args...)
			w.events = append(w.events, what.Tell...) // a copy: another attempt starts from the caller's events again
			return nil
		})
	}
	if err == nil && n == 0 || errors.Is(err, errMoved) {
		return pointsman.Errorf(pointsman.CodeConflict, "delivery %d was settled or claimed by another meanwhile", d.ID)
	}
	if err != nil {
		return fmt.Errorf("settle delivery %d: %w", d.ID, err)
	}
	s.wake() // the next one of the lane may go
	return nil
}

// overtaken gives up an attempt's delivery where a newer one of its lane waits to take its place, and reports whether one does.
// While the attempt was under way it could not: it may have got through, which the newer one's attempts tell. made is how many were.
func (s *Store) overtaken(ctx context.Context, d pointsman.Delivery, made int) (bool, error) {
	const newer = `follower = $1 AND lane = $2 AND id > $3 AND state = 'pending' AND newest`
	var any int
	err := s.db.reads.QueryRow(ctx, `SELECT 1 FROM deliveries WHERE `+newer+` LIMIT 1`, d.Follower, indexed(d.Lane), d.ID).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = s.transact(ctx, func(w *work) error {
			w.about = "settle"
			// Whoever plans has this lock, too: one that is planned in this moment would inherit no attempts from the one that it
			// replaces and be no newer one that is seen here, and a card would be posted again without a look.
			if err := w.QueryRow(ctx, `SELECT n FROM counters WHERE name = 'delivery'`+s.db.forUpdate).Scan(new(int64)); err != nil {
				return err
			}
			w.writes.one(`UPDATE deliveries SET state = 'superseded', owner = '', leased_until = 0
				WHERE id = $1 AND leased_until > 0 AND state = 'pending' AND attempts = $2 AND event_id = $3`, d.ID, int64(d.Attempts), d.EventID)
			w.writes.exec(`UPDATE deliveries SET attempts = $4 WHERE attempts < $4 AND `+newer, d.Follower, indexed(d.Lane), d.ID, int64(made))
			return nil
		})
	}
	switch {
	case errors.Is(err, errMoved):
		err = pointsman.Errorf(pointsman.CodeConflict, "delivery %d was settled or claimed by another meanwhile", d.ID)
	case err != nil:
		err = fmt.Errorf("settle delivery %d: %w", d.ID, err)
	default:
		s.wake()
	}
	return true, err
}

// settling is the statement that stores the outcome. The event is part of the delivery's name: a database that has lost the
// end of its log could give the number to another delivery. A retry ends the lease, and so is not stored, nor told, twice.
func settling(d pointsman.Delivery, what pointsman.Settlement) (stmt string, args []any) {
	switch {
	case what.Sent:
		return `UPDATE deliveries SET state = 'sent', ref = $1, problem = '', owner = '', leased_until = 0
			WHERE id = $2 AND state <> 'sent' AND event_id = $3`, []any{what.Ref, d.ID, d.EventID}
	case what.Parked:
		return `UPDATE deliveries SET state = 'parked', problem = $1, owner = '', leased_until = 0
			WHERE id = $2 AND state = 'pending' AND attempts = $3 AND event_id = $4`, []any{what.Problem, d.ID, int64(d.Attempts), d.EventID}
	}
	return `UPDATE deliveries SET due_at = $1, problem = $2, owner = '', leased_until = 0
		WHERE id = $3 AND leased_until > 0 AND state = 'pending' AND attempts = $4 AND event_id = $5`,
		[]any{micros(what.RetryAt), what.Problem, d.ID, int64(d.Attempts), d.EventID}
}

// Ref returns what the other side called the last delivery that was sent to that destination about that incident.
func (s *Store) Ref(ctx context.Context, follower, incident, destination string) (ref string, found bool, err error) {
	err = s.db.reads.QueryRow(ctx, `SELECT ref FROM deliveries
		WHERE state = 'sent' AND follower = $1 AND incident = $2 AND destination = $3 AND ref <> '' ORDER BY id DESC LIMIT 1`,
		follower, incident, indexed(destination)).Scan(&ref)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("ref of %s at %s: %w", incident, destination, err)
	}
	return ref, true, nil
}

// Parked returns the deliveries that were given up, newest first, at most limit. Somebody must look at them.
func (s *Store) Parked(ctx context.Context, limit int) ([]pointsman.Delivery, error) {
	out, err := list(ctx, s.db.reads, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE state = 'parked' ORDER BY id DESC LIMIT $1`, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("parked deliveries: %w", err)
	}
	return out, nil
}
