package fakeslack

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

// Mode is a way in which a call of the Web API goes wrong. Any other value is answered as that error code.
type Mode string

const (
	RateLimited Mode = "ratelimited"  // HTTP 429 with Retry-After; nothing was done
	ServerError Mode = "server_error" // HTTP 500 with a page of HTML, as Slack's edge sends it; nothing was done
	Hang        Mode = "hang"         // no answer until the client gives up; nothing was done
	Drop        Mode = "drop"         // the connection dies; nothing was done
	HangAfter   Mode = "hang_after"   // it was done, and no answer comes
	DropAfter   Mode = "drop_after"   // it was done, and the connection dies before the answer
)

type fault struct {
	mode Mode
	left int
	says string // only calls with this text in their arguments
}

// FailNext makes the next n calls of a method ("chat.postMessage") go wrong in the given way; n 0 ends it.
func (s *Slack) FailNext(method string, n int, mode Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = &fault{mode: mode, left: n}
}

// FailSaying makes every call of a method that says the text go wrong, until FailNext or FailSaying says otherwise.
// A story in which one edit of a card must not arrive needs no luck with time.
func (s *Slack) FailSaying(method, text string, mode Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = &fault{mode: mode, left: math.MaxInt, says: text}
}

func (s *Slack) takeFault(c *call) Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[c.method]
	if f == nil || f.left <= 0 || !c.says(f.says) {
		return ""
	}
	f.left--
	return f.mode
}

// before answers instead of the method, or reports false to let it run.
func (m Mode) before(s *Slack, w http.ResponseWriter, r *http.Request) bool {
	switch m {
	case "", HangAfter, DropAfter:
		return false
	case RateLimited:
		writeReply(w, nil, &refusal{code: "ratelimited", retryAfter: int(math.Ceil(s.cfg.RetryAfter.Seconds()))})
	case ServerError:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, "<!DOCTYPE html><title>Server Error | Slack</title>")
	case Hang:
		s.hang(r)
	case Drop:
		panic(http.ErrAbortHandler)
	default:
		writeReply(w, nil, refuse(string(m)))
	}
	return true
}

// after keeps the answer of a method that ran from arriving.
func (m Mode) after(s *Slack, r *http.Request) {
	switch m {
	case HangAfter:
		s.hang(r)
	case DropAfter:
		panic(http.ErrAbortHandler)
	}
}

// hang never answers: it holds the line until the client or the workspace goes away, then cuts it.
func (s *Slack) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
	panic(http.ErrAbortHandler)
}

// postLimit is a bucket of tokens for each channel.
type postLimit struct {
	perSecond float64
	burst     float64
	buckets   map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// LimitPosts turns on Slack's posting limit for each channel: perSecond messages with bursts of that size; Slack allows
// about 1 per second with short bursts. 0 turns it off again.
func (s *Slack) LimitPosts(perSecond float64, burst int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = nil
	if perSecond > 0 {
		s.limit = &postLimit{perSecond: perSecond, burst: float64(burst), buckets: map[string]bucket{}}
	}
}

func (s *Slack) takePost(channel string) error {
	l := s.limit
	if l == nil {
		return nil
	}
	now := s.cfg.Now()
	b, ok := l.buckets[channel]
	if !ok {
		b = bucket{tokens: l.burst, at: now}
	}
	b.tokens, b.at = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.perSecond), now
	if b.tokens < 1 {
		l.buckets[channel] = b
		return &refusal{code: "ratelimited", retryAfter: int(math.Ceil((1 - b.tokens) / l.perSecond))}
	}
	b.tokens--
	l.buckets[channel] = b
	return nil
}
