package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain removes what was built, and is the small service of which APIDown speaks when it is started as one.
func TestMain(m *testing.M) {
	if addr := os.Getenv(serviceAddr); addr != "" {
		serveForever(addr)
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// serviceAddr is the variable that turns this test binary into a service.
const serviceAddr = "POINTSMAN_E2E_SERVICE"

func serveForever(addr string) {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "healthy") })
	fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, nil)) //nolint:gosec // a test's own loopback
	os.Exit(1)
}

// built is the program, built once: with failpoints, which do nothing unless one is named.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "pointsman-e2e-program-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-tags", "failpoints", "-o", filepath.Join(built.dir, "pointsman"), "../pointsman")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the program: %w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "pointsman")
}
