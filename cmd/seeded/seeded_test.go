// Package seeded proves that the tests can see. Each patch in testdata puts one mistake into the shipping code, the kind of
// mistake that other programs were found to have; the tests that it names must fail with it. The code itself knows nothing
// of this: a patched copy is compiled in its place by go's -overlay.
package seeded

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var seed = flag.Bool("seed-bugs", false, "run the tests that must catch each bug; without it only see that the patches apply")

// wanted is how many bugs there are; one that is lost must be noticed.
const wanted = 15

// bug is one patch.
type bug struct {
	name, title string
	tests       []string // arguments of go test
	files       []string // relative to the module
	patch       string   // its path
}

var (
	titled = regexp.MustCompile(`(?m)^bug: (.+)$`)
	caught = regexp.MustCompile(`(?m)^caught by: (.+)$`)
	file   = regexp.MustCompile(`(?m)^--- a/(.+)$`)
)

func bugs(t *testing.T) []bug {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	var out []bug
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := bug{name: strings.TrimSuffix(filepath.Base(path), ".patch"), patch: path}
		if m := titled.FindSubmatch(text); m != nil {
			b.title = string(m[1])
		}
		for _, m := range caught.FindAllSubmatch(text, -1) {
			b.tests = append(b.tests, string(m[1]))
		}
		for _, m := range file.FindAllSubmatch(text, -1) {
			b.files = append(b.files, string(m[1]))
		}
		if b.title == "" || len(b.tests) == 0 || len(b.files) == 0 {
			t.Errorf("%s names no bug, no test or no file", path)
		}
		out = append(out, b)
	}
	if len(out) != wanted {
		t.Errorf("there are %d seeded bugs, want %d", len(out), wanted)
	}
	return out
}

// overlay patches copies of the bug's files and returns the file that tells go to compile them instead.
func (b bug) overlay(t *testing.T) string {
	t.Helper()
	root, dir := filepath.Join("..", ".."), t.TempDir()
	replace := map[string]string{}
	for _, f := range b.files {
		text, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			t.Fatalf("%s changes %s, which cannot be read: %v", b.patch, f, err)
		}
		to := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		from, err := filepath.Abs(filepath.Join(root, f))
		if err != nil {
			t.Fatal(err)
		}
		replace[from] = to
	}
	patch, err := filepath.Abs(b.patch)
	if err != nil {
		t.Fatal(err)
	}
	git := exec.CommandContext(t.Context(), "git", "apply", patch)
	git.Dir = dir
	git.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)) // the copy is in no repository
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("%s does not apply any more, because the code around the bug changed; write it anew for today's code: %s", b.patch, out)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPatchesApply is what every run of the tests does: a patch that is out of date is found by whoever changes the code.
func TestPatchesApply(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git, which applies the patches, is not installed: apt-get install git")
	}
	for _, b := range bugs(t) {
		b.overlay(t)
	}
}

// verdict is what became of one bug.
type verdict struct {
	bug
	by   string // the test that caught it; empty if none did
	took time.Duration
}

// TestSeededBugs runs, for each bug, the tests that its patch names; the first that fails has caught it, if it passes without
// the bug: what fails for a reason of its own, or of the machine, sees nothing.
func TestSeededBugs(t *testing.T) {
	if !*seed {
		t.Logf("make seeded-bugs runs the %d bugs", wanted)
		return
	}
	var all []verdict
	sound := map[string]bool{} // tests that pass as the code is
	for _, b := range bugs(t) {
		v := verdict{bug: b}
		began, overlay := time.Now(), b.overlay(t)
		for _, args := range b.tests {
			if v.by != "" {
				break
			}
			v.by = fails(t, "-overlay="+overlay, strings.Fields(args))
			if v.by == "" || sound[args] {
				continue
			}
			if sound[args] = fails(t, "", strings.Fields(args)) == ""; !sound[args] {
				t.Errorf("go test %s fails without %s, too, so it has not caught it", args, b.name)
			}
		}
		v.took = time.Since(began)
		if v.by == "" {
			t.Errorf("nobody caught %s: %s", b.name, b.title)
		}
		all = append(all, v)
	}
	t.Log("\n" + table(all))
}

var (
	failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	none   = regexp.MustCompile(`no tests to run`)
)

// fails runs tests with the bug in, or without one, and returns the name of the one that failed. What does not compile, or
// what runs no test, has caught nothing.
func fails(t *testing.T, overlay string, args []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	with := []string{"test", "-count=1", "-timeout=4m"}
	if overlay != "" {
		with = append(with, overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(with, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	names := failed.FindAllSubmatch(out, -1)
	switch {
	case none.Match(out):
		t.Errorf("go test %s runs no test", strings.Join(args, " "))
	case err != nil && len(names) == 0:
		t.Errorf("go test %s failed without a failing test, so it says nothing about the bug:\n%s", strings.Join(args, " "), out)
	case err != nil:
		deepest := slices.MaxFunc(names, func(a, b [][]byte) int { return strings.Count(string(a[1]), "/") - strings.Count(string(b[1]), "/") })
		return string(deepest[1]) + " in " + args[0]
	}
	return ""
}

func table(all []verdict) string {
	var b strings.Builder
	n := 0
	for _, v := range all {
		by := v.by
		if by == "" {
			by = "NOBODY"
		} else {
			n++
		}
		fmt.Fprintf(&b, "%-22s %5.1f s  %s\n%31s %s\n", v.name, v.took.Seconds(), v.title, "", "-> "+by)
	}
	fmt.Fprintf(&b, "%d of %d seeded bugs caught\n", n, len(all))
	return b.String()
}
