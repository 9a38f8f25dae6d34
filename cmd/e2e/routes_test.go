package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestRoutes asks, as an operator would, where each of the ten alerts of the reference runbook leads, and one that
// nothing answers.
func TestRoutes(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, labels := range []string{
		"alertname=ReplicationLagCritical cluster=orders",
		"alertname=ReplicationDisconnected cluster=orders",
		"alertname=APIDown service=api",
		"alertname=ExternalAPIDown service=prices",
		"alertname=HighErrorRate service=api",
		"alertname=DatabasePoolExhausted",
		"alertname=BackupVerificationFailed",
		"alertname=BackupMissing",
		"alertname=BackupTooOld",
		"alertname=MCPServerDown service=mcp",
		"alertname=APIDown service=unknown",
		"alertname=DiskAlmostFull instance=web-1",
	} {
		args := append([]string{"routes", "test", "--config", "testdata/routes.yaml"}, strings.Fields(labels)...)
		cmd := exec.Command(program(t), args...)
		var warnings strings.Builder
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", labels, err, warnings.String())
		}
		fmt.Fprintf(&got, "$ pointsman routes test %s\n%s\n", labels, out)
	}
	golden := filepath.Join("testdata", "routes.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}
