package store

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// broken remembers for a while that the server has met a page that it cannot read. It serves the others, so a question that
// needs none of the broken ones would say that all is well.
type broken struct{ found atomic.Pointer[error] }

// brokenFor is longer than the loops leave between two looks: as long as the page is needed and broken, it is met again.
const brokenFor = 15 * time.Second

// corruptPage is data_corrupted and index_corrupted. https://www.postgresql.org/docs/current/errcodes-appendix.html
var corruptPage = pgCode("XX001", "XX002")

// watch passes errors on to next and remembers those that tell of damage.
func (b *broken) watch(next pgconn.PgErrorHandler) pgconn.PgErrorHandler {
	return func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if corruptPage(e) {
			found := fmt.Errorf("PostgreSQL's files are damaged: %s; let it fail over to a standby, or restore a backup", e.Message)
			b.found.Store(&found)
			time.AfterFunc(brokenFor, func() { b.found.CompareAndSwap(&found, nil) })
		}
		return next(conn, e)
	}
}

// told is not nil while damage was met lately.
func (b *broken) told() error {
	if found := b.found.Load(); found != nil {
		return *found
	}
	return nil
}
