package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pointsman/pointsman"
)

// refusals writes who was turned away into the audit log, at a bounded pace: the log keeps everything for ever, so a
// stranger with a loop must not be able to fill it. What was left out is counted in the next entry.
type refusals struct {
	log  Log
	pace *rate.Limiter

	mu      sync.Mutex
	skipped int
}

// Ten at once and then one every ten seconds: the first requests of an attack are told one by one.
const (
	refusalBurst = 10
	refusalEvery = 10 * time.Second
)

func newRefusals(log Log) *refusals {
	return &refusals{log: log, pace: rate.NewLimiter(rate.Every(refusalEvery), refusalBurst)}
}

// tell returns an error only where the entry should have been written and was not.
func (r *refusals) tell(ctx context.Context, by pointsman.Actor, what, why string) error {
	r.mu.Lock()
	if !r.pace.Allow() {
		r.skipped++
		r.mu.Unlock()
		return nil
	}
	skipped := r.skipped
	r.skipped = 0
	r.mu.Unlock()

	text := what + " refused: " + why
	if skipped > 0 {
		text += fmt.Sprintf(" (%d more were not logged one by one)", skipped)
	}
	return r.log.Note(ctx, pointsman.Event{Type: pointsman.EvDoorRefused, Actor: by, Text: text, Reason: why})
}
