package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
)

// hookChild makes this test's own program run a hook, to be killed meanwhile.
const hookChild = "POINTSMAN_TEST_HOOK"

// TestHooks_die_with_Pointsman: an orphan would act on a server while a successor decides what became of it. Only a rewind goes on.
func TestHooks_die_with_Pointsman(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(hookChild); dir != "" {
		step, path := filepath.Base(dir), filepath.Join(dir, "hook")
		if step == "fence" {
			_ = hook{name: "stop hook", command: []string{path, "{node}"}, timeout: time.Minute}.run(t.Context(), "pg-1")
		} else {
			_, _ = nodeTask{step: step, cluster: Cluster{NodeHook: NodeHook{Command: []string{path, "{node}"}, Timeout: time.Minute}}, node: "pg-1"}.run(t.Context())
		}
		return
	}
	for step, lasts := range map[string]bool{"fence": false, nodeStop: false, nodeAgain: false, nodeStart: false, nodeRewind: true} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), step)
			body := fmt.Sprintf("#!/bin/sh\necho $$ >%[1]s/pid.new; mv %[1]s/pid.new %[1]s/pid\nuntil [ -e %[1]s/go ] || [ ! -d %[1]s ]; do sleep 0.05; done\ntouch %[1]s/done\n", dir)
			if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "hook"), []byte(body), 0o700)); err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHooks_die_with_Pointsman$")
			child.Env = append(os.Environ(), hookChild+"="+dir)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			var pid string
			soon(t, "the hook runs", func() bool {
				raw, err := os.ReadFile(filepath.Join(dir, "pid"))
				pid = strings.TrimSpace(string(raw))
				return err == nil
			})
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // it was killed, and says so
			if lasts {
				if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				soon(t, "the hook has ended its work", func() bool { _, err := os.Stat(filepath.Join(dir, "done")); return err == nil })
				return
			}
			soon(t, "the hook is dead", func() bool {
				stat, err := os.ReadFile("/proc/" + pid + "/stat")
				return err != nil || strings.Contains(string(stat), ") Z ") // nobody may have collected it
			})
		})
	}
}

// soon waits for a fact.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-end:
			t.Fatalf("not seen within a minute: %s", what)
		case <-tick.C:
		}
	}
}

// TestHooks_are_not_started_after_their_time: a process that stood still wakes up between two of its statements.
func TestHooks_are_not_started_after_their_time(t *testing.T) {
	t.Parallel()
	ran := filepath.Join(t.TempDir(), "ran")
	task := nodeTask{step: nodeAgain, cluster: Cluster{NodeHook: NodeHook{Command: []string{"touch", ran}, Timeout: time.Minute}}, node: "pg-1"}
	if _, err := task.run(actiontest.Asleep(t.Context())); !errors.Is(err, actions.ErrLate) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it was started")
	}
}
