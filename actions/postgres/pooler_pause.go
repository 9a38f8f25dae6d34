package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// pauseWait is how long PAUSE waits for open transactions by default; resumeWait bounds a RESUME, which waits for nobody.
const (
	pauseWait  = 2 * time.Second
	resumeWait = 5 * time.Second
)

// errMayWait says that clients could not be let go again.
var errMayWait = errors.New("clients may be waiting still")

// hold pauses the clients of all poolers at the same time. It returns once none of them has a transaction open, and
// otherwise lets all of them go again: half a pause would only be an outage.
func (j journey) hold(ctx context.Context, wait time.Duration) error {
	waitCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := j.each(func(p Pooler) error {
		if now, err := p.show(waitCtx, p.entry(j.cluster)); err != nil {
			return fmt.Errorf("pause %s: %w", p.Name, err)
		} else if now.Whole {
			return fmt.Errorf("pause %s: somebody has paused it with all its databases; by hand: RESUME in its console", p.Name)
		}
		// Also where it is paused already: an earlier PAUSE shows at once, and a second one waits for the rest of it.
		if err := p.command(waitCtx, "PAUSE "+quotedEntry(p.entry(j.cluster))); err != nil {
			if errors.Is(waitCtx.Err(), context.DeadlineExceeded) {
				err = fmt.Errorf("the clients' transactions did not end within %s", wait)
			}
			return fmt.Errorf("pause %s: %w", p.Name, err)
		}
		return nil
	})
	if err == nil {
		return nil
	}
	// A PAUSE that was given up goes on in the pooler: new transactions would wait for ever.
	if rerr := j.release(ctx); rerr != nil {
		return errors.Join(err, rerr, errMayWait)
	}
	return err
}

// release lets the clients of all poolers go on. It does its work also when ctx has ended: whatever went wrong, clients
// are never left waiting.
func (j journey) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeWait)
	defer cancel()
	return j.each(func(p Pooler) error {
		conn, err := p.console(ctx)
		if err != nil {
			return fmt.Errorf("resume %s: %w; by hand: RESUME %s in its console", p.Name, err, quotedEntry(p.entry(j.cluster)))
		}
		defer discard(conn)
		if err := resume(ctx, conn, p.entry(j.cluster)); err != nil {
			// RESUME of one that is not paused is an error, and all is well.
			now, serr := p.show(ctx, p.entry(j.cluster))
			if serr == nil && !now.Paused {
				return nil
			}
			return fmt.Errorf("resume %s: %w; by hand: %s in its console", p.Name, err, now.release(p.entry(j.cluster)))
		}
		return nil
	})
}

func resume(ctx context.Context, console *pgx.Conn, entry string) error {
	_, err := console.Exec(ctx, "RESUME "+quotedEntry(entry))
	return scrubbed(err, nil)
}

// each does something with all poolers beside each other.
func (j journey) each(do func(Pooler) error) error {
	faults := make([]error, len(j.poolers))
	var wg sync.WaitGroup
	for i, p := range j.poolers {
		wg.Go(func() { faults[i] = do(p) })
	}
	wg.Wait()
	return errors.Join(faults...)
}
