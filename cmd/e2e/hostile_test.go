package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/configs"
)

// doorsRefused are the entries of the log about requests that were turned away.
func (s *stage) doorsRefused() []string {
	s.t.Helper()
	all, err := s.app.Store().Events(s.t.Context(), "", 0, 100000)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		if e.Type == pointsman.EvDoorRefused {
			out = append(out, e.Text)
		}
	}
	return out
}

func (s *stage) onRecord(says string) {
	s.t.Helper()
	s.await(fmt.Sprintf("the log says %q", says), func() error {
		for _, text := range s.doorsRefused() {
			if strings.Contains(text, says) {
				return nil
			}
		}
		return fmt.Errorf("the log says %q", s.doorsRefused())
	})
}

// TestWebhookThatIsNotAlertmanagers turns bad senders away with a sentence, on record, and goes on.
func TestWebhookThatIsNotAlertmanagers(t *testing.T) {
	t.Parallel()
	s := open(t, setting{})
	post := func(token string, body io.Reader) (int, string) {
		t.Helper()
		status, out, err := s.send(http.MethodPost, webhookPath, token, body)
		if err != nil {
			t.Fatal(err)
		}
		return status, string(out)
	}
	good := webhook("{}:{}", firing(map[string]string{"alertname": "BackupMissing"}))

	for _, token := range []string{"", "wrong-token-of-the-stage"} {
		if status, out := post(token, bytes.NewReader(good)); status != http.StatusUnauthorized || !strings.Contains(out, "token") {
			t.Errorf("token %q: %d %s, want 401 and why", token, status, out)
		}
	}
	s.onRecord("token")
	if status, out := post(webhookToken, strings.NewReader(`{"alerts": [`)); status != http.StatusBadRequest || !strings.Contains(out, "not the JSON of an Alertmanager webhook") {
		t.Errorf("broken JSON: %d %s, want 400 and why", status, out)
	}
	s.onRecord("not the JSON")
	if list := s.incidents(); len(list) != 0 {
		t.Fatalf("%d incidents from refused webhooks", len(list))
	}

	// 40 MiB: what fits is kept and the rest is said to be lost. To refuse it all would lose all of it.
	first := firing(map[string]string{"alertname": "BackupMissing", "job": "first"})
	big := firing(map[string]string{"alertname": "BackupMissing", "job": "big"})
	big["annotations"] = map[string]string{"summary": strings.Repeat("x", 40<<20)}
	status, out := post(webhookToken, bytes.NewReader(webhook("{}:{}", first, big)))
	if status != http.StatusOK || !strings.Contains(out, "larger than 32 MiB: only its first part is stored (1 alert), the rest is lost") {
		t.Errorf("40 MiB: %d %.300s", status, out)
	}
	s.onRecord("larger than 32 MiB")
	s.room.WaitMessage("BackupMissing", "Proposed: Backup missing or too old")
	if status, out := post(webhookToken, bytes.NewReader(good)); status != http.StatusOK {
		t.Errorf("after all that a good webhook: %d %s", status, out)
	}
}

func (s *stage) incidents() []pointsman.Incident {
	s.t.Helper()
	var list []pointsman.Incident
	if err := s.read("/api/v1/incidents?all=1", &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestLabelsOnlySelect gives labels that name no target, or try to be something else than labels.
func TestLabelsOnlySelect(t *testing.T) {
	t.Parallel()
	hostile := map[string]string{
		"unknown cluster": "payments",
		"slack":           "<!channel> <@U0ANA> *now* <https://evil.example|Approve>",
		"shell":           "$(rm -rf /); `reboot`",
		"sql":             "orders'; DROP TABLE kill_switch_state; --",
		"runbook":         "${candidate}",
		"line":            "orders\nINC-99 resolved",
	}
	s := open(t, setting{pair: true, switches: true})
	for name, value := range hostile {
		ids := s.alarm(firing(map[string]string{"alertname": "PrimaryDown", "cluster": value, "job": name}))
		st := s.state(ids[0], "is refused", func(st pointsman.State) bool {
			return len(st.Proposals) > 0 && st.Proposals[0].State == pointsman.ProposalRefused
		})
		p := st.Proposals[0]
		if !strings.Contains(p.Problem, "no configured postgres matches the alert's labels") || !strings.Contains(p.Problem, "configured: orders") {
			t.Errorf("%s: problem %q names no candidates", name, p.Problem)
		}
		if p.Target.Name != "" || len(p.Plan) != 0 {
			t.Errorf("%s: a plan for %q, %s", name, p.Target.Name, p.Plan)
		}
	}
	s.await("every incident has its card", func() error {
		if n := len(s.slack.Channel(channel).Messages()); n < len(s.incidents()) {
			return fmt.Errorf("%d messages for %d incidents", n, len(s.incidents()))
		}
		return nil
	})
	for _, m := range s.slack.Channel(channel).Messages() {
		raw := string(m.JSON())
		for _, live := range []string{"<!channel>", "<@U0ANA>", "<https://evil.example"} {
			if strings.Contains(raw, live) || strings.Contains(raw, strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(live)) {
				t.Errorf("the text of a label is alive in Slack: %s in %s", live, raw)
			}
		}
	}
	var engaged bool
	if err := s.ask(s.where, "SELECT engaged FROM kill_switch_state WHERE id = 1", &engaged); err != nil || engaged {
		t.Errorf("the table of the kill switch: engaged %t, %v", engaged, err)
	}
}

// TestSlackRequestThatIsNotSlacks turns forged, old and replayed clicks away; the card still works afterwards.
func TestSlackRequestThatIsNotSlacks(t *testing.T) {
	t.Parallel()
	s := open(t, setting{})
	s.alarm(firing(map[string]string{"alertname": "BackupMissing"}))
	card := s.room.WaitMessage("INC-1").WaitText("Proposed: Backup missing or too old", "needs 1 of dba")

	spoiled := []struct {
		name   string
		tamper fakeslack.Tamper
		says   string
	}{
		{"forged", fakeslack.Tamper{Secret: "guessed"}, "signature"},
		{"old", fakeslack.Tamper{Age: 6 * time.Minute}, "6m"},
		{"from the future", fakeslack.Tamper{Age: -6 * time.Minute}, ""},
		{"unsigned", fakeslack.Tamper{Unsigned: true}, ""},
		{"changed", fakeslack.Tamper{Append: "&more=1"}, ""},
	}
	for i, one := range spoiled {
		s.slack.TamperNext(one.tamper)
		r, err := card.Message.Click(t.Context(), "U0ANA", "Approve")
		if err != nil || r.Status != http.StatusUnauthorized || len(r.Body) == 0 {
			t.Errorf("%s: %d %s, %v; want 401 and why", one.name, r.Status, r.Body, err)
		}
		if got := s.doorsRefused(); len(got) != i+1 {
			t.Errorf("%s: %d refusals on record, want %d: %q", one.name, len(got), i+1, got)
		}
	}
	if st := s.now("INC-1"); len(st.Runs)+len(st.Proposals[0].Votes) != 0 {
		t.Fatalf("a spoiled click counted: %s", brief(st))
	}

	card.Click("U0ANA", "Approve")
	if r, err := s.slack.Replay(t.Context()); err != nil || r.Status != http.StatusUnauthorized {
		t.Errorf("replayed: %d %s, %v; want 401", r.Status, r.Body, err)
	}
	st := s.state("INC-1", "waits for a person's hands", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting
	})
	if n := len(st.Proposals[0].Votes); n != 1 {
		t.Errorf("%d votes, want 1", n)
	}
}

// TestClickThatDoesNotCount refuses people who may not decide, or come too late, with a sentence for them alone; the
// incident goes on.
func TestClickThatDoesNotCount(t *testing.T) {
	t.Parallel()
	var changed atomic.Bool
	s := open(t, setting{edit: func(c *configs.Config) {
		for i := range c.Runbooks {
			switch rb := &c.Runbooks[i]; rb.Name {
			case "backup-verification-failed":
				rb.Approval.Expires = 45 * time.Second // a file may not say less than a minute; a loaded machine shows the card within this
			case "backup-missing":
				if changed.Load() {
					rb.Approval.Expires = time.Minute
				}
			}
		}
	}})
	t.Run("without_the_role_or_unknown", func(t *testing.T) {
		s.alarm(firing(map[string]string{"alertname": "DatabasePoolExhausted"}))
		card := s.room.WaitMessage("DatabasePoolExhausted").WaitText("Proposed: Database connection pool", "needs 1 of dba")
		s.refused(card, "U0EVE", "Eve Lind has none of the roles that decide here; it needs 1 of dba")
		s.refused(card, "U0MAL", "T0POINTS/U0MAL is not a person of the configuration")
		s.goesOn(card)
	})
	t.Run("by_the_requester", func(t *testing.T) {
		s.room.Slash("U0ANA", "/pointsman", "run backup-missing the disk was full")
		card := s.room.WaitMessage("Ana Ruiz asked for it").WaitText("Proposed: Backup missing or too old", "needs 1 of dba")
		s.refused(card, "U0ANA", "Ana Ruiz asked for this run and so may not approve it")
		s.goesOn(card)
	})
	t.Run("after_expiry", func(t *testing.T) {
		s.slack.FailSaying("chat.update", "Expired is not denied", fakeslack.ServerError) // people still see the buttons
		s.alarm(firing(map[string]string{"alertname": "BackupVerificationFailed"}))
		card := s.room.WaitMessage("BackupVerificationFailed").WaitText("Proposed: Backup verification failed", "[Approve]")
		id := s.incidents()[0].ID
		s.state(id, "has expired", func(st pointsman.State) bool { return st.Proposals[0].State == pointsman.ProposalExpired })
		s.refused(card, "U0BEN", "which is not a denial; Check and ask again, on its card, starts anew")
		s.slack.FailNext("chat.update", 0, "")
		card.WaitText("Expired is not denied", "[Check and ask again]")
		s.slack.FailSaying("chat.update", "Expired is not denied", fakeslack.ServerError) // nor may the second one be gone too soon
		card.Click("U0BEN", "Check and ask again")
		card.WaitText("Proposed: Backup verification failed", "[Approve]")
	})
	t.Run("on_an_old_card", func(t *testing.T) {
		s.alarm(firing(map[string]string{"alertname": "BackupTooOld"}))
		card := s.room.WaitMessage("BackupTooOld").WaitText("Proposed: Backup missing or too old", "[Approve]")
		shown := s.now(s.incidents()[0].ID).Proposals[0].Digest
		s.slack.FailNext("chat.update", 1000, fakeslack.ServerError)
		changed.Store(true)
		if status, out := s.call("ben", http.MethodPost, "/-/reload", nil); status != http.StatusOK {
			t.Fatalf("reload: %d %s", status, out)
		}
		id := s.incidents()[0].ID
		if status, text := s.answer("ben", "/api/v1/rechecks", map[string]string{"id": id}); status != http.StatusOK {
			t.Fatalf("recheck: %d %s", status, text)
		}
		s.state(id, "has another plan", func(st pointsman.State) bool {
			return st.Proposals[0].State == pointsman.ProposalReady && st.Proposals[0].Digest != shown
		})
		s.refused(card, "U0BEN", "you were shown "+pointsman.ShortDigest(shown)+"; read the card again")
		s.slack.FailNext("chat.update", 0, "")
		now := pointsman.ShortDigest(s.now(id).Proposals[0].Digest)
		card.WaitText(now)
		s.goesOn(card)
	})
}

// goesOn shows that the refusals lost nothing: somebody who may decide does.
func (s *stage) goesOn(card fakeslack.Card) {
	s.t.Helper()
	card.Now().Click(s.t.Context(), "U0BEN", "Approve")
	card.WaitText("Approved by Ben Okafor")
}
