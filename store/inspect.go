package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/pointsman/pointsman/store/audit"
)

// inspected is how many of the last entries are checked at each start: enough to find what a crash or a careless hand
// leaves, little enough that a restart during an incident takes no time. The whole log is checked by audit verify.
const inspected = 1000

// inspect refuses a log whose end is not whole: the head must be the last entry, the last entries must chain, and
// the tree must have the root that the newest checkpoint signed.
func (s *Store) inspect(ctx context.Context) error {
	err := s.look(ctx, func(tx Tx) error {
		head, near, err := scanHead(tx.QueryRow(ctx, `SELECT seq, hash, edge FROM log_head WHERE id = 1`))
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("the head of the log is missing")
		}
		if err != nil {
			return err
		}
		if err := chained(ctx, tx, head); err != nil {
			return err
		}
		if err := labelled(ctx, tx, head); err != nil {
			return err
		}
		if err := joined(ctx, tx, head, near); err != nil {
			return err
		}
		return signed(ctx, tx, head)
	})
	if err != nil {
		return fmt.Errorf("audit broken: %w; nothing runs on a log that cannot be trusted, restore the database or verify an export", err)
	}
	return nil
}

func chained(ctx context.Context, tx Tx, head audit.Head) error {
	after := uint64(0)
	if head.Seq > inspected {
		after = head.Seq - inspected
	}
	last, err := entries(ctx, tx, "", after, inspected+1)
	if err != nil {
		return err
	}
	switch want := head.Seq - after; {
	case uint64(len(last)) > want:
		return fmt.Errorf("the head is entry %d, but there is an entry %d", head.Seq, last[want].Seq)
	case uint64(len(last)) < want:
		return fmt.Errorf("the head is entry %d, but %d of the last %d entries are missing", head.Seq, want-uint64(len(last)), want)
	}
	for i, e := range last {
		switch {
		case e.Seq != after+uint64(i)+1:
			return fmt.Errorf("entry %d is missing", after+uint64(i)+1)
		case audit.Hash(e.Seq, e.Prev, e.Body) != e.Hash:
			return fmt.Errorf("entry %d: stored hash and body do not fit", e.Seq)
		case i > 0 && e.Prev != last[i-1].Hash, e.Seq == 1 && e.Prev != [32]byte{}:
			return fmt.Errorf("entry %d does not follow entry %d", e.Seq, e.Seq-1)
		}
	}
	if n := len(last); n > 0 && last[n-1].Hash != head.Hash {
		return fmt.Errorf("the head is not entry %d", head.Seq)
	}
	return nil
}

func joined(ctx context.Context, tx Tx, head audit.Head, near edge) error {
	at := edgeOf(int64(head.Seq))
	stored, err := nodes(ctx, tx, at)
	if err != nil {
		return err
	}
	kept, err := near.ReadHashes(at)
	if err != nil {
		return err
	}
	for i := range at {
		if stored[i] != kept[i] {
			return fmt.Errorf("tree node %d is not the one of the head", at[i])
		}
	}
	return nil
}

func signed(ctx context.Context, tx Tx, head audit.Head) error {
	var note string
	err := tx.QueryRow(ctx, `SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1`).Scan(&note)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := audit.ReadCheckpoint([]byte(note))
	if err != nil {
		return err
	}
	if c.Size > head.Seq {
		return fmt.Errorf("a checkpoint covers %d entries, the log has %d: its end was cut off", c.Size, head.Seq)
	}
	root, err := audit.Root(c.Size, tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) { return nodes(ctx, tx, ix) }))
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("the first %d entries are not those of their checkpoint", c.Size)
	}
	return nil
}
