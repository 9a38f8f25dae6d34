package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pointsman/pointsman"
)

// refusals writes what was turned away into the audit log, at a bounded pace: the log keeps everything for ever, so a
// stranger with a loop must not be able to fill it. What was left out is counted in the next entry.
type refusals struct {
	notes Noter
	log   *slog.Logger
	pace  *rate.Limiter

	mu      sync.Mutex
	skipped int
}

// Ten at once and then one every ten seconds: the first requests of an attack are told one by one.
const (
	refusalBurst = 10
	refusalEvery = 10 * time.Second
)

func newRefusals(notes Noter, log *slog.Logger) *refusals {
	return &refusals{notes: notes, log: log, pace: rate.NewLimiter(rate.Every(refusalEvery), refusalBurst)}
}

func (r *refusals) tell(ctx context.Context, remote, why string) {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	r.mu.Lock()
	if !r.pace.Allow() {
		r.skipped++
		r.mu.Unlock()
		return
	}
	skipped := r.skipped
	r.skipped = 0
	r.mu.Unlock()

	text := fmt.Sprintf("Alertmanager webhook from %s: %s", line(host, 60), why)
	if skipped > 0 {
		text += fmt.Sprintf(" (%d more like this were not logged one by one)", skipped)
	}
	by := pointsman.Actor{Door: pointsman.DoorAlertmanager, Ref: line(host, 60)}
	ev := pointsman.Event{Version: 1, Type: pointsman.EvDoorRefused, Actor: by, Text: text}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.notes.Note(ctx, ev); err != nil {
		r.log.ErrorContext(ctx, "refusal not audited", "err", err, "actor", by.Ref)
	}
}
