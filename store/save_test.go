package store

import (
	"errors"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestSaveRun_is_bound_to_the_lease: even if nobody had compared the epochs before, the statement itself changes nothing.
func TestSaveRun_is_bound_to_the_lease(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Config{Driver: "sqlite", Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	was := pointsman.Run{ID: "INC-1/R1", State: pointsman.RunRunning}
	for _, sql := range []string{
		`INSERT INTO incidents (id, number, key, state, resolved_at, due_at, doc) VALUES ('INC-1', 1, 'k', 'open', 0, 0, '{}')`,
		`INSERT INTO runs (id, incident_id, number, state, target, held, queued_at, wake_at, doc, epoch) VALUES ('INC-1/R1', 'INC-1', 1, 'running', '', FALSE, 0, 0, '{}', 5)`,
	} {
		if _, err := s.db.direct.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
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
