package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pointsman/pointsman"
)

// loaded is the state that a command speaks of, and how it is stored.
type loaded struct {
	state    pointsman.State
	number   int64             // of the incident, if it is not stored yet; else zero
	due      int64             // its due_at
	docs     map[string]string // stored documents by id, to see what changed
	answered *pointsman.Answer // the answer that the same request got before
	shown    bool              // only looked at, never written back
	opens    bool              // the command may open it
	nearby   []pointsman.Protection
	leased   string // the run of an engine's command, which is written only under this epoch
	epoch    int64
}

// errAbsent says that the command speaks of something that does not exist.
var errAbsent = errors.New("no such incident or run")

// load locks the incident and reads its state. The error is errAbsent when the command names none that exists.
func (s *Store) load(ctx context.Context, w *work, sub pointsman.Subject) (*loaded, error) {
	l := &loaded{docs: map[string]string{}, leased: sub.Run, epoch: sub.Epoch}
	if !sub.Apart {
		if err := s.incident(ctx, w, sub, l); err != nil {
			return nil, err
		}
	}
	id := l.state.Incident.ID
	var b batch
	switch {
	case sub.Apart:
		l.apart(&b, s.db, sub)
	case l.number == 0:
		l.contents(&b, id)
		l.locks(&b, id)
		l.alerts(&b, id, sub, s.db)
	case !sub.Protect:
		l.around(&b)
	}
	if sub.Once != "" {
		l.seen(&b, sub.Once)
	}
	var epoch, leased int64
	found := sub.Run == ""
	if sub.Run != "" {
		b.query(func(r Row) error {
			found = true
			return r.Scan(&epoch, &leased)
		}, `SELECT epoch, lease_until FROM runs WHERE id = $1`+s.db.forUpdate, sub.Run)
	}
	if sub.Protect && !sub.Apart {
		l.protections(&b, id, l.state.Incident.Target.Key(), sub.Target, s.db)
	}
	b.query(func(r Row) error { return r.Scan(&w.seq) }, `SELECT seq FROM log_head WHERE id = 1`)
	if err := send(ctx, w.Tx, b); err != nil {
		return nil, fmt.Errorf("load %s: %w", id, err)
	}
	switch {
	case !found:
		return nil, errAbsent
	case epoch != sub.Epoch && sub.Run != "":
		return nil, pointsman.Errorf(pointsman.CodeConflict, "%s is held under epoch %d, this write comes from epoch %d", sub.Run, epoch, sub.Epoch)
	case leased == 0 && sub.Run != "": // one that has only ended may still say what it did
		return nil, pointsman.Errorf(pointsman.CodeConflict, "the lease on %s was taken back: it needs no worker, or another one", sub.Run)
	}
	return l, nil
}

// incident finds and locks the incident of the subject. A key that has none gets the next number: its counter is
// locked first and the key looked up again, so that of two first webhooks the second finds what the first opened.
func (s *Store) incident(ctx context.Context, w *work, sub pointsman.Subject, l *loaded) error {
	if sub.Incident != "" || sub.Key == "" {
		err := l.head(w.QueryRow(ctx, `SELECT due_at, doc FROM incidents WHERE id = $1`+s.db.forUpdate, sub.Incident))
		if errors.Is(err, sql.ErrNoRows) {
			return errAbsent
		}
		return err
	}
	const byKey = `SELECT due_at, doc FROM incidents WHERE key = $1 AND (state = 'open' OR resolved_at >= $2)
		ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, number DESC LIMIT 1`
	args := []any{indexed(sub.Key), micros(w.now.Add(-pointsman.ReopenWithin))}
	err := l.head(w.QueryRow(ctx, byKey+s.db.forUpdate, args...))
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	var b batch
	var next int64
	b.query(func(r Row) error { return r.Scan(&next) }, `SELECT n + 1 FROM counters WHERE name = 'incident'`+s.db.forUpdate)
	if !s.db.alone { // somebody may have opened it while we waited for the counter
		b.query(l.head, byKey, args...)
	}
	if err := send(ctx, w.Tx, b); err != nil {
		return err
	}
	if l.state.Incident.ID != "" {
		return errMoved
	}
	l.take(next)
	return nil
}

func (l *loaded) head(r Row) error {
	var due int64
	var doc string
	if err := r.Scan(&due, &doc); err != nil {
		return err
	}
	return l.keepHead(due, doc)
}

func (l *loaded) keepHead(due int64, doc string) error {
	err := l.decode(doc, &l.state.Incident)
	l.due, l.docs[l.state.Incident.ID] = due, doc
	return err
}

// take gives an incident that is not stored yet its number.
func (l *loaded) take(number int64) {
	l.number, l.state.Incident.ID = number, "INC-"+strconv.FormatInt(number, 10)
}

// contents adds the reads of an incident's proposals and runs.
func (l *loaded) contents(b *batch, id string) {
	b.query(func(r Row) error {
		p, doc, err := scanLoaded[pointsman.Proposal](l, r)
		l.docs[p.ID] = doc
		l.state.Proposals = append(l.state.Proposals, p)
		if err == nil && p.Open() {
			err = l.readable(p.ID, p.Plan)
		}
		return err
	}, `SELECT doc FROM proposals WHERE incident_id = $1 ORDER BY number`, id)
	b.query(func(r Row) error {
		run, doc, err := scanLoaded[pointsman.Run](l, r)
		l.docs[run.ID] = doc
		l.state.Runs = append(l.state.Runs, run)
		if err == nil && !run.State.Terminal() {
			err = l.readable(run.ID, run.Plan)
		}
		return err
	}, `SELECT doc FROM runs WHERE incident_id = $1 ORDER BY number`, id)
}

// locks adds the read of the targets of the incident's proposals that runs of other incidents hold.
func (l *loaded) locks(b *batch, id string) {
	b.query(l.lock, `SELECT target, incident_id, id, queued_at FROM runs WHERE held AND incident_id <> $1
		AND target IN (SELECT target FROM proposals WHERE incident_id = $1) ORDER BY target`, id)
}

// alertsAtOnce bounds the parameters of one statement.
const alertsAtOnce = 500

func (l *loaded) alerts(b *batch, id string, sub pointsman.Subject, db *database) {
	each := func(r Row) error {
		a, doc, err := scanLoaded[pointsman.Alert](l, r)
		l.docs[alertID(a)] = doc
		l.state.Alerts = append(l.state.Alerts, a)
		return err
	}
	if sub.Firing {
		b.query(each, `SELECT doc FROM alerts WHERE incident_id = $1 AND status = 'firing' ORDER BY starts_at, fingerprint`, id)
		return
	}
	fingerprints := slices.Compact(slices.Sorted(slices.Values(sub.Alerts)))
	switch len(fingerprints) {
	case 0:
		return
	case 1:
		b.query(each, `SELECT doc FROM alerts WHERE incident_id = $1 AND fingerprint = $2 ORDER BY starts_at`, id, indexed(fingerprints[0]))
		return
	}
	b.anew(db, func() { // a plan made for few would compare each stored alert with each of many
		for some := range slices.Chunk(fingerprints, alertsAtOnce) {
			args := []any{id}
			for _, f := range some {
				args = append(args, indexed(f))
			}
			b.query(each, `SELECT doc FROM alerts WHERE incident_id = $1 AND fingerprint IN (`+marks(2, len(args))+`) ORDER BY starts_at, fingerprint`, args...)
		}
	})
}

// marks are the parameters of a list: "$2, $3, $4" for those from 2 to 4.
func marks(from, to int) string {
	var s strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			s.WriteString(", ")
		}
		s.WriteString("$" + strconv.Itoa(i))
	}
	return s.String()
}

// seen adds the read of what the same request was answered before.
func (l *loaded) seen(b *batch, once string) {
	b.query(func(r Row) error {
		a := &pointsman.Answer{}
		var code string
		if err := r.Scan(&code, &a.Text, &a.ID); err != nil {
			return err
		}
		if a.Code = pointsman.Code(code); a.OK() {
			a.Code = pointsman.CodeDuplicate // it was carried out then, and is not carried out again
		}
		l.answered = a
		return nil
	}, `SELECT code, answer, subject FROM seen WHERE once = $1`, indexed(once))
}

// alertID tells firings apart among the loaded documents; no other id has an at sign.
func alertID(a pointsman.Alert) string {
	return a.Fingerprint + "@" + strconv.FormatInt(micros(a.StartsAt), 10)
}

func scanLoaded[T any](l *loaded, r Row) (v T, doc string, err error) {
	if err := r.Scan(&doc); err != nil {
		return v, "", err
	}
	return v, doc, l.decode(doc, &v)
}

// decode refuses a document of a newer version in what will be written back: the part that this version does not know
// would be lost, and with it a pause or a condition. What is only shown may leave it out.
func (l *loaded) decode(doc string, v any) error {
	if l.shown {
		return decode(doc, v)
	}
	return decodeWhole(doc, v)
}

// readable refuses to decide on a plan of a newer version, for which the document around it need not have changed: what of
// the run can be undone, what it moves and whom it asks stand in the plan, and a plan that is not read reads as none.
func (l *loaded) readable(id string, plan []byte) error {
	if l.shown || len(plan) == 0 {
		return nil
	}
	if _, err := pointsman.DecodePlan(plan); err != nil {
		return &pointsman.Error{Code: pointsman.CodeNewer, Err: errors.Unwrap(err), Msg: "stored plan of " + id + " cannot be read, was it written by a newer pointsman? Only that one may change it"}
	}
	return nil
}

func decodeWhole(doc string, v any) error {
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &pointsman.Error{Code: pointsman.CodeNewer, Err: err, Msg: fmt.Sprintf("stored document %T cannot be read, was it written by a newer pointsman? Only that one may change it", v)}
	}
	return nil
}

func scanDoc[T any](r Row) (v T, doc string, err error) {
	if err := r.Scan(&doc); err != nil {
		return v, "", err
	}
	return v, doc, decode(doc, &v)
}

func decode(doc string, v any) error {
	if err := json.Unmarshal([]byte(doc), v); err != nil {
		return fmt.Errorf("stored document %T: %w", v, err)
	}
	return nil
}

// indexed makes a text from outside fit for an index: PostgreSQL refuses entries above 2,704 bytes, and a key of very
// many labels must not be turned away.
func indexed(s string) string {
	const limit = 512
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}
