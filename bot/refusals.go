package bot

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Twenty at once and then one every ten seconds: the first requests of an attack are told one by one.
const (
	refusalBurst = 20
	refusalEvery = 10 * time.Second
)

func newRefusals(notes Noter, log *slog.Logger) *refusals {
	return &refusals{notes: notes, log: log, pace: rate.NewLimiter(rate.Every(refusalEvery), refusalBurst)}
}

func (r *refusals) tell(ctx context.Context, by pointsman.Actor, why string) {
	r.mu.Lock()
	if !r.pace.Allow() {
		r.skipped++
		r.mu.Unlock()
		return
	}
	skipped := r.skipped
	r.skipped = 0
	r.mu.Unlock()

	by.Ref, why = cut(line(by.Ref), 80), cut(line(why), 300)
	text := fmt.Sprintf("Slack request of %s refused: %s", by, why)
	if skipped > 0 {
		text += fmt.Sprintf(" (%d more were not logged one by one)", skipped)
	}
	ev := pointsman.Event{Version: 1, Type: pointsman.EvDoorRefused, Actor: by, Text: text, Reason: why}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := r.notes.Note(ctx, ev); err != nil {
		r.log.ErrorContext(ctx, "refusal not audited", "actor", by.Ref, "err", err)
	}
}

func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}

// replays remembers signatures for longer than one is valid. The store's record of each click, which lasts and which
// replicas share, makes a repetition harmless; this one makes it visible.
type replays struct {
	mu   sync.Mutex
	seen map[string]time.Time
	due  time.Time // of the next cleaning
}

const replayFor = 11 * time.Minute // five minutes to either side, and one to spare

func newReplays() *replays { return &replays{seen: map[string]time.Time{}} }

func signature(head http.Header) string { return head.Get("X-Slack-Signature") }

// first takes the signature and reports whether it is new.
func (r *replays) first(head http.Header) bool {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.After(r.due) {
		for sig, until := range r.seen {
			if now.After(until) {
				delete(r.seen, sig)
			}
		}
		r.due = now.Add(time.Minute)
	}
	if until, ok := r.seen[signature(head)]; ok && now.Before(until) {
		return false
	}
	r.seen[signature(head)] = now.Add(replayFor)
	return true
}

// forget lets a request come again that was not carried out.
func (r *replays) forget(head http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, signature(head))
}
