package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestHolds locks a service and freezes everything through each door: the open card says so at once and offers no approval,
// nobody's counts meanwhile, a kill switch is engaged all the same, and afterwards the same card asks again by itself.
func TestHolds(t *testing.T) {
	t.Parallel()
	health := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(health.Close)
	s := open(t, setting{switches: true, services: fmt.Sprintf(
		`{name: api, environment: test, match: ['service="api"'], health: [{url: %q}], commands: {restart: [touch, %q]}}`, health.URL, filepath.Join(t.TempDir(), "restarted"))})
	s.alarm(firing(map[string]string{"alertname": "APIDown", "service": "api", "severity": "critical"}))
	card := s.room.WaitMessage("APIDown", "service/api").WaitText("Restart a service", "needs 1 of oncall")

	s.room.Slash("U0EVE", "/pointsman", "lock api because I say so")
	s.room.WaitEphemeral("U0EVE", "Eve Lind may not lock service/api; it needs the role dba (guards.lock.roles)")
	s.room.Slash("U0ANA", "/pointsman", "lock api 2h its disk is being replaced")
	s.room.WaitMessage("service/api is locked by Ana Ruiz since", "until", "its disk is being replaced")
	card.WaitText("is refused", "service/api is locked by Ana Ruiz since")
	if out, code := s.cli(nil, "locks"); code != 0 || !strings.Contains(out, "service/api") || !strings.Contains(out, "Ana Ruiz") {
		t.Errorf("locks: %d %s", code, out)
	}
	if status, text := s.answer("ben", "/api/v1/protect/unlock", map[string]any{"target": "api", "reason": "the disk is in"}); status != http.StatusOK {
		t.Errorf("unlock: %d %s", status, text)
	}
	s.room.WaitMessage("service/api is unlocked by Ben Okafor after", "Ana Ruiz had held it")
	card.WaitText("Restart a service", "[Approve]")

	if status, text := s.answer("chi", "/api/v1/protect/freeze", map[string]any{"reason": "audit"}); status != http.StatusForbidden {
		t.Errorf("freeze by Chi: %d %s", status, text)
	}
	if status, text := s.answer("ben", "/api/v1/protect/freeze", map[string]any{"reason": "the network is being rebuilt"}); status != http.StatusOK {
		t.Errorf("freeze: %d %s", status, text)
	}
	s.room.WaitMessage("everything is frozen by Ben Okafor since", "the network is being rebuilt")
	card.WaitText("is refused", "everything is frozen by Ben Okafor since")
	s.room.Slash("U0CHI", "/pointsman", "killswitch engage trading prices are wrong since ten")
	s.room.WaitEphemeral("U0CHI", "trading is ", ordered)
	s.row(1, true, "prices are wrong since ten")
	if out, code := s.cli(nil, "incidents"); code != 0 || !strings.Contains(out, "everything is frozen by Ben Okafor since") {
		t.Errorf("incidents: %d %s", code, out)
	}
	if status, text := s.answer("ben", "/api/v1/protect/unfreeze", map[string]any{}); status != http.StatusOK {
		t.Errorf("unfreeze: %d %s", status, text)
	}
	card.WaitText("Restart a service", "[Approve]").Click("U0CHI", "Approve")
	s.state("INC-1", "is carried out", ranDone)
	s.wholeLogIsIntact()
}
