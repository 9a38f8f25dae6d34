package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// christen gives a new database a name of its own. One that has a log already has told others of its incidents without it,
// and goes on so: a page that is open under another name could not be ended.
func (s *Store) christen(ctx context.Context) error {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails, says its documentation
	_, err := s.db.direct.Exec(ctx, `INSERT INTO counters (name, n) SELECT 'installation', $1 FROM log_head WHERE id = 1 AND seq = 0
		ON CONFLICT (name) DO NOTHING`, int64(binary.BigEndian.Uint64(b[:])>>1))
	if err != nil {
		return fmt.Errorf("name of the installation: %w", err)
	}
	return nil
}

// Installation is the name by which this database's incidents are told from another one's, which count from INC-1 too. It is
// empty for a database that older versions began.
func (s *Store) Installation(ctx context.Context) (string, error) {
	var n int64
	err := s.db.reads.QueryRow(ctx, `SELECT n FROM counters WHERE name = 'installation'`).Scan(&n)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("name of the installation: %w", err)
	}
	return strconv.FormatInt(n, 36), nil
}
