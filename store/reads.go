package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/pointsman/pointsman"
)

// alertsShown bounds the alerts that State returns; nobody reads more, and an outage can bring ten thousand.
const alertsShown = 200

// State returns one incident as of one moment, with its alerts: those that fire first, at most 200. The error has
// CodeNotFound when there is no such incident.
func (s *Store) State(ctx context.Context, incident string) (pointsman.State, error) {
	l := &loaded{docs: map[string]string{}, shown: true}
	var b batch
	b.query(l.head, `SELECT due_at, doc FROM incidents WHERE id = $1`, incident)
	l.contents(&b, incident)
	l.locks(&b, incident)
	l.protections(&b, incident, "", "", &database{}) // without locks
	b.query(func(r Row) error {
		a, _, err := scanDoc[pointsman.Alert](r)
		l.state.Alerts = append(l.state.Alerts, a)
		return err
	}, `SELECT doc FROM alerts WHERE incident_id = $1
		ORDER BY CASE WHEN status = 'firing' THEN 0 ELSE 1 END, starts_at, fingerprint LIMIT $2`, incident, int64(alertsShown))
	err := s.db.glance(ctx, b)
	switch {
	case err != nil:
		return pointsman.State{}, fmt.Errorf("state of %s: %w", incident, err)
	case l.state.Incident.ID == "":
		return pointsman.State{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no incident %s", incident)
	}
	return l.state, nil
}

// look reads several tables as of one moment.
func (s *Store) look(ctx context.Context, fn func(Tx) error) error {
	tx, err := s.db.view(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	return fn(tx)
}

// Incidents returns the newest incidents first, at most limit; only open ones if open is true.
func (s *Store) Incidents(ctx context.Context, open bool, limit int) ([]pointsman.Incident, error) {
	return s.IncidentsBefore(ctx, "", open, limit)
}

// IncidentsBefore returns those that are older than the one named; than none, where it is empty.
func (s *Store) IncidentsBefore(ctx context.Context, incident string, open bool, limit int) ([]pointsman.Incident, error) {
	query := `SELECT doc FROM incidents WHERE number < $1 ORDER BY number DESC LIMIT $2`
	if open {
		query = `SELECT doc FROM incidents WHERE state = 'open' AND number < $1 ORDER BY number DESC LIMIT $2`
	}
	before := int64(math.MaxInt64)
	if incident != "" {
		before = numberOf(incident)
	}
	out, err := list(ctx, s.db.reads, docOf[pointsman.Incident], query, before, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("incidents: %w", err)
	}
	return out, nil
}

// checkingMost bounds what Checking reads: after each commit of a storm it would be all that the storm has left to check.
const checkingMost = 64

// Checking returns the proposals whose plans and evidence are awaited, oldest first: those after the proposal named, or from
// the beginning where it is empty, and no more than 64. Whoever can do nothing with these reads on after next, which is
// empty at the end.
func (s *Store) Checking(ctx context.Context, after string) (some []pointsman.Proposal, next string, err error) {
	incident, number := int64(0), int64(0)
	if after != "" {
		incident, number = numberOf(pointsman.IncidentOf(after)), numberOf(after)
	}
	some, err = list(ctx, s.db.reads, docOf[pointsman.Proposal],
		`SELECT p.doc FROM proposals p JOIN incidents i ON i.id = p.incident_id
		WHERE p.state = 'checking' AND (i.number, p.number) > ($1, $2) ORDER BY i.number, p.number LIMIT $3`, incident, number, checkingMost)
	if err != nil {
		return nil, "", fmt.Errorf("proposals to check: %w", err)
	}
	if len(some) == checkingMost {
		next = some[checkingMost-1].ID
	}
	return some, next, nil
}

// Undecided returns the proposals of open incidents that are ready or refused, oldest first: what a lock, a freeze or a
// window that begins or ends may make another.
func (s *Store) Undecided(ctx context.Context) ([]pointsman.Proposal, error) {
	out, err := list(ctx, s.db.reads, docOf[pointsman.Proposal],
		`SELECT p.doc FROM proposals p JOIN incidents i ON i.id = p.incident_id WHERE i.state = 'open' AND p.state IN ('ready', 'refused') ORDER BY i.number, p.number`)
	if err != nil {
		return nil, fmt.Errorf("undecided proposals: %w", err)
	}
	return out, nil
}

// DueIncidents returns incidents in which a Tick would change something at the time now, longest due first.
func (s *Store) DueIncidents(ctx context.Context, now time.Time, limit int) ([]string, error) {
	out, err := list(ctx, s.db.reads, text, `SELECT id FROM incidents WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT $2`,
		micros(now), int64(limit))
	if err != nil {
		return nil, fmt.Errorf("due incidents: %w", err)
	}
	return out, nil
}

// Events returns the events of an incident, or of all if incident is empty, whose place is after the given one, in
// the log's order and at most limit.
func (s *Store) Events(ctx context.Context, incident string, after int64, limit int) ([]pointsman.Logged, error) {
	out, err := events(ctx, s.db.reads, incident, after, limit)
	if err != nil {
		return nil, fmt.Errorf("events after %d: %w", after, err)
	}
	return out, nil
}

func events(ctx context.Context, tx Tx, incident string, after int64, limit int) ([]pointsman.Logged, error) {
	if incident == "" {
		return list(ctx, tx, scanEvent, `SELECT seq, body FROM log WHERE seq > $1 ORDER BY seq LIMIT $2`, after, int64(limit))
	}
	return list(ctx, tx, scanEvent, `SELECT seq, body FROM log WHERE incident = $3 AND seq > $1 ORDER BY seq LIMIT $2`,
		after, int64(limit), incident)
}

func scanEvent(r Row) (pointsman.Logged, error) {
	var ev pointsman.Logged
	var body string
	if err := r.Scan(&ev.Seq, &body); err != nil {
		return ev, err
	}
	if err := json.Unmarshal([]byte(body), &ev.Event); err != nil {
		return ev, fmt.Errorf("entry %d of the log: %w", ev.Seq, err)
	}
	return ev, nil
}

func docOf[T any](r Row) (T, error) {
	v, _, err := scanDoc[T](r)
	return v, err
}

func text(r Row) (s string, err error) {
	err = r.Scan(&s)
	return s, err
}
