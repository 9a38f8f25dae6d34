package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
)

// change is what a command made of the state that was loaded for it.
type change struct {
	*loaded
	after pointsman.State
}

// save keeps back the writes for everything that differs from what was loaded, one table after the other, because rows of
// one table that follow each other cost less.
func (w *work) save(all ...change) error {
	for _, c := range all {
		if err := w.saveProtections(c); err != nil {
			return err
		}
	}
	opened := slices.DeleteFunc(all, func(c change) bool { return c.after.Incident.State == "" })
	var last int64
	for _, c := range opened {
		last = max(last, c.number)
	}
	if last > 0 {
		w.writes.one(`UPDATE counters SET n = $1 WHERE name = 'incident'`, last)
	}
	for _, part := range []func(change) error{w.saveIncident, w.saveAlerts, w.saveProposals, w.saveTargets, w.saveRuns} {
		for _, c := range opened {
			if err := part(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) saveProtections(c change) error {
	for _, p := range c.after.Protections {
		if err := w.saveProtection(c.loaded, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) saveIncident(c change) error {
	inc := c.after.Incident
	doc, err := encode(inc)
	if err != nil {
		return err
	}
	due := micros(c.after.Due())
	switch {
	case c.number > 0:
		w.writes.one(`INSERT INTO incidents (id, number, key, state, resolved_at, due_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			inc.ID, c.number, indexed(inc.Key), string(inc.State), micros(inc.ResolvedAt), due, doc)
	case doc != c.docs[inc.ID] || due != c.due:
		w.writes.one(`UPDATE incidents SET state = $1, resolved_at = $2, due_at = $3, doc = $4 WHERE id = $5 AND state = $6`,
			string(inc.State), micros(inc.ResolvedAt), due, doc, inc.ID, string(c.state.Incident.State))
	}
	return nil
}

func (w *work) saveAlerts(c change) error {
	for _, a := range c.after.Alerts {
		if err := w.saveAlert(c.loaded, c.after.Incident.ID, a); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) saveProposals(c change) error {
	for _, p := range c.after.Proposals {
		if err := w.saveProposal(c.loaded, c.after.Incident.ID, p); err != nil {
			return err
		}
	}
	return nil
}

// saveTargets makes sure that there is a row to hold before the first run on a proposal's target is queued.
func (w *work) saveTargets(c change) error {
	for _, p := range c.after.Proposals {
		if _, stored := c.state.Proposal(p.ID); !stored {
			w.writes.exec(`INSERT INTO protections (target, doc) VALUES ($1, '{}') ON CONFLICT (target) DO NOTHING`, p.Target.Key())
		}
	}
	return nil
}

func (w *work) saveRuns(c change) error {
	for _, r := range c.after.Runs {
		if err := w.saveRun(c.loaded, c.after.Incident.ID, r); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) saveAlert(l *loaded, incident string, a pointsman.Alert) error {
	doc, err := encode(a)
	if err != nil || doc == l.docs[alertID(a)] {
		return err
	}
	w.writes.one(`INSERT INTO alerts (incident_id, fingerprint, starts_at, status, doc) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (incident_id, fingerprint, starts_at) DO UPDATE SET status = excluded.status, doc = excluded.doc`,
		incident, indexed(a.Fingerprint), micros(a.StartsAt), string(a.Status), doc)
	return nil
}

func (w *work) saveProposal(l *loaded, incident string, p pointsman.Proposal) error {
	doc, err := encode(p)
	if err != nil || doc == l.docs[p.ID] {
		return err
	}
	if old, stored := l.state.Proposal(p.ID); stored {
		w.writes.one(`UPDATE proposals SET state = $1, doc = $2 WHERE id = $3 AND state = $4`, string(p.State), doc, p.ID, string(old.State))
		return nil
	}
	w.writes.one(`INSERT INTO proposals (id, incident_id, number, state, target, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, incident, numberOf(p.ID), string(p.State), p.Target.Key(), doc)
	return nil
}

func (w *work) saveRun(l *loaded, incident string, r pointsman.Run) error {
	doc, err := encode(r)
	if err != nil || doc == l.docs[r.ID] {
		return err
	}
	held := r.Holds && !r.State.Terminal() && r.Target.Key() != ""
	old, stored := l.state.Run(r.ID)
	w.saveTimes(old, r)
	// An engine's write is bound to its lease once more, in the statement itself.
	where, args := ` WHERE id = $5 AND state = $6`, []any{string(r.State), held, micros(r.WakeAt), doc, r.ID, string(old.State)}
	if r.ID == l.leased {
		where, args = where+` AND epoch = $7`, append(args, l.epoch)
	}
	switch {
	case !stored:
		w.writes.one(`INSERT INTO runs (id, incident_id, number, state, target, held, queued_at, wake_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			r.ID, incident, numberOf(r.ID), string(r.State), r.Target.Key(), held, micros(r.QueuedAt), micros(r.WakeAt), doc)
	case r.State == pointsman.RunRunning, r.State == pointsman.RunUndoing && (old.State == r.State || old.State == pointsman.RunRunning):
		w.writes.one(`UPDATE runs SET state = $1, held = $2, wake_at = $3, doc = $4`+where, args...)
	case r.State == old.State && !r.WakeAt.IsZero():
		// A word on a run that waits for a time takes no lease from the worker that has just claimed it: whoever goes on
		// without one may be cut in the middle of a step.
		w.writes.one(`UPDATE runs SET state = $1, held = $2, wake_at = $3, doc = $4`+where, args...)
	default: // it needs no worker now, so nobody keeps a lease on it
		w.writes.one(`UPDATE runs SET state = $1, held = $2, wake_at = $3, doc = $4, owner = '', lease_until = 0`+where, args...)
	}
	return nil
}

// numberOf is 12 of INC-7/R12, and 7 of INC-7.
func numberOf(id string) int64 {
	n, _ := strconv.ParseInt(strings.TrimLeft(id[strings.LastIndexByte(id, '/')+1:], "INC-PR"), 10, 64)
	return n
}
