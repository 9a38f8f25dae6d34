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
	for _, b := range []*build{&built, &newer.build} {
		if b.dir != "" {
			_ = os.RemoveAll(b.dir)
		}
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

// build is a program that is built once, by the first test that needs it.
type build struct {
	once sync.Once
	dir  string
	err  error
}

// built is the program: with failpoints, which do nothing unless one is named.
var built build

func program(t testing.TB) string {
	t.Helper()
	return built.program(t, func(string) ([]string, error) { return nil, nil })
}

// program builds it. more is asked for further arguments of go build; it may write files to the folder that it is given.
func (b *build) program(t testing.TB, more func(dir string) ([]string, error)) string {
	t.Helper()
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp("", "pointsman-e2e-program-"); b.err != nil {
			return
		}
		args, err := more(b.dir)
		if err != nil {
			b.err = err
			return
		}
		args = append(append([]string{"build", "-tags", "failpoints", "-o", filepath.Join(b.dir, "pointsman")}, args...), "../pointsman")
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build the program: %w: %s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.dir, "pointsman")
}
