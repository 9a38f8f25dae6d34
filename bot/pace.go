package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"golang.org/x/time/rate"
)

// pace keeps us within Slack's rates: about one post a second and channel with short bursts, and more edits. After a
// 429 a method is left alone for as long as Slack said.
// https://docs.slack.dev/apis/web-api/rate-limits
type pace struct {
	post, edit *rate.Limiter

	mu    sync.Mutex // also held when a limiter is asked
	until map[string]time.Time
}

// longestTurn is how long a delivery waits here for its turn; one that must wait longer gives its place back.
const longestTurn = 5 * time.Second

// newPace allows perSecond posts, and as many edits, a second; zero stands for Slack's limit of one.
func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		perSecond = 1
	}
	return &pace{
		post: rate.NewLimiter(rate.Limit(perSecond), max(3, int(perSecond))), edit: rate.NewLimiter(rate.Limit(perSecond), max(10, int(perSecond))),
		until: map[string]time.Time{},
	}
}

func (p *pace) posts(ctx context.Context) error { return p.turn(ctx, "post", p.post) }

func (p *pace) edits(ctx context.Context) error { return p.turn(ctx, "edit", p.edit) }

func (p *pace) turn(ctx context.Context, method string, l *rate.Limiter) error {
	r, d, err := p.reserve(method, l)
	if err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		r.CancelAt(time.Now())
		return ctx.Err()
	}
}

// reserve takes a turn that comes soon. The clock is read under the lock: a limiter that is told an earlier time than
// before gives the time in between out twice, and hundreds of messages that wait in a storm do that all the time.
func (p *pace) reserve(method string, l *rate.Limiter) (*rate.Reservation, time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if err := p.asked(method, now); err != nil {
		return nil, 0, err
	}
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > longestTurn {
		r.CancelAt(now)
		return nil, 0, later(d, fmt.Errorf("%s messages wait for their turn", method))
	}
	return r, d, nil
}

// looks says when the history may be looked at again, where Slack has asked for a pause of that.
func (p *pace) looks() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked("history", time.Now())
}

func (p *pace) asked(method string, now time.Time) error {
	if wait := p.until[method].Sub(now); wait > 0 {
		return later(wait, fmt.Errorf("slack asked for a pause of every %s", method))
	}
	return nil
}

// hopeless are the answers to what a message contains: the same message is refused again. What an operator mends, a token
// (invalid_auth) or the membership of the channel (not_in_channel), is tried again, or the card would be missing after it.
// https://docs.slack.dev/reference/methods/chat.postMessage#errors
var hopeless = []string{"invalid_blocks", "invalid_arguments", "msg_too_long", "msg_blocks_too_long", "invalid_metadata_format"}

// judged sorts an error of Slack into later, never, and anything else for "try again".
func (p *pace) judged(method string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		p.mu.Lock()
		if until := time.Now().Add(e.RetryAfter); until.After(p.until[method]) { // an answer that comes late shortens no pause
			p.until[method] = until
		}
		p.mu.Unlock()
		return later(e.RetryAfter, err)
	}
	if is(err, hopeless...) {
		return never(fmt.Errorf("slack refuses %s: %w", method, err))
	}
	return fmt.Errorf("slack %s: %w", method, err)
}

type laterError struct {
	error
	d time.Duration
}

func later(d time.Duration, err error) error { return &laterError{err, d} }

// RetryAfter says how long to wait before the next attempt.
func (e *laterError) RetryAfter() time.Duration { return e.d }

// Unwrap returns the cause.
func (e *laterError) Unwrap() error { return e.error }

type neverError struct{ error }

func never(err error) error { return &neverError{err} }

// Permanent says that no repetition will help.
func (e *neverError) Permanent() bool { return true }

// Unwrap returns the cause.
func (e *neverError) Unwrap() error { return e.error }
