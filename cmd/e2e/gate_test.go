package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestGate: a command begins only if it is let through and in time, whoever stands still meanwhile.
func TestGate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		until   time.Duration
		program string
		away    bool // who started it is gone, or has changed its mind
		told    string
	}{
		"in_time":    {until: time.Minute},
		"late":       {until: -time.Millisecond, told: "the step's time was over, so this was not begun any more"},
		"not_let":    {away: true, told: "it was not let through"},
		"no_program": {until: time.Minute, program: "/no/such/program", told: "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			did := filepath.Join(t.TempDir(), "did")
			if c.program == "" {
				c.program = "/bin/sh"
			}
			letIn, let, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			told, toldIn, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program(t))
			cmd.Args = []string{"pointsman-gate", c.program, "sh", "-c", `echo "$1 $POINTSMAN_KEY $PPID" > "$0"; ls /proc/$$/fd | wc -l`, did, "word"}
			cmd.Env, cmd.ExtraFiles = []string{"POINTSMAN_KEY=INC-1/R1/1", "PATH=/usr/bin:/bin"}, []*os.File{letIn, toldIn}
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			letIn.Close()
			toldIn.Close()
			if !c.away {
				var ts unix.Timespec
				if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
					t.Fatal(err)
				}
				fmt.Fprint(let, ts.Nano()+int64(c.until))
			}
			let.Close()
			why, err := io.ReadAll(told)
			if err != nil || !strings.Contains(string(why), c.told) || (c.told == "") != (len(why) == 0) {
				t.Errorf("told %q %v, want %q", why, err, c.told)
			}
			_ = cmd.Wait()
			text, _ := os.ReadFile(did)
			want := ""
			if c.told == "" {
				want = fmt.Sprintf("word INC-1/R1/1 %d\n", os.Getpid())
			}
			if string(text) != want {
				t.Errorf("did %q, want %q; it said %q", text, want, out.String())
			}
		})
	}
}
