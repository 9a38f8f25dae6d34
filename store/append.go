package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// append sends the kept-back writes and gives the events their places at the end of the log, and their deliveries to
// whoever attends. The head row is the last lock that a transaction takes, but for followers' cursors and the numbers of
// deliveries, with which nobody waits for the head. It is held until the commit: so the order of the log is the order of
// commits, and a follower that has seen entry n can never find a smaller one later.
func (s *Store) append(ctx context.Context, w *work) error {
	bodies, err := w.bodies()
	if err != nil {
		return err
	}
	w.attending = s.attend(bodies)
	if len(w.employing) > 0 {
		w.attending.wait() // what the run does first is said in the same edit of the card, and does not share the database with it
	}
	var head audit.Head
	var near edge
	var has sql.NullString
	known := s.Tail()
	first := append(w.writes[:len(w.writes):len(w.writes)], statement{
		sql:  `UPDATE log_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash, edge, (SELECT hash FROM log WHERE seq = $2)`,
		args: []any{int64(len(bodies)), known.Seq},
		each: func(r Row) error {
			head, near, err = scanHead(r, &has)
			return err
		},
	})
	w.attending.places(&first, int64(len(bodies)), w.now, s.db.leaseSQL)
	if err := send(ctx, w.Tx, first); err != nil {
		return err
	}
	w.seq = int64(head.Seq)
	head.Seq -= uint64(len(bodies))
	if err := s.after(known, has.String, head); err != nil && !w.mends {
		return err
	}
	entries, nodes, err := audit.Append(head, bodies, near)
	if err != nil {
		return err
	}
	var b batch
	for i, e := range entries {
		ev := w.events[i]
		b.one(`INSERT INTO log (seq, event_id, incident, type, at, prev, hash, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			int64(e.Seq), ev.ID, ev.Incident, string(ev.Type), micros(ev.At), hexOf(e.Prev), hexOf(e.Hash), string(e.Body))
	}
	for _, n := range nodes {
		b.one(`INSERT INTO log_tree (ix, h) VALUES ($1, $2)`, n.Index, hexOf(n.Hash))
	}
	end := entries[len(entries)-1].Head()
	w.end = Tail{Seq: int64(end.Seq), Hash: hexOf(end.Hash)}
	moved, err := near.grown(int64(end.Seq), nodes)
	if err != nil {
		return err
	}
	b.one(`UPDATE log_head SET hash = $1, edge = $2 WHERE id = 1 AND seq = $3`, hexOf(end.Hash), moved, int64(end.Seq))
	w.attending.post(&b, int64(head.Seq), w.now, s.deliveryLease)
	if s.db.notify != "" {
		b.exec(s.db.notify, notice(s.self, w.end))
	}
	err = send(ctx, w.Tx, b)
	pointsman.Failpoint("log.appended", w.about)
	return err
}

// bodies completes the events and returns their exact bytes, which are stored and hashed as they are.
func (w *work) bodies() ([][]byte, error) {
	out := make([][]byte, len(w.events))
	for i := range w.events {
		ev := &w.events[i]
		ev.Version = max(ev.Version, 1)
		if ev.ID == "" {
			ev.ID = strings.ToLower(rand.Text()[:16]) // random, because a number would come again after a restored backup
		}
		if ev.At.IsZero() {
			ev.At = w.now
		}
		ev.At = ev.At.UTC().Truncate(time.Microsecond)
		body, err := encode(ev)
		if err == nil && len(body) > audit.MaxBody {
			// What nobody can export proves nothing, and an entry that is in the log stays there. The state has it all.
			ev.Data = fmt.Appendf(nil, `{"left_out_bytes":%d,"left_out_sha256":"%x"}`, len(ev.Data), sha256.Sum256(ev.Data))
			body, err = encode(ev)
		}
		if err == nil && len(body) > audit.MaxBody {
			err = fmt.Errorf("%d bytes of text, limit %d", len(body), audit.MaxBody)
		}
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", ev.Type, err)
		}
		out[i] = []byte(body)
	}
	return out, nil
}

// encode writes a document as it is stored. Broken UTF-8 can only come from raw JSON of others; it is replaced here,
// before anything is hashed, because PostgreSQL refuses it.
func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read the log: "lag < 16 MB"
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.ToValidUTF8(strings.TrimSuffix(b.String(), "\n"), "\uFFFD"), nil
}

// edge holds the roots of the complete subtrees at the right end of the log's Merkle tree: all that is needed to join
// the next entry, so that appending never reads log_tree.
type edge map[int64]tlog.Hash

// ReadHashes implements tlog.HashReader.
func (e edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, ix := range indexes {
		h, ok := e[ix]
		if !ok {
			return nil, fmt.Errorf("audit broken: the head lacks tree node %d", ix)
		}
		out[i] = h
	}
	return out, nil
}

// grown returns the stored form of the edge of a log of size entries, of which nodes were just added.
func (e edge) grown(size int64, nodes []audit.Node) (string, error) {
	fresh := make(map[int64]tlog.Hash, len(nodes))
	for _, n := range nodes {
		fresh[n.Index] = n.Hash
	}
	next := edge{}
	for _, ix := range edgeOf(size) {
		h, ok := fresh[ix]
		if !ok {
			if h, ok = e[ix]; !ok {
				return "", fmt.Errorf("audit broken: the head lacks tree node %d", ix)
			}
		}
		next[ix] = h
	}
	return encode(next)
}

// edgeOf lists the tree positions of the complete subtrees of a log of size entries: one for each bit of size.
func edgeOf(size int64) []int64 {
	var out []int64
	var start int64
	for level := bits.Len64(uint64(size)) - 1; level >= 0; level-- {
		if size&(1<<level) != 0 {
			out = append(out, tlog.StoredHashIndex(level, start>>level))
			start += 1 << level
		}
	}
	return out
}

func scanHead(r Row, more ...any) (audit.Head, edge, error) {
	var seq int64
	var hash, near string
	if err := r.Scan(append([]any{&seq, &hash, &near}, more...)...); err != nil {
		return audit.Head{}, nil, err
	}
	h, err := unhex(hash)
	if err != nil {
		return audit.Head{}, nil, fmt.Errorf("audit broken: head of the log: %w", err)
	}
	var e edge
	if err := json.Unmarshal([]byte(near), &e); err != nil {
		return audit.Head{}, nil, fmt.Errorf("audit broken: edge of the log: %w", err)
	}
	return audit.Head{Seq: uint64(seq), Hash: h}, e, nil
}

func hexOf(h [32]byte) string { return hex.EncodeToString(h[:]) }

func unhex(s string) (h [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, fmt.Errorf("%q is not a SHA-256", s)
	}
	return [32]byte(b), nil
}

// micros is a time as it is stored; zero for no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// Note appends events that belong to the state of no incident, such as a request that was turned away at a door.
func (s *Store) Note(ctx context.Context, events ...pointsman.Event) error {
	if len(events) == 0 {
		return nil
	}
	err := s.transact(ctx, func(w *work) error {
		w.about = "note"
		w.events = append(w.events, events...) // a copy: another attempt starts from the caller's events again
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %s: %w", events[0].Type, err)
	}
	return nil
}
