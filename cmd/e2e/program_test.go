package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// TestMain removes what was built. Started with a word of ours it is no test: it is the service of which APIDown
// speaks, or the command that restarts it.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "serve":
			serveForever(os.Args[2])
		case "restart":
			os.Exit(startService(os.Args[2]))
		}
	}
	// The stories mostly wait, so more of them than cores go on at once.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// serveForever is the service: it says that it is well, and its process id.
func serveForever(addr string) {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "healthy %d", os.Getpid()) })
	fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, nil)) //nolint:gosec // a test's own loopback
	os.Exit(1)
}

// startService starts the service in a session of its own, as a service manager does, and returns an exit code.
func startService(addr string) int {
	cmd := exec.Command(os.Args[0], "serve", addr)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// built is the program, built once: with failpoints, which do nothing unless one is named.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func program(t testing.TB) string {
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
