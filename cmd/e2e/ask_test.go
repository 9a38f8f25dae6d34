package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// TestLossThatGrowsAfterTheApproval: while a person looks once more, the dead primary comes back without its standby, takes
// writes and dies again. When it is fenced for good, more would be lost than was approved. Who approved it cannot accept
// that alone; a second approver does, on the card, and the promotion goes on in the same run.
func TestLossThatGrowsAfterTheApproval(t *testing.T) {
	t.Parallel()
	const look = "  - {name: look, kind: manual.task, with: {text: look whether somebody works on it}}\n"
	s := open(t, setting{pair: true, runbooks: func(_, text string) string {
		return strings.Replace(text, "  - {name: fence,", look+"  - {name: fence,", 1)
	}})
	s.kill()
	s.alarm(firing(primaryDown()))
	card := s.room.WaitMessage("INC-1").WaitText("Expected loss, at most", "needs 1 of dba")
	card.Click("U0ANA", "Approve")
	s.state("INC-1", "waits for a look", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].Current() == 1
	})
	s.comesBackAlone()
	s.steers("done", "nobody works on it")
	st := s.state("INC-1", "asks", func(st pointsman.State) bool { return st.Runs[0].State == pointsman.RunParked })
	r := st.Runs[0]
	if r.Question == nil || r.Steps[2].State != pointsman.StepDone || r.Steps[3].State != pointsman.StepRefused || !strings.Contains(r.Note, "it would now be loss <= ") {
		t.Fatalf("asked is %+v: %s", r.Question, r.Note)
	}
	t.Logf("asked: %s", r.Question.Sentence())
	text := "Accept " + r.Question.Figures() + "…"
	card = card.WaitText("One more approver may accept this", "Question", pointsman.ShortDigest(r.Question.Digest))
	for _, who := range []struct{ id, says string }{{"U0EVE", "none of the roles"}, {"U0ANA", "one more approver beside Ana Ruiz"}} {
		card.Now().Click(t.Context(), who.id, text)
		if r := s.story.Submit(s.story.WaitView(who.id, "Accept these figures"), map[string]string{"reason": "go on"}); !strings.Contains(string(r.Body), who.says) {
			t.Errorf("%s was answered %s, want %q", who.id, r.Body, who.says)
		}
	}
	if got := s.now("INC-1").Runs[0]; len(got.Granted) != 0 || got.State != pointsman.RunParked {
		t.Fatalf("the run is %s, granted %+v", got.State, got.Granted)
	}
	card.Now().Click(t.Context(), "U0BEN", text)
	s.story.Submit(s.story.WaitView("U0BEN", "What will happen"), map[string]string{"reason": "the writes of a minute"})
	st = s.state("INC-1", "is carried out", ranDone)
	if g := st.Runs[0].Granted; len(g) != 1 || g[0].By.Person.ID != "ben" || g[0].Question != r.Question.Digest || st.Runs[0].Steps[3].Attempt != 2 {
		t.Errorf("granted %+v, attempt %d", g, st.Runs[0].Steps[3].Attempt)
	}
	s.promotedOnce()
	s.provenBy("INC-1", "Ben Okafor accepts for INC-1/R1")
}

// comesBackAlone lets the dead primary come back while nobody replicates from it, and die again after it took writes that
// the program has seen.
func (s *stage) comesBackAlone() {
	s.t.Helper()
	s.exec(s.pair.Standby, "ALTER SYSTEM SET primary_conninfo = ''")
	s.exec(s.pair.Standby, "SELECT pg_reload_conf()")
	if err := s.pair.Primary.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.exec(s.pair.Primary, "CREATE TABLE written_alone AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
	var first time.Time
	s.await("its samples span the writes", func() error {
		var at time.Time
		if err := s.ask(s.pair.Primary.SuperuserDSN(), "SELECT at FROM pointsman_heartbeat WHERE id = 1", &at); err != nil {
			return err
		}
		if first.IsZero() {
			first = at
		}
		if span := at.Sub(first); span < 3*time.Second {
			return fmt.Errorf("they span %s", span)
		}
		return nil
	})
	s.kill()
}
