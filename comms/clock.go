package comms

import (
	"context"
	"log/slog"
	"time"

	"github.com/pointsman/pointsman"
)

// Agenda knows what is due.
type Agenda interface {
	// DueIncidents returns incidents in which a Tick would change something at the time now, longest due first.
	DueIncidents(ctx context.Context, now time.Time, limit int) ([]string, error)
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
}

// Clock makes happen what is due by time: expiries, timed updates, escalations. Every process may run one: the reducer
// does what is due once, and tells whoever comes second that nothing is.
type Clock struct {
	Agenda Agenda
	Now    func() time.Time // the store's clock; default time.Now
	Log    *slog.Logger     // may be nil
}

// Run looks once a second until the context ends. What is due is a row, so nothing is forgotten by a restart, and a
// deadline that passed while nobody ran is met at once.
func (c Clock) Run(ctx context.Context) error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
		}
	}
}

func (c Clock) look(ctx context.Context) {
	due, err := c.Agenda.DueIncidents(ctx, c.Now(), page)
	if err != nil && ctx.Err() == nil {
		c.Log.Warn("what is due could not be read", "err", err)
	}
	for _, id := range due {
		// One that cannot be decided must not keep the others waiting: it comes again in a second.
		if _, err := c.Agenda.Do(ctx, pointsman.Tick{Incident: id}); err != nil && ctx.Err() == nil {
			c.Log.Warn("incident not ticked", "incident", id, "err", err)
		}
	}
}
