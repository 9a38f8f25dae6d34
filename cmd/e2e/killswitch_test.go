package e2e

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
)

// openSwitches makes the table of the kill switches, all released, in a database of its own.
func (s *stage) openSwitches() string {
	s.t.Helper()
	s.where = lab.PostgresDSN(s.t)
	s.run(`CREATE TABLE kill_switch_state (id int PRIMARY KEY, engaged boolean NOT NULL, reason text NOT NULL, updated_at timestamptz NOT NULL)`)
	s.run(`INSERT INTO kill_switch_state SELECT id, false, 'open', '2026-01-01' FROM generate_series(1, 3) AS id`)
	return s.where
}

// run changes something in the database of the kill switches.
func (s *stage) run(sql string) {
	s.t.Helper()
	var none int
	if err := s.ask(s.where, sql, &none); err != nil && !strings.Contains(err.Error(), "no rows") {
		s.t.Fatal(err)
	}
}

// row holds the switch against the database, not against the program's word.
func (s *stage) row(id int, engaged bool, reason string) {
	s.t.Helper()
	s.await(fmt.Sprintf("the row of switch %d says engaged %t, %q", id, engaged, reason), func() error {
		var is bool
		var why string
		if err := s.ask(s.where, fmt.Sprintf("SELECT engaged, reason FROM kill_switch_state WHERE id = %d", id), &is, &why); err != nil {
			return err
		}
		if is != engaged || !strings.Contains(why, reason) {
			return fmt.Errorf("it says %t, %q", is, why)
		}
		return nil
	})
}

// ordered is what the two answers to an order have in common: "is engaged and was read back as engaged" and, from a machine
// that is too busy to read it back within the time of an answer, "is being engaged as INC-2/R1". The row tells the rest.
const ordered = " engaged a"

// silenced takes Slack away, and brings it back.
func (s *stage) silenced(away bool) {
	calls := 0
	if away {
		calls = math.MaxInt
	}
	for _, method := range []string{"chat.postMessage", "chat.update", "chat.postEphemeral", "conversations.history", "conversations.replies"} {
		s.slack.FailNext(method, calls, fakeslack.ServerError)
	}
}

// TestKillSwitch engages by one person through each door while a failover holds its lock, through two of
// them without Slack, and releases by two others.
func TestKillSwitch(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pair: true, switches: true, edit: func(c *configs.Config) { c.Targets.Postgres[0].Fence.Timeout = 10 * time.Minute }, runbooks: func(_, text string) string {
		return strings.Replace(text, `node: "${old_primary}"}, timeout: 45s`, `node: "${old_primary}"}, timeout: 10m`, 1)
	}})

	// A failover stands in its fence and holds the lock of its cluster.
	s.write("hold", "", 0o600)
	s.kill()
	s.alarm(firing(primaryDown()))
	card := s.room.WaitMessage("PrimaryDown").WaitText("Proposed: PostgreSQL failover", "needs 1 of dba")
	card.Click("U0ANA", "Approve")
	card.WaitText("is running, step 2 of 5")

	t.Run("slack", func(t *testing.T) {
		s.room.Slash("U0ANA", "/pointsman", "killswitch engage trading prices are wrong since ten")
		s.room.WaitEphemeral("U0ANA", "Ana Ruiz has none of the roles that decide here; it needs 1 of risk")
		s.row(1, false, "open")
		s.room.Slash("U0CHI", "/pointsman", "killswitch engage trading prices are wrong since ten")
		s.room.WaitEphemeral("U0CHI", "trading is ", ordered)
		s.row(1, true, "prices are wrong since ten")
	})
	s.silenced(true) // the other two doors need no Slack
	t.Run("command_line", func(t *testing.T) {
		if out, code := s.cli(nil, "killswitch", "engage", "payouts", "x"); code == 0 || !strings.Contains(out, "a reason of at least 10 characters is needed") {
			t.Errorf("without a reason: %d %s", code, out)
		}
		if out, code := s.cli(nil, "killswitch", "engage", "payouts", "payments are doubled"); code != 0 && code != 3 || !strings.Contains(out, "payouts is ") || !strings.Contains(out, ordered) {
			t.Errorf("engage: %d %s", code, out)
		}
		s.row(2, true, "payments are doubled")
	})
	t.Run("http", func(t *testing.T) {
		if status, text := s.answer("eve", "/api/v1/kill-switches/refunds/engage", map[string]string{"reason": "somebody steals refunds"}); status != http.StatusForbidden {
			t.Errorf("Eve: %d %s", status, text)
		}
		status, text := s.answer("dee", "/api/v1/kill-switches/refunds/engage", map[string]string{"reason": "somebody steals refunds"})
		if status != http.StatusOK && status != http.StatusAccepted || !strings.Contains(text, "refunds is ") || !strings.Contains(text, ordered) {
			t.Errorf("Dee: %d %s", status, text)
		}
		s.row(3, true, "somebody steals refunds")
		if status, text := s.answer("eli", "/api/v1/kill-switches/refunds/engage", map[string]string{"reason": "somebody steals refunds"}); !strings.Contains(text, "engaged already") {
			t.Errorf("engaged twice: %d %s", status, text)
		}
		// Eli's proposal, which found it engaged, is open for a quarter of an hour. A false alarm, released by hand; then it is real.
		s.run(`UPDATE kill_switch_state SET engaged = false, reason = 'false alarm', updated_at = now() WHERE id = 3`)
		status, text = s.answer("dee", "/api/v1/kill-switches/refunds/engage", map[string]string{"reason": "they are stolen again"})
		if status != http.StatusOK && status != http.StatusAccepted || !strings.Contains(text, "refunds is ") || !strings.Contains(text, ordered) {
			t.Errorf("engaged again: %d %s", status, text)
		}
		s.row(3, true, "somebody steals refunds") // the reason of the proposal; hers is with her vote
	})
	if all := s.slack.Channel(channel).Messages(); slices.ContainsFunc(all, func(m fakeslack.Message) bool { return m.Says("killswitch/payouts") }) {
		t.Error("Slack was to be away, and shows the switch that was engaged meanwhile")
	}
	s.silenced(false)
	s.room.WaitMessage("killswitch/payouts") // said late, not never
	if st := s.now("INC-1"); !st.Runs[0].Holds || st.Runs[0].State != pointsman.RunRunning {
		t.Errorf("the failover did not hold its lock meanwhile: %s", brief(st))
	}
	if err := os.Remove(filepath.Join(s.dir, "hold")); err != nil {
		t.Fatal(err)
	}
	s.provenFailover(s.state("INC-1", "is carried out", ranDone))

	t.Run("release_needs_two_others", func(t *testing.T) {
		s.room.Slash("U0CHI", "/pointsman", "killswitch release trading prices are checked and right")
		s.room.WaitEphemeral("U0CHI", "the release of trading waits for 2 of risk")
		card := s.room.WaitMessage("killswitch/trading").WaitText("Proposed: Release the kill switch", "needs 2 of risk")
		s.refused(card, "U0CHI", "Chi Nguyen asked for this run and so may not approve it")
		card.Now().Click(t.Context(), "U0DEE", "Approve")
		card = card.WaitText("Approvals 1 of 2")
		card.WaitReply("Dee Larsen approved", "👉 <@U0ELI>: please approve or deny on the card", "needs 1 more approval before")
		s.row(1, true, "prices are wrong since ten")
		card.Now().Click(t.Context(), "U0ELI", "Approve")
		card.WaitText("done and verified")
		s.row(1, false, "prices are checked and right")
	})
	t.Run("stale_counts_as_engaged", func(t *testing.T) {
		s.run(`ALTER TABLE kill_switch_state RENAME TO moved`)
		s.await("trading counts as engaged", func() error { return s.switchIs("trading", true, true) })
		out, _ := s.cli(nil, "killswitch", "status")
		if !strings.HasPrefix(out, "trading ") || !strings.Contains(out, "counts as engaged") {
			t.Errorf("status: %s", out)
		}
		s.run(`ALTER TABLE moved RENAME TO kill_switch_state`)
		s.await("trading is released again", func() error { return s.switchIs("trading", false, false) })
	})
}

func (s *stage) switchIs(name string, engaged, stale bool) error {
	var all []struct {
		Name           string
		Engaged, Stale bool
	}
	if err := s.read("/api/v1/kill-switches", &all); err != nil {
		return err
	}
	for _, one := range all {
		if one.Name == name && one.Engaged == engaged && one.Stale == stale {
			return nil
		}
	}
	return fmt.Errorf("the switches are %+v", all)
}
