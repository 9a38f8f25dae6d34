package pointsman_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/configs"
)

func readme(t *testing.T) page {
	t.Helper()
	for _, p := range pages(t) {
		if p.path == "README.md" {
			return p
		}
	}
	t.Fatal("README.md is missing")
	return page{}
}

// commandLines are the lines of a page's code blocks that begin with the program, comments cut off.
func commandLines(p page, program string) []string {
	var out []string
	for _, b := range p.blocks {
		for line := range strings.SplitSeq(b.text, "\n") {
			line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "$ "), " #")
			if line = strings.TrimSpace(line); strings.HasPrefix(line, program+" ") {
				out = append(out, line)
			}
		}
	}
	return out
}

func TestReadme_sets_up_with_exactly_two_commands(t *testing.T) {
	t.Parallel()
	lines := commandLines(readme(t), "make")
	slices.Sort(lines)
	if got := strings.Join(slices.Compact(lines), ", "); got != "make demo, make test" {
		t.Errorf("README.md sets up with %q, want make demo and make test alone", got)
	}
}

func TestDocs_make_targets_exist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	inProse := regexp.MustCompile("`(make [a-z-]+)`")
	for _, p := range pages(t) {
		lines := commandLines(p, "make")
		for _, m := range inProse.FindAllStringSubmatch(p.prose, -1) {
			lines = append(lines, m[1])
		}
		for _, line := range lines {
			target := strings.Fields(line)[1]
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).Match(makefile) {
				t.Errorf("%s says %q, and the Makefile has no target %s", p.path, line, target)
			}
		}
	}
}

func TestReadme_shows_the_card_before_anything_else(t *testing.T) {
	t.Parallel()
	head, _, found := strings.Cut(readme(t).prose, "\n## ")
	if !found || !strings.Contains(head, "](docs/images/card.png)") {
		t.Error("the first screen of README.md shows no picture of the card; make screenshots takes it")
	}
}

// TestDocs_command_lines_are_understood builds the program and asks it about every command and flag that a page shows.
func TestDocs_command_lines_are_understood(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "pointsman")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/pointsman").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/pointsman: %v\n%s", err, out)
	}
	known := map[string]string{}
	help := func(words ...string) string {
		key := strings.Join(words, " ")
		if text, ok := known[key]; ok {
			return text
		}
		out, err := exec.CommandContext(ctx, binary, append(slices.Clone(words), "--help")...).CombinedOutput()
		if err != nil {
			t.Errorf("pointsman %s --help: %v", key, err)
		}
		known[key] = string(out)
		return known[key]
	}
	for _, p := range pages(t) {
		lines := append(commandLines(p, "pointsman"), commandLines(p, "bin/pointsman")...)
		for _, line := range lines {
			words := strings.Fields(line)[1:]
			path := commandPath(words, help)
			if len(path) == 0 {
				t.Errorf("%s: there is no command in %q", p.path, line)
				continue
			}
			text := help(path...)
			for _, w := range words {
				flag, _, _ := strings.Cut(w, "=")
				if strings.HasPrefix(flag, "--") && !strings.Contains(text, flag+" ") {
					t.Errorf("%s: %q has the flag %s, which pointsman %s does not know", p.path, line, flag, strings.Join(path, " "))
				}
			}
		}
	}
}

var listedCommand = regexp.MustCompile(`(?m)^  ([a-z-]+) `)

// commandPath is the leading words that name a command: each is listed in the help of the ones before it.
func commandPath(words []string, help func(...string) string) []string {
	var path []string
	for _, w := range words {
		_, commands, _ := strings.Cut(help(path...), "Available Commands:")
		commands, _, _ = strings.Cut(commands, "\n\n")
		if !slices.ContainsFunc(listedCommand.FindAllStringSubmatch(commands, -1), func(m []string) bool { return m[1] == w }) {
			break
		}
		path = append(path, w)
	}
	return path
}

// TestReadme_configuration_is_valid loads the lines that people will copy, with a secret in each file that they name.
func TestReadme_configuration_is_valid(t *testing.T) {
	var text string
	for _, b := range readme(t).blocks {
		if b.language == "yaml" {
			text = b.text
		}
	}
	if n := strings.Count(text, "\n"); n < 10 || n > 17 {
		t.Fatalf("README.md shows %d lines of configuration, want about 15", n)
	}
	t.Chdir(t.TempDir())
	for _, m := range regexp.MustCompile(`secrets/[\w.-]+`).FindAllString(text, -1) {
		if err := os.MkdirAll("secrets", 0o700); err != nil {
			t.Fatal(err)
		}
		secret := "0123456789abcdef0123456789abcdef"
		if strings.HasSuffix(m, ".dsn") {
			secret = "host=127.0.0.1 dbname=app user=pointsman"
		}
		if err := os.WriteFile(m, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("pointsman.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := configs.Load("pointsman.yaml", nil); err != nil {
		t.Fatal(err)
	}
}
