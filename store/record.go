package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// entriesAtOnce is how many entries Entries reads in one statement.
const entriesAtOnce = 500

// Log returns entries of the log as they are stored, in order, from the one after the given place, at most limit.
func (s *Store) Log(ctx context.Context, after uint64, limit int) ([]audit.Entry, error) {
	return entries(ctx, s.db.reads, "", after, limit)
}

// Entries goes through the stored entries of an incident, or of the whole log if incident is empty, up to and with
// the given place.
func (s *Store) Entries(ctx context.Context, incident string, upTo uint64) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for after := uint64(0); after < upTo; {
			page, err := entries(ctx, s.db.reads, incident, after, entriesAtOnce)
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			for _, e := range page {
				if after = e.Seq; e.Seq > upTo || !yield(e, nil) {
					return
				}
			}
			if len(page) < entriesAtOnce {
				return
			}
		}
	}
}

func entries(ctx context.Context, tx Tx, incident string, after uint64, limit int) ([]audit.Entry, error) {
	query, args := `SELECT seq, prev, hash, body FROM log WHERE seq > $1 ORDER BY seq LIMIT $2`, []any{int64(after), int64(limit)}
	if incident != "" {
		query, args = `SELECT seq, prev, hash, body FROM log WHERE incident = $3 AND seq > $1 ORDER BY seq LIMIT $2`, append(args, incident)
	}
	out, err := list(ctx, tx, scanEntry, query, args...)
	if err != nil {
		return nil, fmt.Errorf("entries after %d: %w", after, err)
	}
	return out, nil
}

func scanEntry(r Row) (audit.Entry, error) {
	var seq int64
	var prev, hash, body string
	if err := r.Scan(&seq, &prev, &hash, &body); err != nil {
		return audit.Entry{}, err
	}
	p, err := unhex(prev)
	h, err2 := unhex(hash)
	if err = errors.Join(err, err2); err != nil {
		return audit.Entry{}, fmt.Errorf("entry %d: %w", seq, err)
	}
	return audit.Entry{Seq: uint64(seq), Prev: p, Hash: h, Body: []byte(body)}, nil
}

// Tree reads the stored nodes of the log's Merkle tree.
func (s *Store) Tree(ctx context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return nodes(ctx, s.db.reads, indexes) })
}

func nodes(ctx context.Context, tx Tx, indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	args := make([]any, len(indexes))
	marks := make([]string, len(indexes))
	for i, ix := range indexes {
		args[i], marks[i] = ix, "$"+strconv.Itoa(i+1)
	}
	found := make(map[int64]tlog.Hash, len(indexes))
	_, err := list(ctx, tx, func(r Row) (struct{}, error) {
		var ix int64
		var h string
		err := r.Scan(&ix, &h)
		if err == nil {
			found[ix], err = unhex(h)
		}
		return struct{}{}, err
	}, `SELECT ix, h FROM log_tree WHERE ix IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("tree nodes: %w", err)
	}
	out := make([]tlog.Hash, len(indexes))
	for i, ix := range indexes {
		h, ok := found[ix]
		if !ok {
			return nil, fmt.Errorf("audit broken: tree node %d is missing", ix)
		}
		out[i] = h
	}
	return out, nil
}

// Checkpoint signs the log as it is now and keeps the signed note. A log that has not grown gives the same note again.
// It returns nil for an empty log, of which there is nothing to say.
func (s *Store) Checkpoint(ctx context.Context, key audit.Key) ([]byte, error) {
	if err := s.cut(); err != nil { // of a size that may have been signed before it would be another root
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	var size int64
	if err := s.db.reads.QueryRow(ctx, `SELECT seq FROM log_head WHERE id = 1`).Scan(&size); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if size == 0 {
		return nil, nil
	}
	if note, err := s.checkpointAt(ctx, key.Origin(), size); err != nil || note != nil {
		return note, err
	}
	root, err := audit.Root(uint64(size), s.Tree(ctx))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := s.cut(); err != nil { // it may have been the connection of a question above that found it out
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	note, err := key.Sign(uint64(size), root)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	pointsman.Failpoint("checkpoint.signed", "")
	if _, err := s.db.direct.Exec(ctx, `INSERT INTO checkpoints (origin, size, at, note) VALUES ($1, $2, $3, $4)
		ON CONFLICT (origin, size) DO NOTHING`, key.Origin(), size, micros(s.Now()), string(note)); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	pointsman.Failpoint("checkpoint.stored", "")
	return note, nil
}

func (s *Store) checkpointAt(ctx context.Context, origin string, size int64) ([]byte, error) {
	var note string
	err := s.db.reads.QueryRow(ctx, `SELECT note FROM checkpoints WHERE origin = $1 AND size = $2`, origin, size).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return []byte(note), nil
}

// anchorsAtMost bounds the consistency proofs of an export.
const anchorsAtMost = 200

// Checkpoints returns the stored signed notes, newest first, at most limit.
func (s *Store) Checkpoints(ctx context.Context, limit int) ([][]byte, error) {
	notes, err := list(ctx, s.db.reads, text, `SELECT note FROM checkpoints ORDER BY size DESC LIMIT $1`, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	out := make([][]byte, len(notes))
	for i, n := range notes {
		out[i] = []byte(n)
	}
	return out, nil
}

// Export prepares the export of one incident, or of the whole log if incident is empty, for audit.WriteZip or
// audit.WriteDir. It signs a fresh checkpoint. Entries are read while the export is written. Of one incident the export proves
// that the log continues the newest checkpoints, and those of the sizes named: of a checkpoint that somebody kept for a year.
func (s *Store) Export(ctx context.Context, incident string, anchors []uint64, key audit.Key) (audit.Export, error) {
	note, err := s.Checkpoint(ctx, key)
	if err != nil {
		return audit.Export{}, err
	}
	if note == nil {
		return audit.Export{}, errors.New("export: the log is empty")
	}
	c, err := audit.ReadCheckpoint(note)
	if err != nil {
		return audit.Export{}, fmt.Errorf("export: %w", err)
	}
	x := audit.Export{Subject: "the whole log", Key: key, Checkpoint: note, Entries: s.Told(ctx, incident, c.Size)}
	if incident == "" {
		return x, nil
	}
	x.Subject, x.Tree = incident, s.Tree(ctx)
	sizes, err := list(ctx, s.db.reads, func(r Row) (n uint64, err error) {
		var size int64
		err = r.Scan(&size)
		return uint64(size), err
	}, `SELECT DISTINCT size FROM checkpoints WHERE size < $1 ORDER BY size DESC LIMIT $2`, int64(c.Size), int64(anchorsAtMost))
	if err != nil {
		return audit.Export{}, fmt.Errorf("export: %w", err)
	}
	x.Anchored = append(sizes, anchors...)
	slices.Sort(x.Anchored)
	x.Anchored = slices.Compact(x.Anchored)
	return x, nil
}
