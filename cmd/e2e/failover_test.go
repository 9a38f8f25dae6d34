package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
)

// TestFailover is the main story: from a dead primary to a verified write and a record that proves it.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pair: true, read: 28 * time.Second, edit: func(c *configs.Config) {
		c.Route.UpdateEvery = new(2 * time.Second) // an operator's file may not say less than a minute
	}})
	am := s.alertmanager()

	gate := make(chan struct{})
	s.hold.Store(&gate)
	s.kill()
	down, cut := primaryDown(), map[string]string{"alertname": "ReplicationDisconnected", "cluster": "orders", "severity": "critical"}
	fire := func(labels map[string]string) {
		t.Helper()
		if err := am.Fire(t.Context(), labels, map[string]string{"summary": "seen by the rules"}); err != nil {
			t.Fatal(err)
		}
	}
	fire(down)

	// The second site has not answered yet, and still the people know.
	card := s.room.WaitMessage("PrimaryDown", "INC-1", "checking…", "evidence and buttons follow")
	if b := card.Buttons(); strings.Contains(strings.Join(b, " "), "Approve") {
		t.Errorf("the first form of the card can be approved: %q", b)
	}
	fire(cut)
	s.state("INC-1", "has both alerts", func(st pointsman.State) bool { return st.Incident.Firing == 2 })
	close(gate)
	card = card.WaitText("Proposed: PostgreSQL failover to the standby", "Expected loss, at most", "point of no return", "promote pg-2 to primary of orders",
		"May approve: Ana Ruiz, Ben Okafor", "needs 1 of dba", "ReplicationDisconnected")
	s.repeated(am)
	s.onlyOneIncident()

	s.refused(card, "U0EVE", "Eve Lind has none of the roles that decide here; it needs 1 of dba")
	s.refused(card, "U0MAL", "T0POINTS/U0MAL is not a person of the configuration")
	st := s.now("INC-1")
	if len(st.Runs) != 0 || len(pointsman.Ranked(st.Proposals)[0].Votes) != 0 {
		t.Fatalf("refused clicks counted: %s", brief(st))
	}
	s.triedDry(pointsman.Ranked(st.Proposals)[0])
	s.onlyOneIncident()

	card.Now().Click(t.Context(), "U0ANA", "Approve")
	s.room.WaitEphemeral("U0ANA", "INC-1/P1 is approved (1 of 1) and starts now as INC-1/R1")
	st = s.state("INC-1", "is carried out", ranDone)
	s.provenFailover(st)

	card = card.WaitText("done and verified", "Approved by Ana Ruiz", "Verified")
	for _, line := range []string{"is ready for approval", "Ana Ruiz approved INC-1/P1", "promote", "the stop hook for pg-1 ended well", "done and verified", "Update 1 on INC-1"} {
		card.WaitReply(line)
	}
	for _, labels := range []map[string]string{down, cut} {
		if err := am.Resolve(t.Context(), labels); err != nil {
			t.Fatal(err)
		}
	}
	card.WaitReply("INC-1 resolved after", "Durations: alert to proposal", "waiting for approval", "approval to first step", "first step to verified end")
	card.WaitText("Resolved", "0 firing now")
	s.state("INC-1", "is resolved", resolved)
	s.oneCard("INC-1")
	s.proven("INC-1")
}

// alertmanager starts a real one that notifies the program, for each alert name apart and again every second.
func (s *stage) alertmanager() *lab.Alertmanager {
	s.t.Helper()
	am, err := lab.StartAlertmanager(s.t.Context(), lab.AlertmanagerOptions{
		WebhookURL: s.base + webhookPath, BearerToken: webhookToken, GroupBy: []string{"alertname", "cluster"},
		GroupInterval: time.Second, RepeatInterval: time.Second,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := am.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return am
}

// repeated waits until Alertmanager has sent several webhooks for each of the two groups.
func (s *stage) repeated(am *lab.Alertmanager) {
	s.t.Helper()
	sent := regexp.MustCompile(`alertmanager_notifications_total\{.*integration="webhook".*\} (\d+)`)
	s.await("the webhooks were repeated", func() error {
		resp, err := http.Get(am.URL + "/metrics")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		found := sent.FindSubmatch(text)
		if found == nil {
			return errors.New("alertmanager counts no webhooks")
		}
		if n, err := strconv.Atoi(string(found[1])); err != nil || n < 5 {
			return fmt.Errorf("%s webhooks were sent", found[1])
		}
		return nil
	})
}

func (s *stage) onlyOneIncident() {
	s.t.Helper()
	var list []pointsman.Incident
	if err := s.read("/api/v1/incidents?all=1", &list); err != nil || len(list) != 1 {
		s.t.Errorf("%d incidents, want 1; %v", len(list), err)
	}
}

// triedDry holds a dry run of the running server against the proposal: it finds the same, the loss counted from the samples of the
// primary that is dead included, which only that process has.
func (s *stage) triedDry(p pointsman.Proposal) {
	s.t.Helper()
	var dry api.Planned
	if err := s.read("/api/v1/runbooks/postgres-failover/plan?arg=orders", &dry); err != nil {
		s.t.Fatal(err)
	}
	if got, want := found(dry.Proposal), found(p); dry.Proposal.State != pointsman.ProposalReady || !slices.Equal(got, want) {
		s.t.Errorf("the dry run is %s and found\n%q, the card says\n%q", dry.Proposal.State, got, want)
	}
	if !slices.ContainsFunc(dry.Proposal.Facts, func(f pointsman.Fact) bool { return f.Name == "loss in bytes" && f.Result == pointsman.Pass }) {
		s.t.Errorf("the dry run does not know the loss: %q", found(dry.Proposal))
	}
}

// found are the facts of a proposal by their names and results, sorted.
func found(p pointsman.Proposal) (out []string) {
	for _, f := range p.Facts {
		out = append(out, f.Name+" "+string(f.Result))
	}
	slices.Sort(out)
	return out
}

// now is the incident as it stands.
func (s *stage) now(id string) pointsman.State {
	s.t.Helper()
	var st pointsman.State
	if err := s.read("/api/v1/incidents/"+id, &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// refused presses Approve as somebody whose click must not count, and waits for the sentence and the entry in the log.
func (s *stage) refused(card fakeslack.Card, user, sentence string) {
	s.t.Helper()
	if r, err := card.Now().Click(s.t.Context(), user, "Approve"); err != nil || r.Status != 200 {
		s.t.Fatalf("click of %s: %d %s, %v", user, r.Status, r.Body, err)
	}
	s.room.WaitEphemeral(user, sentence)
	id := regexp.MustCompile(`INC-\d+`).FindString(card.Visible())
	for _, e := range s.events(id, pointsman.EvVoteRefused) {
		if strings.Contains(e.Text, sentence) {
			return
		}
	}
	s.t.Errorf("the log of %s does not say %q", id, sentence)
}

// provenFailover does not take the program's word: it looks at the servers.
func (s *stage) provenFailover(st pointsman.State) {
	s.t.Helper()
	s.did(st, "postgres.check done, postgres.fence done, postgres.promote done, postgres.verify done, postgres.checkpoint done")
	fenced, err := os.ReadFile(filepath.Join(s.dir, "fenced"))
	if err != nil || string(fenced) != "pg-1\n" {
		s.t.Errorf("the stop hook was called for %q, %v; want pg-1 once", fenced, err)
	}
	s.promotedOnce()
	var recovery bool
	if err := s.ask(s.pair.ClientDSN(lab.App), "SELECT pg_is_in_recovery()", &recovery); err != nil || recovery {
		s.t.Errorf("clients find no primary: recovery %t, %v", recovery, err)
	}
}

// oneCard holds the channel against the promise of one card, however often it was edited or Slack failed.
func (s *stage) oneCard(incident string) {
	s.t.Helper()
	n := 0
	for _, m := range s.slack.Channel(channel).Messages() {
		if m.ThreadTS == "" && m.User == s.slack.Config().BotUserID && m.Says(incident) {
			n++
		}
	}
	if n != 1 {
		s.t.Errorf("%d cards of %s in the channel, want 1:\n%s", n, incident, s.room.String())
	}
}

// proven exports the record and has it verified, then touches one byte of it.
func (s *stage) proven(incident string) {
	s.t.Helper()
	s.provenBy(incident, "Ana Ruiz approved")
}

// provenBy does so with the entry that says this.
func (s *stage) provenBy(incident, says string) {
	s.t.Helper()
	out, code := s.cli(nil, "audit", "export", "--incident", incident, "--output", "record")
	if code != 0 {
		s.t.Fatalf("export: %s", out)
	}
	folder := filepath.Join(s.dir, "record")
	s.nothingLeaked(os.DirFS(folder))
	timeline, err := os.ReadFile(filepath.Join(folder, "timeline.md"))
	if err != nil || !strings.Contains(string(timeline), says) {
		s.t.Errorf("timeline: %s, %v", timeline, err)
	}
	if out, code := s.cli(nil, "audit", "verify", "record"); code != 0 || !strings.HasPrefix(out, "intact") {
		s.t.Errorf("verify of what was not touched: %d %s", code, out)
	}
	rows := filepath.Join(folder, "rows.jsonl")
	text, err := os.ReadFile(rows)
	if err != nil {
		s.t.Fatal(err)
	}
	at := strings.Index(string(text), says)
	begins := strings.LastIndexByte(string(text[:at]), '\n') + 1
	seq := regexp.MustCompile(`"seq":(\d+)`).FindSubmatch(text[begins:at])
	text[at] = 'E'
	if err := os.WriteFile(rows, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, code := s.cli(nil, "audit", "verify", "record"); code != 1 || !strings.HasPrefix(out, "touched") || !strings.Contains(out, "entry "+string(seq[1])) {
		s.t.Errorf("verify after one byte of entry %s was touched: %d %s", seq[1], code, out)
	}
}
