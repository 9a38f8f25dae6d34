package alerts_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestExplain_reads_well(t *testing.T) {
	t.Parallel()
	r := router(t, tree())
	for name, labels := range map[string]map[string]string{
		"failover":  {"alertname": "ReplicationLagCritical", "cluster": "orders", "severity": "critical"},
		"unknown":   {"alertname": "DiskFull", "instance": "db1"},
		"no-target": {"alertname": "PrimaryDown", "cluster": "<!channel> '; DROP TABLE runs\n"},
		"two":       {"alertname": "PrimaryDown", "cluster": "orders", "region": "eu-1", "severity": "critical", "team": "audit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "explain-"+name+".txt", r.Explain(labels).String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./alerts -update writes it):\n%s", name, strings.TrimSpace(got))
	}
}
