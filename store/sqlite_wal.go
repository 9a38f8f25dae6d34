package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// emptier moves what the write-ahead log of a SQLite file holds into the file, beside the writer. By itself SQLite does it
// within one commit of some hundred, and a card or a click that comes just then waits for two more writes to the disk.
// https://www.sqlite.org/wal.html#ckpt
type emptier struct {
	db     *sql.DB
	health *damage
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

const (
	// emptyEvery goes by time and not by commits: a click brings several, and would meet it.
	emptyEvery = 5 * time.Second
	// fullAt is where the writer does it all the same, because more came in that time: 40 MB.
	fullAt = "wal_autocheckpoint(10000)"
)

// newEmptier starts an emptier with a connection of its own.
func newEmptier(path string, health *damage, every time.Duration) (*emptier, error) {
	db, err := sql.Open("sqlite", sqliteDSN(path, "synchronous(FULL)"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithCancel(context.Background())
	e := &emptier{db: db, health: health, stop: cancel}
	e.ended.Go(func() { e.run(ctx, every) })
	return e, nil
}

func (e *emptier) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.empty(ctx)
		}
	}
}

// empty takes what no reader needs any more and waits for nobody; the rest is taken the next time. Where it goes wrong no
// commit does: what is in the log is safe there. Damage is remembered.
func (e *emptier) empty(ctx context.Context) {
	if e.health.refused() != nil {
		return
	}
	var busy, pages, moved int
	_ = e.health.saw(e.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &moved))
}

// close stops it before the other connections are closed, of which the last one empties the log for good.
func (e *emptier) close() error {
	if e == nil {
		return nil
	}
	e.stop()
	e.ended.Wait()
	return e.db.Close()
}
