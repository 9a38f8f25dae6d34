package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkStart measures from the start of the process to the first "ready", with a store that exists, and how much
// memory the program holds when it has nothing to do. Run it with -benchtime 10x.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	binary := filepath.Join(dir, "pointsman")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	port, err := lab.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	config := fmt.Sprintf("web: {listen: 127.0.0.1:%d, socket: \"\"}\nstorage: {path: %[2]s/pointsman.db}\naudit: {key_file: %[2]s/audit.key}\nalertmanager: {tokens: [token-of-the-benchmark]}\n", port, dir)
	file := filepath.Join(dir, "pointsman.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/-/ready", port)
	start(b, binary, file, url) // makes the store
	var ready []time.Duration
	var memory int
	for range b.N {
		took, kb := start(b, binary, file, url)
		ready, memory = append(ready, took), max(memory, kb)
	}
	slices.Sort(ready)
	b.ReportMetric(float64(ready[len(ready)/2].Milliseconds()), "ms-ready-p50")
	b.ReportMetric(float64(ready[len(ready)-1].Milliseconds()), "ms-ready-max")
	b.ReportMetric(float64(memory)/1024, "MiB-idle")
	b.ReportMetric(0, "ns/op")
}

func start(b *testing.B, binary, file, url string) (ready time.Duration, rss int) {
	b.Helper()
	cmd := exec.Command(binary, "serve", "--config", file)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(began) > 30*time.Second {
			b.Fatal("not ready after 30 s")
		}
	}
	ready = time.Since(began)
	<-time.After(2 * time.Second) // the collector has run and the loops are idle
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return ready, 0
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &rss); err == nil {
			break
		}
	}
	return ready, rss
}
