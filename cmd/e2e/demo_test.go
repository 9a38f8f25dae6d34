package e2e

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestCtrlCInTheDemoLeavesNothing presses Ctrl-C as a terminal does, in which every process of the group hears it: whoever
// tries the program must find the machine as it was.
func TestCtrlCInTheDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ auto, line string }{
		"where it waits for Enter":       {"", "press Enter to kill the primary"},
		"while the failover is approved": {"1", "Clicking Approve as"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := openFolder(t)
			demo := exec.CommandContext(t.Context(), program(t), "demo")
			demo.Dir = t.TempDir()
			demo.Env = append(os.Environ(), "TMPDIR="+folder, "DEMO_AUTO="+at.auto)
			demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if _, err := demo.StdinPipe(); err != nil { // somebody sits there and presses nothing
				t.Fatal(err)
			}
			out, err := demo.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var complaints strings.Builder
			demo.Stderr = &complaints
			if err := demo.Start(); err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			for lines := bufio.NewScanner(out); lines.Scan(); {
				said.WriteString(lines.Text() + "\n")
				if strings.Contains(lines.Text(), at.line) {
					if err := syscall.Kill(-demo.Process.Pid, syscall.SIGINT); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := demo.Wait(); err == nil || demo.ProcessState.ExitCode() != 1 || !strings.Contains(complaints.String(), "stopped before the end of the story") {
				t.Errorf("it ended with %v and said %q", err, complaints.String())
			}
			ports := regexp.MustCompile(`127\.0\.0\.1:\d+|on port \d+`).FindAllString(said.String(), -1)
			if len(ports) < 5 { // Slack, Pointsman, two servers, Alertmanager
				t.Errorf("it told of %d ports only:\n%s", len(ports), said.String())
			}
			for _, port := range ports {
				if c, err := net.Dial("tcp", "127.0.0.1:"+port[strings.LastIndexAny(port, ": ")+1:]); err == nil {
					_ = c.Close()
					t.Errorf("%s still answers", port)
				}
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left in the temporary folder: %v %v", left, err)
			}
		})
	}
}

// openFolder is a temporary folder that a server's own user may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "pointsman-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}
