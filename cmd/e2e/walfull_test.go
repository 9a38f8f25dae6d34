package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestPromotionWithoutRoomForWAL: a standby needs room for the first segment of its new timeline, and no server tells how
// much there is. Without it the standby dies of the promotion. Nobody may take that for done: the run is parked with what
// was seen, and goes on when a person has made room.
func TestPromotionWithoutRoomForWAL(t *testing.T) {
	t.Parallel()
	s := open(t, setting{process: true, pair: true, pager: true, runbooks: func(_, text string) string {
		return strings.ReplaceAll(text, `timeout: 30s, irreversible`, `timeout: 15s, irreversible`)
	}})
	standby := s.pair.Standby
	s.must(standby.Stop(t.Context(), lab.Fast))
	disk, err := standby.OnSmallDisk(t.Context(), "pg_wal")
	s.must(err, standby.Start(t.Context()), s.pair.AwaitStreaming(t.Context()))
	s.sampled()
	s.must(disk.Fill())
	s.kill()
	s.alarm(firing(primaryDown()))
	card := s.room.WaitMessage("INC-1").WaitText("Proposed: PostgreSQL failover", "needs 1 of dba")
	card.Click("U0ANA", "Approve")
	st := s.state("INC-1", "is parked", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunParked
	})
	r := st.Runs[0]
	if step := r.Steps[r.Current()]; step.Kind != "postgres.promote" || step.State != pointsman.StepUnknown || !strings.Contains(r.Note, "pg-2 does not tell its role: it refuses connections") {
		t.Errorf("step %s is %s: %s", step.Kind, step.State, r.Note)
	}
	s.await("somebody is paged", func() error {
		for _, ev := range s.pager.Events() {
			if ev.Action == "trigger" && strings.Contains(ev.Payload.Summary, "INC-1") {
				return nil
			}
		}
		return errors.New("nobody is")
	})

	s.must(disk.Free(), standby.Start(t.Context()))
	if status, text := s.answer("ana", "/api/v1/steer", map[string]string{"run": r.ID, "verb": "retry", "at": r.Mark(), "reason": "there was no room for WAL"}); status != http.StatusOK {
		t.Fatalf("retry: %d %s", status, text)
	}
	s.provenFailover(s.state("INC-1", "is carried out", ranDone))
	s.wholeLogIsIntact()
}
