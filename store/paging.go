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
	// Of what the follower has passed without a row nothing comes any more: it was set up or switched on later.
	err := s.db.reads.QueryRow(ctx, `SELECT l.at, COALESCE(d.state, CASE WHEN c.seq >= l.seq THEN 'passed' ELSE '' END), COALESCE(d.problem, ''), COALESCE(d.due_at, 0)
		FROM log l LEFT JOIN deliveries d ON d.follower = $1 AND d.seq = l.seq LEFT JOIN cursors c ON c.follower = $1
		WHERE l.incident = $2 AND l.type = $3 ORDER BY l.seq DESC LIMIT 1`,
		follower, incident, string(pointsman.EvPageTriggered)).Scan(&wanted, &state, &p.Problem, &due)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("how far the page of %s is: %w", incident, err)
	}
	switch state {
	case "sent":
		p.Taken = true
	case "parked":
		p.GivenUp = true
	case "passed":
		p.GivenUp, p.Problem = true, neverGiven
	case "superseded": // the page was over before the pager took it, so it is none
		p.Problem = ""
	}
	p.Late = state == "pending" && p.Problem != "" && pointsman.PageLate(fromMicros(wanted), fromMicros(due))
	return p, nil
}

// neverGiven is the problem of a page that no attempt was made at.
const neverGiven = "the pager was set up or switched on after it, or could not read it"
