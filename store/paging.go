package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pointsman/pointsman"
)

// Paging is how far the newest page of an incident has come with that follower. The row of the delivery says it, which is
// written with the event that tells of it.
func (s *Store) Paging(ctx context.Context, follower, incident string) (pointsman.Paging, error) {
	var p pointsman.Paging
	var state string
	var wanted, due int64
	err := s.db.reads.QueryRow(ctx, `SELECT l.at, COALESCE(d.state, ''), COALESCE(d.problem, ''), COALESCE(d.due_at, 0)
		FROM log l LEFT JOIN deliveries d ON d.follower = $1 AND d.seq = l.seq
		WHERE l.incident = $2 AND l.type = $3 ORDER BY l.seq DESC LIMIT 1`,
		follower, incident, string(pointsman.EvPageTriggered)).Scan(&wanted, &state, &p.Problem, &due)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("how far the page of %s is: %w", incident, err)
	}
	p.Taken, p.GivenUp = state == "sent", state == "parked"
	p.Late = state == "pending" && p.Problem != "" && pointsman.PageLate(fromMicros(wanted), fromMicros(due))
	return p, nil
}
