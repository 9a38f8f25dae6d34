package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pointsman/pointsman"
)

// togetherMost bounds the alerts of a transaction that carries out several commands: a click should not wait for long.
const togetherMost = 500

// Receive carries out the commands of one webhook, in order. Where they are about different incidents, many share a
// transaction: a webhook of ten thousand incidents would otherwise wait for the disk ten thousand times. It returns when
// all of them are committed, with their answers. After an error some of them may be, and all may be given again; where
// the error is that of an incident that only a newer version can change, all the others are.
func (s *Store) Receive(ctx context.Context, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error) {
	answers := make([]pointsman.Answer, 0, len(cmds))
	var closed error
	for len(cmds) > 0 {
		n := together(cmds)
		some, err := s.receive(ctx, cmds[:n])
		if _, ours := errors.AsType[*pointsman.Error](err); err != nil && !ours {
			return nil, err
		}
		answers, cmds, closed = append(answers, some...), cmds[n:], errors.Join(closed, err)
	}
	return answers, closed
}

// together is how many of the first commands fit into one transaction. An incident comes once in it, because the second
// command has to see what the first one did.
func together(cmds []pointsman.ReceiveAlerts) int {
	keys := map[string]bool{}
	alerts := 0
	for n, c := range cmds {
		if alerts += len(c.Alerts); n > 0 && (keys[indexed(c.Key)] || alerts > togetherMost) {
			return n
		}
		keys[indexed(c.Key)] = true
	}
	return len(cmds)
}

func (s *Store) receive(ctx context.Context, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error) {
	var answers []pointsman.Answer
	if len(cmds) > 1 {
		err := s.transact(ctx, func(w *work) (err error) {
			answers, err = s.decideAll(ctx, w, cmds)
			return err
		})
		if err == nil {
			return answers, nil
		}
		s.log.DebugContext(ctx, "webhook's incidents not stored together", "incidents", len(cmds), "err", err)
	}
	// One by one: an incident that cannot be read must not keep the alerts of others out.
	answers = nil
	var closed error
	for _, c := range cmds {
		res, err := s.Do(ctx, c)
		if err != nil {
			err = fmt.Errorf("incident %s: %w", c.Key, err)
		}
		if _, ours := errors.AsType[*pointsman.Error](err); err != nil && !ours {
			return nil, err
		}
		answers, closed = append(answers, res.Answer), errors.Join(closed, err)
	}
	return answers, closed
}

// decideAll is decide for commands about different incidents.
func (s *Store) decideAll(ctx context.Context, w *work, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error) {
	w.about = cmds[0]
	all, next, err := s.loadAll(ctx, w, cmds)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	var answers []pointsman.Answer
	var changes []change
	for i, l := range all {
		isNew := l.state.Incident.State == ""
		if isNew {
			l.take(next)
		}
		after, events, ans := pointsman.Decide(l.state, cmds[i], w.now)
		if twin, clash, err := s.twin(ctx, w, l, after); err != nil {
			return nil, err
		} else if clash {
			answers = append(answers, twin)
			continue
		}
		if after.Incident.State == "" {
			unopened(events)
		} else if isNew {
			next++
		}
		answers, changes, w.events = append(answers, ans), append(changes, change{l, after}), append(w.events, events...)
	}
	return answers, w.save(changes...)
}

// loadAll locks the incidents of the commands and reads their states; next is the number of the first new one.
func (s *Store) loadAll(ctx context.Context, w *work, cmds []pointsman.ReceiveAlerts) (all []*loaded, next int64, err error) {
	byKey := map[string]*loaded{}
	for _, c := range cmds {
		l := &loaded{docs: map[string]string{}}
		all, byKey[indexed(c.Key)] = append(all, l), l
	}
	if err := s.heads(ctx, w, byKey, s.db.forUpdate); err != nil {
		return nil, 0, err
	}
	missing := map[string]*loaded{}
	var b batch
	for i, l := range all {
		if id := l.state.Incident.ID; id != "" {
			l.contents(&b, id)
			l.locks(&b, id)
			l.alerts(&b, id, cmds[i].Subject(), s.db)
		} else {
			missing[indexed(cmds[i].Key)] = l
		}
	}
	b.query(func(r Row) error { return r.Scan(&w.seq) }, `SELECT seq FROM log_head WHERE id = 1`)
	if len(missing) > 0 { // held until the commit, so it comes last
		b.query(func(r Row) error { return r.Scan(&next) }, `SELECT n + 1 FROM counters WHERE name = 'incident'`+s.db.forUpdate)
	}
	if err := send(ctx, w.Tx, b); err != nil || len(missing) == 0 || s.db.alone {
		return all, next, err
	}
	// Somebody may have opened one of them while we waited for the counter. Whoever holds that one may wait for the counter
	// now, so it is not waited for here.
	if err := s.heads(ctx, w, missing, ""); err != nil {
		return nil, 0, err
	}
	for _, l := range missing {
		if l.state.Incident.ID != "" {
			return nil, 0, errMoved
		}
	}
	return all, next, nil
}

// heads reads the incidents of the keys, in one order whoever asks, so that two webhooks do not wait for each other.
func (s *Store) heads(ctx context.Context, w *work, byKey map[string]*loaded, lock string) error {
	args := []any{micros(w.now.Add(-pointsman.ReopenWithin))}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		args = append(args, key)
	}
	each := func(r Row) error {
		var key, doc string
		var due int64
		if err := r.Scan(&key, &due, &doc); err != nil {
			return err
		}
		if l := byKey[key]; l.state.Incident.ID == "" { // the first one is the one that the alerts belong to
			return l.keepHead(due, doc)
		}
		return nil
	}
	var b batch
	b.anew(s.db, func() {
		b.query(each, `SELECT key, due_at, doc FROM incidents WHERE key IN (`+marks(2, len(args))+`) AND (state = 'open' OR resolved_at >= $1)
			ORDER BY key, CASE WHEN state = 'open' THEN 0 ELSE 1 END, number DESC`+lock, args...)
	})
	return send(ctx, w.Tx, b)
}
