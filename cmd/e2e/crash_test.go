package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestPromotionSurvivesKill kills the program at each place between the intent of the promotion and its recorded
// outcome. Whoever comes after does not know what happened, so it looks, and the standby is promoted once.
func TestPromotionSurvivesKill(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"sqlite", "postgres"} {
		for place, told := range map[string]string{
			"before-apply":   "",
			"after-apply":    "observed after a takeover: it had happened",
			"before-outcome": "observed after a takeover: it had happened",
		} {
			t.Run(driver+"_"+place, func(t *testing.T) {
				t.Parallel()
				killedAt(t, driver, place, told)
			})
		}
	}
}

func killedAt(t *testing.T, driver, place, told string) {
	s := open(t, setting{driver: driver, process: true, pair: true, runbooks: func(_, text string) string {
		// "Not done" is trusted only after the step's deadline, because its request may still be on the way.
		return strings.ReplaceAll(text, `timeout: 30s, irreversible`, `timeout: 15s, irreversible`)
	}})
	s.stop()
	s.start("POINTSMAN_FAILPOINT=step." + place + " postgres.promote")
	s.sampled()
	s.kill()
	s.alarm(firing(primaryDown()))
	card := s.room.WaitMessage("INC-1").WaitText("Proposed: PostgreSQL failover", "needs 1 of dba")
	if driver == "postgres" { // what it saw is with the others; a replica that died before would leave the loss unknown, and a refusal
		s.await("the death of the primary is shared", func() error {
			n := 0
			err := s.ask(s.dsn, `SELECT count(*) FROM samples WHERE doc LIKE '%"LostAt":%' AND doc NOT LIKE '%"LostAt":"0001-01-01%'`, &n)
			if err == nil && n == 0 {
				err = errors.New("nobody has told")
			}
			return err
		})
	}
	card.Click("U0ANA", "Approve")
	s.killed()
	if driver == "postgres" { // another host takes over: it has no file of samples, only what the replicas share
		if err := os.Remove(filepath.Join(s.dir, "samples.json")); err != nil {
			t.Fatal(err)
		}
	}

	s.start()
	st := s.state("INC-1", "is carried out", ranDone)
	s.provenFailover(st)
	promote := st.Runs[0].Steps[2]
	if told != "" && (promote.Attempt != 1 || promote.Note != told) {
		t.Errorf("the promotion: attempt %d, %q; want attempt 1, %q", promote.Attempt, promote.Note, told)
	}
	if told == "" && promote.Attempt != 2 {
		t.Errorf("the promotion: attempt %d, %q; want attempt 2", promote.Attempt, promote.Note)
	}
	if n := len(s.events("INC-1", pointsman.EvRunTaken)); n != 1 {
		t.Errorf("the run was taken over %d times, want 1", n)
	}
	card.WaitText("done and verified")
	card.WaitReply("🔀")
	s.oneCard("INC-1")
	s.wholeLogIsIntact()
}

// wholeLogIsIntact has the whole record verified, as anybody could.
func (s *stage) wholeLogIsIntact() {
	s.t.Helper()
	if out, code := s.cli(nil, "audit", "export", "--output", "whole.zip"); code != 0 {
		s.t.Fatalf("export: %s", out)
	}
	if out, code := s.cli(nil, "audit", "verify", "whole.zip"); code != 0 || !strings.HasPrefix(out, "intact") {
		s.t.Errorf("verify: %d %s", code, out)
	}
}
