package app

import (
	"context"
	"log/slog"
	"time"
)

// How often the clock that counts is held against this machine's, and from what difference on it is told.
const (
	clockEvery = 10 * time.Second
	clockLimit = 2 * time.Second
)

// clockWatch tells the operator when this machine's wall clock and the clock that counts are apart: people read logs of
// both, and on SQLite windows go by the clock of the start until a restart.
type clockWatch struct {
	ahead func() time.Duration // of the clock that counts
	log   *slog.Logger

	told time.Duration // the difference that was told last; zero while they agree
}

func (w *clockWatch) run(ctx context.Context) error {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look tells a difference once, and again only when it has changed by as much as would be told.
func (w *clockWatch) look() {
	off := w.ahead().Round(time.Millisecond)
	switch {
	case off.Abs() <= clockLimit && w.told != 0:
		w.told = 0
		w.log.Info("the clock of this machine agrees again with the one that counts", "ahead", off)
	case off.Abs() > clockLimit && (off-w.told).Abs() > clockLimit:
		w.told = off
		w.log.Warn("the clock of this machine is not the one that counts", "ahead", off, "limit", clockLimit)
	}
}
