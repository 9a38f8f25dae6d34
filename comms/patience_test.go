package comms

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

func TestWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		attempts int
		asked    time.Duration
		spread   float64
		want     time.Duration
	}{
		{attempts: 1, want: 125 * time.Millisecond},
		{attempts: 1, spread: 0.999, want: 249875 * time.Microsecond},
		{attempts: 4, spread: 0, want: time.Second},
		{attempts: 8, want: 15 * time.Second},
		{attempts: 9_000_000, want: 15 * time.Second},
		{attempts: 0, want: 125 * time.Millisecond},
		{attempts: 15, asked: 7 * time.Second, want: 7 * time.Second},
		{attempts: 50, asked: 7 * time.Second, want: 28 * time.Second},
		{attempts: 9_000, asked: 7 * time.Second, want: 30 * time.Second},
		{attempts: 9_000, asked: 40 * time.Second, want: 40 * time.Second},
		{attempts: 1, asked: 7 * time.Second, spread: 0.5, want: 7*time.Second + 350*time.Millisecond},
		{attempts: 1, asked: 24 * time.Hour, want: 15 * time.Minute},
	} {
		if got := wait(c.attempts, c.asked, c.spread); got != c.want {
			t.Errorf("wait(%d, %s, %g) = %s, want %s", c.attempts, c.asked, c.spread, got, c.want)
		}
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	first := pointsman.Delivery{Attempts: 1}
	if s := settle(first, "r", nil, 3, now); !s.Sent || s.Ref != "r" {
		t.Errorf("%+v, want sent", s)
	}
	if s := settle(first, "", fmt.Errorf("slack: %w", Permanent(errors.New("invalid_blocks"))), 3, now); !s.Parked || s.Problem != "slack: invalid_blocks" {
		t.Errorf("%+v, want parked: a wrapped permanent error is one still", s)
	}
	if s := settle(pointsman.Delivery{Attempts: 3}, "", errors.New("500"), 3, now); !s.Parked {
		t.Errorf("%+v, want parked at the last attempt", s)
	}
	s := settle(first, "", errors.New(strings.Repeat("ü", 1000)), 3, now)
	if s.Sent || s.Parked || !s.RetryAt.After(now) || !strings.HasSuffix(s.Problem, "ü… (1000 characters)") {
		t.Errorf("%+v, want a retry with a short problem", s)
	}
}
