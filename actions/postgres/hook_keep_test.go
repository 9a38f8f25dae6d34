package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// handMade is the shipped hook over a data folder that no server made: one WAL file after the fork, and a control file that
// says so. It returns how one of its steps is done.
func handMade(t *testing.T) (pgWAL, kept string, step func(name, last string, env ...string) (string, error)) {
	t.Helper()
	own, err := lab.NewDir("hook") // of a user that is not root, as a server's is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := own.Path
	data, bin, keep := filepath.Join(dir, "data"), filepath.Join(dir, "bin"), filepath.Join(dir, "keep")
	pgWAL, kept = filepath.Join(data, "pg_wal"), filepath.Join(keep, "kept")
	write := func(path, text string, mode os.FileMode) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil { //nolint:gosec // the hook's user reads it
			t.Fatal(err)
		}
	}
	write(filepath.Join(bin, "pg_controldata"), "#!/bin/sh\necho \"Latest checkpoint's TimeLineID: 1\nBytes per WAL segment: 16777216\nDatabase system identifier: 7\"\n", 0o755)
	write(filepath.Join(dir, "pg-1.conf"), fmt.Sprintf("DATA=%s\nBIN=%s\nKEEP=%s\nADDRESS=\nREPLICATION=\nREWIND=\n", data, bin, keep), 0o644)
	write(filepath.Join(pgWAL, "000000010000000000000005"), "first", 0o644)
	conf := filepath.Join(data, "postgresql.conf")
	write(conf, "", 0o644)
	if err := errors.Join(os.Mkdir(keep, 0o755), own.Give(keep), own.Give(data), own.Give(conf)); err != nil { //nolint:gosec // the hook's user enters it
		t.Fatal(err)
	}
	return pgWAL, kept, func(name, last string, env ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), nodeScript, dir, "pg-1")
		cmd.Env = append(append(os.Environ(), "POINTSMAN_STEP="+name, "POINTSMAN_KEEP=kept", "POINTSMAN_FORK_LSN=0/5000100", "POINTSMAN_LAST_LSN="+last,
			"POINTSMAN_PRIMARY_NODE=pg-2", "POINTSMAN_PRIMARY_TIMELINE=2", "POINTSMAN_SYSTEM_ID=7"), env...)
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
}

// TestNodeHook_says_that_WAL_is_kept_only_where_it_is: what follows takes the only copy away.
func TestNodeHook_says_that_WAL_is_kept_only_where_it_is(t *testing.T) {
	t.Parallel()

	t.Run("file_that_has_grown_is_copied_again_and_the_earlier_copy_stays", func(t *testing.T) {
		t.Parallel()
		wal, kept, step := handMade(t)
		if said, err := step("keep", "0/5000200"); err != nil {
			t.Fatal(said, err)
		}
		if err := os.WriteFile(filepath.Join(wal, "000000010000000000000005"), []byte("first and second"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 { // what is kept already is not kept once more
			if said, err := step("keep", "0/5000900"); err != nil {
				t.Fatal(said, err)
			}
		}
		for name, want := range map[string]string{"000000010000000000000005": "first and second", "000000010000000000000005.1": "first"} {
			if got, err := os.ReadFile(filepath.Join(kept, name)); string(got) != want {
				t.Errorf("%s holds %q, want %q, %v", name, got, want, err)
			}
		}
		if more, _ := filepath.Glob(filepath.Join(kept, "*.2")); len(more) > 0 {
			t.Errorf("kept twice: %v", more)
		}
	})

	t.Run("copy_that_fails_is_no_copy", func(t *testing.T) {
		t.Parallel()
		_, kept, step := handMade(t)
		full := filepath.Join(filepath.Dir(filepath.Dir(kept)), "full")
		program := []byte("#!/bin/sh\necho 'cp: no space left on device' >&2\nexit 1\n")
		if err := errors.Join(os.Mkdir(full, 0o755), os.WriteFile(filepath.Join(full, "cp"), program, 0o755)); err != nil { //nolint:gosec // the hook's user runs it
			t.Fatal(err)
		}
		said, err := step("keep", "0/5000200", "PATH="+full+":"+os.Getenv("PATH"))
		if err == nil || !strings.Contains(said, "no space left on device") || strings.Contains(said, "kept=") {
			t.Errorf("it says %q, %v", said, err)
		}
		if _, err := os.Stat(filepath.Join(kept, "README")); err == nil {
			t.Error("the mark of a finished copy is there")
		}
	})

	t.Run("nothing_is_rewound_that_was_written_after_it_was_kept", func(t *testing.T) {
		t.Parallel()
		wal, _, step := handMade(t)
		if said, err := step("keep", "0/5000200"); err != nil {
			t.Fatal(said, err)
		}
		if err := os.WriteFile(filepath.Join(wal, "000000010000000000000005"), []byte("first and second"), 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := step("rewind", "0/5000200"); err == nil || !strings.Contains(said, "000000010000000000000005 of pg-1 is not what is kept in ") {
			t.Errorf("it says %q, %v", said, err)
		}
	})
}

// TestNodeHook_stops_a_server_that_is_down_whatever_its_files_say: a crash on a full disk leaves an empty postmaster.pid.
func TestNodeHook_stops_a_server_that_is_down_whatever_its_files_say(t *testing.T) {
	t.Parallel()
	wal, _, step := handMade(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(wal), "postmaster.pid"), nil, 0o644); err != nil { //nolint:gosec // the hook's user reads it
		t.Fatal(err)
	}
	if said, err := step("stop", "0/0"); err != nil {
		t.Errorf("%q, %v", said, err)
	}
}

// TestNodeHook_finds_a_server_that_calls_its_folder_otherwise, as one in a container does: it would be rewound while it runs.
func TestNodeHook_finds_a_server_that_calls_its_folder_otherwise(t *testing.T) {
	t.Parallel()
	wal, _, step := handMade(t)
	other := t.TempDir()
	inside := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", `mount --bind "$0" "$1" && cd "$1" && exec setpriv --reuid "$(stat -c %u .)" --regid "$(stat -c %g .)" --clear-groups sh -c "echo in; exec sleep 60"`, filepath.Dir(wal), other)
	out, err := inside.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Process.Kill(); _ = inside.Wait() })
	if said, _ := bufio.NewReader(out).ReadString('\n'); said != "in\n" {
		t.Fatal("no folder can be mounted: run the tests as root, as make test does")
	}
	if said, err := step("keep", "0/5000200"); err == nil || !strings.Contains(said, "pg-1 runs: keep needs it stopped") {
		t.Errorf("it says %q, %v", said, err)
	}
}

// TestNodeHook_says_that_a_rewind_is_under_way: it goes on where the connection broke, and whoever is told that it did not end empties
// the folder under it.
func TestNodeHook_says_that_a_rewind_is_under_way(t *testing.T) {
	t.Parallel()
	_, kept, step := handMade(t)
	keep := filepath.Dir(kept)
	inspected := func(want, not string) {
		t.Helper()
		said, err := step("inspect", "", "POINTSMAN_PRIMARY_TIMELINE=")
		if err != nil || !strings.Contains(said, want) || not != "" && strings.Contains(said, not) {
			t.Errorf("error %v, want %q and not %q:\n%s", err, want, not, said)
		}
	}
	inspected("timeline=1", "broken")
	for _, name := range []string{"pg-1.rewinding", "pg-1.lock"} {
		if err := os.WriteFile(filepath.Join(keep, name), nil, 0o644); err != nil { //nolint:gosec // the hook's user reads it
			t.Fatal(err)
		}
	}
	inspected("broken=an earlier pg_rewind of it did not end", "busy")
	lock, err := os.Open(filepath.Join(keep, "pg-1.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	inspected("busy=a pg_rewind of it is under way", "did not end")
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	inspected("broken=an earlier pg_rewind of it did not end", "busy")
}

// TestNodeHook_a_rewind_ends_or_is_seen_to_stand_still: where the machine of the primary is gone, pg_rewind waited for its answer for ever
// and kept the lock, while the card said for ever to wait until it has ended.
func TestNodeHook_a_rewind_ends_or_is_seen_to_stand_still(t *testing.T) {
	t.Parallel()
	_, kept, step := handMade(t)
	dir := filepath.Dir(filepath.Dir(kept))
	script, err := filepath.Abs(nodeScript)
	if err != nil {
		t.Fatal(err)
	}
	program := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\"\nexport POINTSMAN_PRIMARY_TIMELINE= POINTSMAN_STEP=inspect\nexec %s %s pg-1\n", script, dir) // its own words: its log
	if err := os.WriteFile(filepath.Join(dir, "bin", "pg_rewind"), []byte(program), 0o755); err != nil {                                                   //nolint:gosec // the hook's user runs it
		t.Fatal(err)
	}
	for _, name := range []string{"keep", "rewind"} {
		if said, err := step(name, "0/5000200"); err != nil {
			t.Fatal(said, err)
		}
	}
	log := filepath.Join(kept, "pg_rewind.log")
	said, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--progress\n", "connect_timeout=30 keepalives_idle=30 ", " tcp_user_timeout=60000 "} {
		if !strings.Contains(string(said), want) {
			t.Errorf("want %q in\n%s", want, said)
		}
	}
	const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
	if busy := regexp.MustCompile(`(?m)^busy=a pg_rewind of it is under way since ` + at + `, and ` + regexp.QuoteMeta(log) + ` grew last at ` + at + `$`); !busy.Match(said) {
		t.Errorf("want %s in\n%s", busy, said)
	}
}

// TestNodeHook_waits_for_the_stop_of_an_attempt_before: refused at once, the way back of this one would find the server stopped for
// another, and start nothing.
func TestNodeHook_waits_for_the_stop_of_an_attempt_before(t *testing.T) {
	t.Parallel()
	_, kept, step := handMade(t)
	path := filepath.Join(filepath.Dir(kept), "pg-1.lock")
	if said, err := step("stop", "", "POINTSMAN_WITHIN=20", "POINTSMAN_ATTEMPT=first"); err != nil { // it makes the lock, too
		t.Fatal(said, err)
	}
	lock, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if said, err := step("stop", "", "POINTSMAN_WITHIN=1", "POINTSMAN_ATTEMPT=second"); err == nil || !strings.Contains(said, "another step is at work on pg-1") {
		t.Errorf("%v\n%s", err, said)
	}
	about, err := lock.Stat()
	if err != nil {
		t.Fatal(err)
	}
	node, _ := about.Sys().(*syscall.Stat_t)
	done := make(chan string, 1)
	go func() {
		said, err := step("stop", "", "POINTSMAN_WITHIN=20", "POINTSMAN_ATTEMPT=second")
		done <- fmt.Sprint(said, err)
	}()
	await(t, func(context.Context) error { // the kernel's word that somebody waits for the lock
		if len(done) > 0 {
			t.Fatalf("it did not wait: %s", <-done)
		}
		held, err := os.ReadFile("/proc/locks")
		for line := range strings.Lines(string(held)) {
			if strings.Contains(line, "-> FLOCK") && strings.Contains(line, fmt.Sprintf(":%d ", node.Ino)) {
				return nil
			}
		}
		return errors.Join(errors.New("nobody waits for the lock"), err)
	})
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if said := <-done; !strings.HasSuffix(said, "<nil>") {
		t.Error(said)
	}
	if held, err := os.ReadFile(filepath.Join(filepath.Dir(kept), "pg-1.stopped-for")); strings.TrimSpace(string(held)) != "second" {
		t.Errorf("stopped for %q, %v", held, err)
	}
}

// TestNodeHook_names_the_program_that_is_missing: without cmp each copy of the WAL seemed to be another one.
func TestNodeHook_names_the_program_that_is_missing(t *testing.T) {
	t.Parallel()
	_, kept, step := handMade(t)
	path := filepath.Join(filepath.Dir(filepath.Dir(kept)), "only")
	if err := os.Mkdir(path, 0o755); err != nil { //nolint:gosec // the hook's user looks there
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "flock", "id", "stat", "setpriv", "readlink"} {
		at, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(at, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"inspect", "keep", "rewind"} {
		if said, err := step(name, "0/5000200", "PATH="+path); err == nil || said != "cmp is not installed on this machine; it is in diffutils\n" {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
}
