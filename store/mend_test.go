package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestStore_does_not_mend_what_is_whole: a connection that led to a server that was behind says nothing about the log, and
// no run is parked for it.
func TestStore_does_not_mend_what_is_whole(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"sqlite":   {Driver: "sqlite", Path: t.TempDir() + "/p.db"},
		"postgres": {Driver: "postgres", DSN: lab.PostgresDSN(t)},
	} {
		s, err := Open(t.Context(), cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		alarm(t, s, 1)
		had := logged(t, s)
		_ = s.foundCut(s.Tail(), 0)
		if s.cut() == nil {
			t.Fatalf("%s: it takes the log for whole", name)
		}
		if err := s.Mend(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if now := logged(t, s); now != had || s.cut() != nil {
			t.Errorf("%s: the log had %d entries and has %d, %v", name, had, now, s.cut())
		}
		alarm(t, s, 2)
	}
}

// TestStore_follows_no_log_that_grew_again_after_a_loss: a replica that knew nothing of the lost entries has written past
// their places before one that does writes, or looks.
func TestStore_follows_no_log_that_grew_again_after_a_loss(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"sqlite":   {Driver: "sqlite", Path: t.TempDir() + "/p.db"},
		"postgres": {Driver: "postgres", DSN: lab.PostgresDSN(t)},
	} {
		s, err := Open(t.Context(), cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for n := range 3 {
			alarm(t, s, n)
		}
		s.mu.Lock()
		s.known = Tail{Seq: 2, Hash: strings.Repeat("ab", 32)}
		s.mu.Unlock()
		err = s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "on top of it"})
		if _, lost := errors.AsType[*CutError](err); !lost {
			t.Errorf("%s: it wrote on: %v", name, err)
		}
	}
}
