package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
	"github.com/pointsman/pointsman/configs"
)

// TestPage wakes somebody when nobody decides in time; the first decision acknowledges, the end resolves. When it fires
// again, that is another page.
func TestPage(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pager: true, edit: func(c *configs.Config) {
		c.Route.Escalate = alerts.Escalate{After: time.Second, Service: "dba"} // a file may not say so little
	}})
	key := "pointsman/" + strings.TrimPrefix(s.base, "http://") + "/INC-1"
	paged := func(state string) {
		t.Helper()
		s.await("the page is "+state, func() error {
			if is := s.pager.State(pagerKey, key); is != state {
				return fmt.Errorf("it is %q", is)
			}
			return nil
		})
	}
	missing := map[string]string{"alertname": "BackupMissing", "severity": "critical"}
	s.alarm(firing(missing))
	card := s.room.WaitMessage("BackupMissing").WaitText("Proposed: Backup missing or too old")
	paged("triggered")
	card.WaitText("📟 paged")
	s.refused(card, "U0EVE", "Eve Lind has none of the roles")
	paged("triggered")
	card.Now().Click(t.Context(), "U0ANA", "Approve")
	paged("acknowledged")
	for i := range 3 {
		s.state("INC-1", fmt.Sprintf("waits for a person's hands at step %d", i+1), func(st pointsman.State) bool {
			return len(st.Runs) == 1 && st.Runs[0].State == pointsman.RunWaiting && st.Runs[0].Current() == i && st.Runs[0].WakeAt.IsZero()
		})
		if status, text := s.answer("ana", "/api/v1/steer", map[string]string{"run": "INC-1/R1", "verb": "done", "at": fmt.Sprintf("%d.1", i+1), "reason": "done by hand"}); status != http.StatusOK {
			t.Fatalf("done: %d %s", status, text)
		}
	}
	s.state("INC-1", "is carried out", ranDone)
	s.alarm(over(missing))
	paged("resolved")
	key += "/2"
	again := time.Now().UTC().Format(time.RFC3339Nano)
	for _, a := range []alert{firing(missing), over(missing)} {
		a["startsAt"] = again
		s.alarm(a)
		paged(map[any]string{"firing": "triggered", "resolved": "resolved"}[a["status"]])
	}
	if n := len(s.pager.Woken()); n != 2 {
		t.Errorf("%d pages woke somebody, want 2", n)
	}
	var told []string
	for _, e := range s.pager.Events() {
		told = append(told, e.Action)
	}
	if diff := cmp.Diff([]string{"trigger", "acknowledge", "resolve", "trigger", "resolve"}, slices.Compact(told)); diff != "" {
		t.Error(diff)
	}
}

// TestNotPaged: PagerDuty does not take the page, and whoever reads the card must not wait for the person who is not being woken.
func TestNotPaged(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pager: true, edit: func(c *configs.Config) {
		c.Route.Escalate = alerts.Escalate{After: time.Second, Service: "dba"} // a file may not say so little
	}})
	s.pager.Fail(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90") // so that the minute need not be waited for
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	s.alarm(firing(map[string]string{"alertname": "BackupMissing", "severity": "critical"}))
	card := s.room.WaitMessage("BackupMissing").WaitText("NOT PAGED: pagerduty answered 503; it is tried on.")
	card.WaitReply("📟 Paging: INC-1 has no decision")
	said := card.WaitReply("🚨 NOT PAGED: pagerduty answered 503; it is tried on (service:dba)")
	if !said.Broadcast {
		t.Error("said in the thread only")
	}
	if strings.Contains(card.Now().Visible(), "📟") {
		t.Errorf("and the card speaks of a page:\n%s", card.Now().Visible())
	}
}
