package store

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// woken is the context of a process that has just woken up: its time is over, and its timer has not fired yet.
type woken struct{ context.Context }

// Deadline implements context.Context.
func (woken) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

// A webhook whose process stood still with it must not be stored when it wakes up: it was sent again, and its alert may be over.
func TestNothingIsDecidedWhoseTimeIsOver(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Path: ":memory:"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	fire := pointsman.ReceiveAlerts{Key: "k", Alerts: []pointsman.Alert{{Fingerprint: "f", Status: pointsman.AlertFiring, StartsAt: s.Now()}}}
	if _, err := s.Receive(woken{t.Context()}, []pointsman.ReceiveAlerts{fire}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received with %v, want %v", err, context.DeadlineExceeded)
	}
	if got, err := s.Receive(t.Context(), []pointsman.ReceiveAlerts{fire}); err != nil || got[0].ID != "INC-1" {
		t.Errorf("what is sent again in time is answered %v, %v; want INC-1", got, err)
	}
}
