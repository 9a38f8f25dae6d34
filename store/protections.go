package store

import (
	"context"
	"fmt"

	"github.com/pointsman/pointsman"
)

// protections adds the read of what protects the incident's targets, and of the freeze. The rows are held until the
// commit: of a person who locks a target and a vote that queues a run on it, the second waits and sees the first. The
// freeze is only shared, so that runs do not wait for each other; whoever freezes waits for the steps that begin now.
// own is the incident's target and named the command's: an alarm may be told in an incident that has no proposal.
func (l *loaded) protections(b *batch, incident, own, named string, db *database) {
	b.query(l.protection, `SELECT target, doc FROM protections WHERE target <> ''
		AND target IN (SELECT target FROM proposals WHERE incident_id = $1 UNION SELECT $2 UNION SELECT $3) ORDER BY target`+db.forUpdate,
		incident, own, named)
	b.query(l.protection, `SELECT target, doc FROM protections WHERE target = ''`+db.forShare)
}

// apart adds the reads of a command that belongs to no incident: one target, or everything, and which run holds it.
func (l *loaded) apart(b *batch, db *database, sub pointsman.Subject) {
	b.query(l.protection, `SELECT target, doc FROM protections WHERE target = $1`+db.forUpdate, sub.Target)
	b.query(l.lock, `SELECT target, incident_id, id, queued_at FROM runs WHERE held AND target = $1`, sub.Target)
}

func (l *loaded) protection(r Row) error {
	p, doc, err := scanProtection(l, r)
	l.docs[protectionID(p.Target)] = doc
	l.state.Protections = append(l.state.Protections, p)
	return err
}

func (l *loaded) lock(r Row) error {
	k, err := scanLock(r)
	l.state.Locks = append(l.state.Locks, k)
	return err
}

func scanProtection(l *loaded, r Row) (p pointsman.Protection, doc string, err error) {
	if err = r.Scan(&p.Target, &doc); err == nil {
		err = l.decode(doc, &p)
	}
	return p, doc, err
}

func scanLock(r Row) (k pointsman.Lock, err error) {
	var since int64
	err = r.Scan(&k.Target, &k.Incident, &k.Run, &since)
	k.Since = fromMicros(since)
	return k, err
}

// protectionID tells protections apart among the loaded documents.
func protectionID(target string) string { return "protection:" + target }

// saveProtection writes only where the row still is what was loaded.
func (w *work) saveProtection(l *loaded, p pointsman.Protection) error {
	doc, err := encode(p)
	old, stored := l.docs[protectionID(p.Target)]
	switch {
	case err != nil || doc == old || p.Blank():
		return err
	case stored:
		w.writes.one(`UPDATE protections SET doc = $1 WHERE target = $2 AND doc = $3`, doc, p.Target, old)
	default:
		w.writes.one(`INSERT INTO protections (target, doc) VALUES ($1, $2) ON CONFLICT (target) DO NOTHING`, p.Target, doc)
	}
	return nil
}

// Held returns what people and runs hold, and what is remembered of targets, as of one moment.
func (s *Store) Held(ctx context.Context) (pointsman.Held, error) {
	var h pointsman.Held
	var b batch
	b.query(func(r Row) error {
		p, _, err := scanProtection(&loaded{shown: true}, r)
		h.Protections = append(h.Protections, p)
		return err
	}, `SELECT target, doc FROM protections ORDER BY target`)
	b.query(func(r Row) error {
		k, err := scanLock(r)
		h.Runs = append(h.Runs, k)
		return err
	}, `SELECT target, incident_id, id, queued_at FROM runs WHERE held ORDER BY target`)
	err := s.db.glance(ctx, b)
	if err != nil {
		return pointsman.Held{}, fmt.Errorf("what is held: %w", err)
	}
	return h, nil
}
