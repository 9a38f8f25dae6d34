package store

import (
	"context"
	"fmt"
)

// Bind ties the name of a request to a digest of what is asked under it, and reports whether that is what was asked the
// first time. Another request under the same name would be given the answer of the first one, and believed done.
func (s *Store) Bind(ctx context.Context, once, asked string) (bool, error) {
	name := indexed("of/" + once) // beside the answer, which is stored with the command that it belongs to
	_, err := s.db.direct.Exec(ctx, `INSERT INTO seen (once, at, code, answer, subject) VALUES ($1, $2, '', $3, '') ON CONFLICT (once) DO NOTHING`,
		name, micros(s.Now()), asked)
	if err != nil {
		return false, fmt.Errorf("name of the request: %w", err)
	}
	var first string
	if err := s.db.reads.QueryRow(ctx, `SELECT answer FROM seen WHERE once = $1`, name).Scan(&first); err != nil {
		return false, fmt.Errorf("name of the request: %w", err)
	}
	return first == asked, nil
}
