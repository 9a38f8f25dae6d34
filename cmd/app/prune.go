package app

import (
	"context"
	"time"
)

// pruneEvery is how often it is looked for what has served long enough.
const pruneEvery = time.Hour

// prune keeps the tables of what was said from growing for ever. A failure is told and tried again an hour later: nothing
// that matters waits for it.
func (a *App) prune(ctx context.Context) error {
	if a.cfg.Storage.Keep == 0 {
		return nil
	}
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		n, err := a.store.Prune(ctx, a.store.Now().Add(-a.cfg.Storage.Keep))
		switch {
		case err != nil && ctx.Err() == nil:
			a.log.Warn("old deliveries not deleted", "err", err)
		case n > 0:
			a.log.Info("old deliveries deleted", "rows", n, "keep", a.cfg.Storage.Keep.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
