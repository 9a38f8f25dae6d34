package store

import (
	"errors"
	"testing"

	"github.com/pointsman/pointsman"
)

// withRows is a store with an open incident, its approved proposal and its run, which is running under epoch 5.
func withRows(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Driver: "sqlite", Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, sql := range []string{
		`INSERT INTO incidents (id, number, key, state, resolved_at, due_at, doc) VALUES ('INC-1', 1, 'k', 'open', 0, 0, '{}')`,
		`INSERT INTO proposals (id, incident_id, number, state, target, doc) VALUES ('INC-1/P1', 'INC-1', 1, 'approved', '', '{}')`,
		`INSERT INTO runs (id, incident_id, number, state, target, held, queued_at, wake_at, doc, epoch) VALUES ('INC-1/R1', 'INC-1', 1, 'running', '', FALSE, 0, 0, '{}', 5)`,
	} {
		if _, err := s.db.direct.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestSaveRun_is_bound_to_the_lease: even if nobody had compared the epochs before, the statement itself changes nothing.
func TestSaveRun_is_bound_to_the_lease(t *testing.T) {
	t.Parallel()
	s := withRows(t)
	was := pointsman.Run{ID: "INC-1/R1", State: pointsman.RunRunning}
	save := func(epoch int64, to pointsman.RunState) error {
		l := &loaded{state: pointsman.State{Runs: []pointsman.Run{was}}, docs: map[string]string{}, leased: was.ID, epoch: epoch}
		after := was
		after.State = to
		return s.transact(t.Context(), func(w *work) error { return w.saveRun(l, "INC-1", after) })
	}
	for _, to := range []pointsman.RunState{pointsman.RunRunning, pointsman.RunParked} {
		if err := save(4, to); !errors.Is(err, errMoved) {
			t.Errorf("a former owner made the run %s: %v", to, err)
		}
	}
	if err := save(5, pointsman.RunParked); err != nil {
		t.Errorf("the owner was refused: %v", err)
	}
}

// TestSave_changes_no_row_that_left_its_state: what people do carries no epoch. Even if no lock had kept two of them apart,
// the later one's statement changes nothing where the row is not in the state from which it decided.
func TestSave_changes_no_row_that_left_its_state(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table, id string
		save      func(w *work, from string) error
		is, other string
	}{
		{"incidents", "INC-1", func(w *work, from string) error {
			l := &loaded{docs: map[string]string{}, state: pointsman.State{Incident: pointsman.Incident{ID: "INC-1", State: pointsman.IncidentState(from)}}}
			after := pointsman.State{Incident: pointsman.Incident{ID: "INC-1", State: pointsman.IncidentOpen, Key: "changed"}}
			return w.saveIncident(change{loaded: l, after: after})
		}, "open", "resolved"},
		{"proposals", "INC-1/P1", func(w *work, from string) error {
			was := pointsman.Proposal{ID: "INC-1/P1", State: pointsman.ProposalState(from)}
			l := &loaded{docs: map[string]string{}, state: pointsman.State{Proposals: []pointsman.Proposal{was}}}
			return w.saveProposal(l, "INC-1", pointsman.Proposal{ID: was.ID, State: pointsman.ProposalApproved, Title: "changed"})
		}, "approved", "ready"},
		{"runs", "INC-1/R1", func(w *work, from string) error {
			was := pointsman.Run{ID: "INC-1/R1", State: pointsman.RunState(from)}
			l := &loaded{docs: map[string]string{}, state: pointsman.State{Runs: []pointsman.Run{was}}}
			return w.saveRun(l, "INC-1", pointsman.Run{ID: was.ID, State: pointsman.RunRunning, Title: "changed"})
		}, "running", "parked"},
	} {
		t.Run(c.table, func(t *testing.T) {
			t.Parallel()
			s := withRows(t)
			stored := func() (doc string) {
				t.Helper()
				if err := s.db.direct.QueryRow(t.Context(), `SELECT doc FROM `+c.table+` WHERE id = $1`, c.id).Scan(&doc); err != nil {
					t.Fatal(err)
				}
				return doc
			}
			err := s.transact(t.Context(), func(w *work) error { return c.save(w, c.other) })
			if doc := stored(); !errors.Is(err, errMoved) || doc != "{}" {
				t.Errorf("written from %s, which it is not: %v, the row is %s", c.other, err, doc)
			}
			if err := s.transact(t.Context(), func(w *work) error { return c.save(w, c.is) }); err != nil || stored() == "{}" {
				t.Errorf("written from %s, which it is: %v, the row is %s", c.is, err, stored())
			}
		})
	}
}
