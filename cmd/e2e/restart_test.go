package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
)

// TestRestart stops the program, or has it die, between the click and everything that follows from it.
func TestRestart(t *testing.T) {
	t.Parallel()
	t.Run("killed_right_after_the_click", func(t *testing.T) {
		t.Parallel()
		s := open(t, setting{pair: true, process: true})
		s.stop()
		s.start("POINTSMAN_FAILPOINT=step.before-apply postgres.check")
		s.sampled()
		s.kill()
		s.alarm(firing(primaryDown()))
		card := s.room.WaitMessage("INC-1").WaitText("Proposed: PostgreSQL failover", "needs 1 of dba")
		card.Click("U0ANA", "Approve")
		s.killed()
		s.start()
		s.provenFailover(s.state("INC-1", "is carried out", ranDone))
		card.WaitText("done and verified")
		s.oneCard("INC-1")
		s.wholeLogIsIntact()
	})
	t.Run("stopped_in_order_in_the_middle_of_the_run", func(t *testing.T) {
		t.Parallel()
		s := open(t, setting{pair: true})
		s.kill()
		s.alarm(firing(primaryDown()))
		card := s.room.WaitMessage("INC-1").WaitText("Proposed: PostgreSQL failover", "needs 1 of dba")
		card.Click("U0ANA", "Approve")
		s.stop()
		s.start()
		s.provenFailover(s.state("INC-1", "is carried out", ranDone))
		card.WaitText("done and verified")
		s.oneCard("INC-1")
	})
}

// TestSlackDown breaks Slack in every way at the worst moment, the first post of a card: there is one card in the end,
// and every line that people were to be told.
func TestSlackDown(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		mode  fakeslack.Mode
		calls int
	}{
		{fakeslack.ServerError, 3},
		{fakeslack.RateLimited, 2},
		{fakeslack.Drop, 3},
		{fakeslack.DropAfter, 1},
		{fakeslack.Hang, 1},
		{fakeslack.HangAfter, 1},
	} {
		t.Run(string(one.mode), func(t *testing.T) {
			t.Parallel()
			s := open(t, setting{})
			s.slack.FailNext("chat.postMessage", one.calls, one.mode)
			missing := map[string]string{"alertname": "BackupMissing", "severity": "critical"}
			s.alarm(firing(missing))
			s.state("INC-1", "is ready although Slack is down", ready)
			card := s.room.WaitMessage("INC-1").WaitText("Proposed: Backup missing or too old", "needs 1 of dba")
			card.Now().Click(t.Context(), "U0BEN", "Approve")
			run := s.waiting("INC-1")
			s.alarm(over(missing))
			if status, text := s.answer("ben", "/api/v1/steer", map[string]string{"run": run, "verb": "abort", "reason": "the disk was full"}); status != http.StatusOK {
				t.Fatalf("abort: %d %s", status, text)
			}
			s.state("INC-1", "is resolved", resolved)
			card.WaitReply("INC-1 resolved after")
			card.WaitText("Resolved")
			s.oneCard("INC-1")
			for _, line := range []string{"is ready for approval", "Ben Okafor approved INC-1/P1", "INC-1/R1 started", "the disk was full", "INC-1 resolved after"} {
				if n := s.lines(card, line); n != 1 {
					t.Errorf("%q is said %d times in the thread, want once:\n%s", line, n, s.room.String())
				}
			}
			if lost := s.events("INC-1", pointsman.EvDeliveryLost); len(lost) != 0 {
				t.Errorf("lost: %+v", lost)
			}
		})
	}
}

// waiting is the run of the incident once it waits for a person's hands.
func (s *stage) waiting(id string) string {
	s.t.Helper()
	st := s.state(id, "waits for a person's hands", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].WakeAt.IsZero()
	})
	return st.Runs[0].ID
}

func (s *stage) lines(card fakeslack.Card, says string) int {
	n := 0
	for _, m := range card.Now().Thread() {
		if strings.Contains(fmt.Sprint(m.Text, m.Visible()), says) {
			n++
		}
	}
	return n
}
