package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestSocketMode is how Slack is reached unless the file says otherwise: Pointsman dials it, and nothing of its own is open to
// the outside. From the webhook to the click that counts, everything goes through the program as it starts.
func TestSocketMode(t *testing.T) {
	t.Parallel()
	s := open(t, setting{socket: true})
	s.await("Slack has a connection", func() error {
		if s.slack.Connections() == 0 {
			return errors.New("the program has not dialled")
		}
		return nil
	})
	s.alarm(firing(map[string]string{"alertname": "BackupMissing", "severity": "critical"}))
	card := s.room.WaitMessage("INC-1").WaitText("Proposed: Backup missing or too old", "needs 1 of dba", "[Approve]")
	if r := s.room.Slash("U0EVE", "/pointsman", "status"); !strings.Contains(string(r.Body), "waits for approval") {
		t.Errorf("status answers %s", r.Body)
	}
	s.refused(card, "U0EVE", "Eve Lind has none of the roles that decide here; it needs 1 of dba")
	s.goesOn(card)
	st := s.state("INC-1", "waits for a person's hands", func(st pointsman.State) bool {
		return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting
	})
	if votes := st.Proposals[0].Votes; len(votes) != 1 || votes[0].Person.ID != "ben" || votes[0].Door != pointsman.DoorSlack {
		t.Errorf("the votes are %+v, want one of Ben's", votes)
	}
	if status, text := s.call("ana", http.MethodPost, "/slack/interactions", nil); status != http.StatusNotFound {
		t.Errorf("the door of mode http is open without a signing secret: %d %s", status, text)
	}
}
