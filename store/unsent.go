package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
)

// Unsent returns the deliveries of a queue that were attempted and have neither got through nor been given up, oldest first and
// at most limit.
func (s *Store) Unsent(ctx context.Context, q pointsman.Queue, limit int) ([]pointsman.Delivery, error) {
	out, err := list(ctx, s.db.reads, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries
		WHERE state = 'pending' AND follower = $1 AND class = $2 AND attempts > 0 ORDER BY id LIMIT $3`, q.Follower, string(q.Class), int64(limit))
	if err != nil {
		return nil, fmt.Errorf("unsent deliveries: %w", err)
	}
	return out, nil
}

// Sent reports whether any of the deliveries has got through.
func (s *Store) Sent(ctx context.Context, ids ...int64) (bool, error) {
	if len(ids) == 0 {
		return false, nil
	}
	args, marks := make([]any, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		args[i], marks[i] = id, fmt.Sprintf("$%d", i+1)
	}
	return s.found(ctx, `SELECT 1 FROM deliveries WHERE state = 'sent' AND id IN (`+strings.Join(marks, ", ")+`) LIMIT 1`, args...)
}

// LastSent reports whether the newest delivery of a queue that is settled has got through, and was not given up.
func (s *Store) LastSent(ctx context.Context, q pointsman.Queue) (bool, error) {
	return s.found(ctx, `SELECT 1 FROM (SELECT state FROM deliveries WHERE follower = $1 AND class = $2 AND state IN ('sent', 'parked') ORDER BY id DESC LIMIT 1) l
		WHERE l.state = 'sent'`, q.Follower, string(q.Class))
}

func (s *Store) found(ctx context.Context, query string, args ...any) (bool, error) {
	var any int
	err := s.db.reads.QueryRow(ctx, query, args...).Scan(&any)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("deliveries that got through: %w", err)
	}
	return true, nil
}
