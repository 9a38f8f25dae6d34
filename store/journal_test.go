package store

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// Somebody whose alerts do not arrive looks into the program's log first, and a wrong token is the usual cause.
func TestStore_says_in_the_programs_log_what_it_puts_on_record(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s, err := Open(t.Context(), Config{Path: ":memory:"}, slog.New(slog.NewTextHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	engine := pointsman.Actor{Door: pointsman.DoorEngine}
	if err := s.Note(t.Context(),
		pointsman.Event{Version: 1, Type: pointsman.EvDoorRefused, Actor: engine, Text: "a webhook from 10.0.0.9 has a wrong token"},
		pointsman.Event{Version: 1, Type: pointsman.EvAlertFiring, Actor: engine, Text: "one of ten thousand"},
		pointsman.Event{Version: 1, Type: pointsman.EvServerState, Actor: engine, Text: "the server started\nlevel=ERROR"},
	); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{`level=WARN msg="on record" type=door.refused`, `text="a webhook from 10.0.0.9 has a wrong token"`, `level=INFO msg="on record" type=server.state`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "ten thousand") || strings.Contains(got, "\nlevel=ERROR") {
		t.Errorf("a storm or a forged line is in\n%s", got)
	}
}
