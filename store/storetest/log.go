package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
	"github.com/pointsman/pointsman/store/audit"
)

// intact checks the whole log as an auditor would.
func (s *story) intact() {
	s.tb.Helper()
	ctx := context.Background()
	note := must(s.Checkpoint(ctx, s.key))(s.tb)
	c := must(audit.ReadCheckpoint(note))(s.tb)
	report, err := audit.VerifyEntries(s.Entries(ctx, "", c.Size), [][]byte{note}, audit.Trust{Keys: []string{s.key.Public}})
	if err != nil || report.Verdict != audit.Intact {
		s.tb.Errorf("the log is not intact: %v\n%s", err, written(s.tb, report))
	}
	if head := must(s.Log(ctx, c.Size-1, 10))(s.tb); len(head) != 1 {
		s.tb.Errorf("%d entries at the checkpoint's end, want 1", len(head))
	}
}

func written(tb testing.TB, r audit.Report) string {
	var text bytes.Buffer
	if err := r.Write(&text); err != nil {
		tb.Error(err)
	}
	return text.String()
}

func chain(t *testing.T, s *story) {
	const writers, each = 8, 50
	atOnce(writers, func(i int) {
		for j := range each {
			ev := pointsman.Event{Type: pointsman.EvServerState, Text: fmt.Sprintf("%d/%d", i, j)}
			if err := s.Note(context.Background(), ev, ev); err != nil {
				t.Error(err)
			}
		}
	})
	ids := map[string]bool{}
	for i, ev := range s.events("") {
		if ev.Seq != int64(i+1) || ids[ev.ID] || ev.ID == "" || ev.Version != 1 || ev.At.IsZero() {
			t.Fatalf("entry %d: %+v", i+1, ev)
		}
		ids[ev.ID] = true
	}
	if len(ids) != 2*writers*each {
		t.Errorf("%d entries, want %d", len(ids), 2*writers*each)
	}
	s.intact()
}

func growing(t *testing.T, s *story) {
	s.say("one", "two")
	s.intact() // makes a checkpoint as well
	for _, table := range []string{"log", "log_tree", "checkpoints"} {
		for _, sql := range []string{"DELETE FROM " + table, "UPDATE " + table + " SET " + map[string]string{"log": "body", "log_tree": "h", "checkpoints": "note"}[table] + " = 'x'"} {
			if err := s.sql(sql); err == nil || !strings.Contains(err.Error(), "only grows") {
				t.Errorf("%s: %v, want a refusal", sql, err)
			}
		}
	}
	s.intact()
}

func noAuditNoChange(t *testing.T, s *story) {
	s.do(s.webhook("a", s.alert("fp")))
	before := s.state("INC-1")
	if err := s.sql("ALTER TABLE log_tree RENAME TO log_tree_gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), s.webhook("a", s.alert("other"))); err == nil {
		t.Error("stored without an audit record")
	}
	if _, err := s.Do(t.Context(), s.webhook("b", s.alert("fp"))); err == nil {
		t.Error("opened without an audit record")
	}
	if err := s.sql("ALTER TABLE log_tree_gone RENAME TO log_tree"); err != nil {
		t.Fatal(err)
	}
	if got := s.state("INC-1"); got.Incident.Firing != before.Incident.Firing {
		t.Errorf("%d firing, want %d", got.Incident.Firing, before.Incident.Firing)
	}
	if id := s.do(s.webhook("b", s.alert("fp"))).State.Incident.ID; id != "INC-2" {
		t.Errorf("next incident is %s, want INC-2", id)
	}
	s.intact()
}

func exports(t *testing.T, s *story) {
	anchor := func() []byte { return must(s.Checkpoint(t.Context(), s.key))(t) }
	s.ready("a", 1)
	early := anchor()
	s.ready("b", 1)
	if again := anchor(); bytes.Equal(early, again) || !bytes.Equal(again, anchor()) {
		t.Error("a checkpoint must be new when the log grew, and the same when it did not")
	}
	for _, subject := range []string{"INC-2", ""} {
		dir := filepath.Join(t.TempDir(), "export")
		x := must(s.Export(t.Context(), subject, nil, s.key))(t)
		if err := audit.WriteDir(dir, x); err != nil {
			t.Fatal(err)
		}
		report, err := audit.VerifyPath(dir, audit.Trust{Keys: []string{s.key.Public}, Anchors: [][]byte{early}})
		if err != nil || report.Verdict != audit.Intact {
			t.Errorf("export of %q: %v\n%s", subject, err, written(t, report))
		}
	}
}

// hidden: the column by which an incident's entries are found is under no hash. Whoever owns the database may empty it while
// the program runs, and the export of that incident must still have the vote.
func hidden(t *testing.T, s *story) {
	s.say("somebody approved", "somebody denied", "it was done")
	s.unguarded("UPDATE log SET incident = '' WHERE seq = 2")
	var told []string
	for e, err := range s.Told(t.Context(), "INC-1", 3) {
		told = append(told, string(e.Body))
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 3 || !strings.Contains(told[1], "somebody denied") {
		t.Errorf("the record of INC-1 has %d entries, want 3: %s", len(told), told)
	}
	for e, err := range s.Told(t.Context(), "INC-2", 3) {
		t.Errorf("the record of INC-2 has %s, %v", e.Body, err)
	}
	s.unguarded("UPDATE log SET incident = 'INC-1' WHERE seq = 2")
}

// oversized: an entry that no export can hold would make every later one fail, and it cannot be taken out again.
func oversized(t *testing.T, s *story) {
	data, err := json.Marshal(strings.Repeat("<", 2<<20))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Note(t.Context(), pointsman.Event{Type: pointsman.EvServerState, Incident: "INC-1", Text: "a large alert", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	x := must(s.Export(t.Context(), "INC-1", nil, s.key))(t)
	dir := filepath.Join(t.TempDir(), "export")
	if err := audit.WriteDir(dir, x); err != nil {
		t.Fatal(err)
	}
	entries := must(s.Log(t.Context(), 0, 10))(t)
	if body := string(entries[0].Body); !strings.Contains(body, `"left_out_bytes":12582914,"left_out_sha256":"`) {
		t.Errorf("what is left out is not told: %.200s", body)
	}
	s.intact()
}

func touched(t *testing.T, s *story) {
	s.say("one", "two", "three")
	s.intact()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const edit, back = "UPDATE log SET body = replace(body, 'two', 'TWO') WHERE seq = 2", "UPDATE log SET body = replace(body, 'TWO', 'two') WHERE seq = 2"
	for _, c := range []struct{ touch, restore, want string }{
		{edit, back, "entry 2: stored hash and body do not fit"},
		{"UPDATE log SET incident = '' WHERE seq = 2", "UPDATE log SET incident = 'INC-1' WHERE seq = 2", `entry 2: the column incident says "", the entry itself "INC-1"`},
		{"UPDATE log SET type = 'step.done' WHERE seq = 3", "UPDATE log SET type = 'server.state' WHERE seq = 3", `entry 3: the column type says "step.done"`},
		{"UPDATE log SET at = at + 1 WHERE seq = 1", "UPDATE log SET at = at - 1 WHERE seq = 1", "entry 1: the column at says"},
		{"UPDATE log_head SET seq = 2", "UPDATE log_head SET seq = 3", "the head is entry 2, but there is an entry 3"},
		{"UPDATE log_head SET seq = 4", "UPDATE log_head SET seq = 3", "1 of the last 4 entries are missing"},
		{"UPDATE log_tree SET h = (SELECT h FROM log_tree WHERE ix = 0) WHERE ix = 2", "", "tree node"},
	} {
		s.unguarded(c.touch)
		_, err := store.Open(t.Context(), s.cfg, nil)
		if err == nil || !strings.Contains(err.Error(), "audit broken: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: opened with %v, want %q", c.touch, err, c.want)
		}
		if c.restore != "" {
			s.unguarded(c.restore)
		}
	}
}
