package store_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pointsman/pointsman/store"
)

// TestSQLite_refuses_a_damaged_file overwrites each page of a database in turn. Where nothing refuses to start, nothing
// is missing.
func TestSQLite_refuses_a_damaged_file(t *testing.T) {
	t.Parallel()
	const page = 4096
	cfg := onSQLite(t)
	s := open(t, cfg)
	for i := range int64(20) {
		if _, err := s.Do(t.Context(), outage(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for at := 0; at < len(whole); at += page {
		damaged := bytes.Clone(whole)
		copy(damaged[at:at+page], bytes.Repeat([]byte("power loss "), page/11))
		one := onSQLite(t)
		if err := os.WriteFile(one.Path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), one, nil)
		if err != nil {
			refused++
			if said := err.Error(); !strings.Contains(said, one.Path) && !strings.Contains(said, "audit broken") {
				t.Errorf("page %d: %q does not say which file, or that the log is broken", at/page, said)
			}
			continue
		}
		if list, err := s.Incidents(t.Context(), false, 1000); err != nil || len(list) != 20 {
			t.Errorf("page %d: it was opened and has %d incidents, %v", at/page, len(list), err)
		}
		wholeLog(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if pages := len(whole) / page; refused < pages/2 {
		t.Errorf("%d of %d damaged files were refused", refused, pages)
	}
}

// TestSQLite_refuses_what_it_cannot_write opens a database as a user who may only read it.
func TestSQLite_refuses_what_it_cannot_write(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "pointsman-readable-") // t.TempDir lies in a folder that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{Driver: "sqlite", Path: filepath.Join(folder, "pointsman.db")}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{cfg.Path, cfg.Path + ".lock"} {
		if err := os.Chmod(name, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o555); err != nil { //nolint:gosec // others must be able to read it
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Args, cmd.Dir = []string{os.Args[0]}, "/"
	cmd.Env = append(os.Environ(), child+"=writer", "DRIVER=sqlite", "DB_PATH="+cfg.Path)
	if os.Geteuid() == 0 { // root may write everything
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), cfg.Path) || !strings.Contains(string(out), "permission denied") {
		t.Errorf("it said %q (%v), want a refusal that names the file", out, err)
	}
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // so that it can be removed
		t.Fatal(err)
	}
}
