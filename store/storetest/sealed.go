package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store/audit"
)

// onceAcrossRestarts: Slack sends an envelope again to the process that took the place of a dead one.
func onceAcrossRestarts(t *testing.T, s *story) {
	p := s.ready("a", 2)
	click := vote(p, ana)
	click.Once = "envelope-1"
	first := s.do(click).Answer
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	if again := s.do(click).Answer; again.Code != pointsman.CodeDuplicate || again.Text != first.Text {
		t.Errorf("after a restart the same click is answered %+v, at first it was %+v", again, first)
	}
}

// exactTimes: a nanosecond that a database drops must not be hashed, else what it gives back does not verify.
func exactTimes(t *testing.T, s *story) {
	at := time.Date(2026, 3, 1, 3, 0, 0, 123_456_789, time.UTC)
	if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: "started", At: at}); err != nil {
		t.Fatal(err)
	}
	for _, e := range must(s.Log(t.Context(), 0, 10))(t) {
		var body struct {
			At string `json:"at"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatal(err)
		}
		if want := at.Truncate(time.Microsecond).Format(time.RFC3339Nano); body.At != want {
			t.Errorf("hashed with the time %s, want %s", body.At, want)
		}
	}
}

// signedWhenStored: a checkpoint vouches for nothing that was not committed.
func signedWhenStored(t *testing.T, s *story) {
	s.say("one", "two")
	size := func() uint64 {
		note := must(s.Checkpoint(t.Context(), s.key))(t)
		return must(audit.ReadCheckpoint(note))(t).Size
	}
	before := size()
	long := strings.Repeat("x", 100)
	if err := s.sql("ALTER TABLE log_tree RENAME TO log_tree_gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Text: long}); err == nil {
		t.Error("noted without its place in the tree")
	}
	if err := s.sql("ALTER TABLE log_tree_gone RENAME TO log_tree"); err != nil {
		t.Fatal(err)
	}
	if after := size(); after != before {
		t.Errorf("the checkpoint covers %d entries, %d are committed", after, before)
	}
}
