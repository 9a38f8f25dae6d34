package store

import (
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
)

// save keeps back the writes for everything that differs from what was loaded.
func (w *work) save(l *loaded, after pointsman.State) error {
	for _, p := range after.Protections {
		if err := w.saveProtection(l, p); err != nil {
			return err
		}
	}
	if after.Incident.State == "" {
		return nil // nothing was opened
	}
	if err := w.saveIncident(l, after); err != nil {
		return err
	}
	for _, a := range after.Alerts {
		if err := w.saveAlert(l, after.Incident.ID, a); err != nil {
			return err
		}
	}
	for _, p := range after.Proposals {
		if err := w.saveProposal(l, after.Incident.ID, p); err != nil {
			return err
		}
	}
	for _, r := range after.Runs {
		if err := w.saveRun(l, after.Incident.ID, r); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) saveIncident(l *loaded, after pointsman.State) error {
	inc := after.Incident
	doc, err := encode(inc)
	if err != nil {
		return err
	}
	due := micros(after.Due())
	switch {
	case l.number > 0:
		w.writes.one(`UPDATE counters SET n = $1 WHERE name = 'incident'`, l.number)
		w.writes.one(`INSERT INTO incidents (id, number, key, state, resolved_at, due_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			inc.ID, l.number, indexed(inc.Key), string(inc.State), micros(inc.ResolvedAt), due, doc)
	case doc != l.docs[inc.ID] || due != l.due:
		w.writes.one(`UPDATE incidents SET state = $1, resolved_at = $2, due_at = $3, doc = $4 WHERE id = $5 AND state = $6`,
			string(inc.State), micros(inc.ResolvedAt), due, doc, inc.ID, string(l.state.Incident.State))
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
	// So that there is a row to hold before the first run on the target is queued.
	w.writes.exec(`INSERT INTO protections (target, doc) VALUES ($1, '{}') ON CONFLICT (target) DO NOTHING`, p.Target.Key())
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
	default: // it needs no worker now, so nobody keeps a lease on it
		w.writes.one(`UPDATE runs SET state = $1, held = $2, wake_at = $3, doc = $4, owner = '', lease_until = 0`+where, args...)
	}
	return nil
}

// numberOf is 12 of INC-7/R12.
func numberOf(id string) int64 {
	n, _ := strconv.ParseInt(strings.TrimLeft(id[strings.LastIndexByte(id, '/')+1:], "PR"), 10, 64)
	return n
}
