package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// beside are the columns by which entries are found. They repeat what the body says, and no hash covers them.
type beside struct {
	seq                   int64
	event, incident, kind string
	at                    int64
	body                  string
}

// labelled refuses a log whose columns say something else than its entries: a vote whose column names no incident would be
// shown nowhere, and every hash would still fit.
func labelled(ctx context.Context, tx Tx, head audit.Head) error {
	rows, err := list(ctx, tx, func(r Row) (b beside, err error) {
		err = r.Scan(&b.seq, &b.event, &b.incident, &b.kind, &b.at, &b.body)
		return b, err
	}, `SELECT seq, event_id, incident, type, at, body FROM log WHERE seq > $1 ORDER BY seq`, max(int64(head.Seq)-inspected, 0))
	if err != nil {
		return err
	}
	for _, b := range rows {
		var ev pointsman.Event
		if err := json.Unmarshal([]byte(b.body), &ev); err != nil {
			return fmt.Errorf("entry %d: %w", b.seq, err)
		}
		for _, c := range []struct{ column, has, want string }{
			{"event_id", b.event, ev.ID},
			{"incident", b.incident, ev.Incident},
			{"type", b.kind, string(ev.Type)},
			{"at", fromMicros(b.at).String(), fromMicros(micros(ev.At)).String()},
		} {
			if c.has != c.want {
				return fmt.Errorf("entry %d: the column %s says %q, the entry itself %q", b.seq, c.column, c.has, c.want)
			}
		}
	}
	return nil
}

// Told goes through the entries of an incident, or through all if incident is empty, up to and with the given place. It asks
// the entries themselves to which incident they belong, and not the column beside them.
func (s *Store) Told(ctx context.Context, incident string, upTo uint64) iter.Seq2[audit.Entry, error] {
	if incident == "" {
		return s.Entries(ctx, "", upTo)
	}
	named, err := json.Marshal(incident)
	named = append([]byte(`"incident":`), named...)
	return func(yield func(audit.Entry, error) bool) {
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		for e, err := range s.Entries(ctx, "", upTo) {
			if err == nil && !bytes.Contains(e.Body, named) {
				continue // most are not read any further
			}
			var of struct {
				Incident string `json:"incident"`
			}
			if err == nil {
				err = json.Unmarshal(e.Body, &of)
			}
			if (err != nil || of.Incident == incident) && !yield(e, err) || err != nil {
				return
			}
		}
	}
}
