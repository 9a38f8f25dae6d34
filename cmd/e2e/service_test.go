package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// TestAPIDown kills a real service; the configured command, without a shell, brings it back, and its own health address
// decides.
func TestAPIDown(t *testing.T) {
	t.Parallel()
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	pid := func() (pid int, err error) {
		resp, err := http.Get("http://" + addr + "/health")
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return 0, err
		}
		_, err = fmt.Sscanf(string(text), "healthy %d", &pid)
		return pid, err
	}
	s := open(t, setting{services: fmt.Sprintf(
		`{name: api, environment: test, match: ['service="api"'], health: [{url: "http://%s/health", contains: healthy}], commands: {restart: [%q, restart, %q]}}`, addr, os.Args[0], addr)})
	if code := startService(addr); code != 0 {
		t.Fatal("the service does not start")
	}
	t.Cleanup(func() {
		if last, err := pid(); err == nil {
			_ = syscall.Kill(last, syscall.SIGKILL)
		}
	})
	var first int
	s.await("the service is well", func() (err error) { first, err = pid(); return err })
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.await("the service is dead", func() error {
		if _, err := pid(); err == nil {
			return fmt.Errorf("%d answers", first)
		}
		return nil
	})

	down := map[string]string{"alertname": "APIDown", "service": "api", "severity": "critical", "command": "reboot", "instance": "$(reboot)"}
	s.alarm(firing(down))
	card := s.room.WaitMessage("APIDown", "service/api").WaitText("Proposed: Restart a service", "needs 1 of oncall", "May approve: Ana Ruiz, Chi Nguyen")
	s.refused(card, "U0BEN", "Ben Okafor has none of the roles that decide here; it needs 1 of oncall")
	card.Now().Click(t.Context(), "U0CHI", "Approve")
	s.state("INC-1", "is carried out", ranDone)
	second, err := pid()
	if err != nil || second == first {
		t.Errorf("the service is process %d, was %d; %v", second, first, err)
	}
	card.WaitText("done and verified")
	s.alarm(over(down))
	s.state("INC-1", "is resolved", resolved)
}
