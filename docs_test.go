package pointsman_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/builtin"
)

// page is one Markdown file: its prose without code blocks, and the blocks.
type page struct {
	path   string
	prose  string
	blocks []block
}

type block struct{ language, text string }

// pages reads every Markdown page of the project, but none that is test data.
func pages(t *testing.T) []page {
	t.Helper()
	var out []page
	for _, file := range sources(t, ".md") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := page{path: file}
		var prose []string
		inside := false
		for line := range strings.SplitSeq(string(b), "\n") {
			fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case isFence && !inside:
				inside = true
				p.blocks = append(p.blocks, block{language: fence})
			case isFence:
				inside = false
			case inside:
				p.blocks[len(p.blocks)-1].text += line + "\n"
			default:
				prose = append(prose, line)
			}
		}
		if inside {
			t.Errorf("%s: the last code block has no end", file)
		}
		p.prose = strings.Join(prose, "\n")
		out = append(out, p)
	}
	return out
}

// sources lists the project's files with the ending, in slash form, without test data and hidden folders.
func sources(t *testing.T, ending string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ending):
			out = append(out, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestDocs_links_lead_somewhere(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(p.prose), -1) {
			if why := broken(t, p.path, m[1]); why != "" {
				t.Errorf("%s: the link to %s %s", p.path, m[1], why)
			}
		}
	}
}

var code = regexp.MustCompile("`[^`\n]+`")

func withoutCode(prose string) string { return code.ReplaceAllString(prose, "") }

func broken(t *testing.T, from, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		return err.Error()
	}
	if u.Scheme != "" {
		return "" // not ours to look at: tests stay on this machine
	}
	file := from
	if u.Path != "" {
		file = filepath.Join(filepath.Dir(from), u.Path)
	}
	if _, err := os.Stat(file); err != nil {
		return "leads to no file"
	}
	if u.Fragment != "" && strings.HasSuffix(file, ".md") && !slices.Contains(anchors(t, file), u.Fragment) {
		return "leads to no heading of " + file
	}
	return ""
}

// anchors are the names under which a page's headings can be linked to, made as GitHub makes them.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.SplitSeq(string(b), "\n") {
		text, isHeading := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !isHeading || !strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ' || r == '-':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(text)))
	}
	return out
}

// ourFile is how a page names a file of the project: a path below a top-level folder, or a file of the root package.
var ourFile = regexp.MustCompile("`((?:(?:cmd|bot|alerts|actions|comms|store|configs|docs)/[\\w./-]+|[a-z_]+)\\.(?:go|sql|py|yaml|json|sh|md))`")

func TestDocs_name_only_files_that_exist(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range ourFile.FindAllStringSubmatch(p.prose, -1) {
			if !strings.Contains(m[1], "/") && !strings.HasSuffix(m[1], ".go") {
				continue
			}
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s names %s, which does not exist", p.path, m[1])
			}
		}
	}
}

// placed is how a page says where something is declared: a name, the word in, and a file.
var placed = regexp.MustCompile("`(\\w+)`,? in `([\\w./]+\\.go)`")

func TestDocs_name_things_in_the_file_that_declares_them(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range placed.FindAllStringSubmatch(p.prose, -1) {
			b, err := os.ReadFile(m[2])
			if err != nil {
				continue // told by the test above
			}
			if !regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var |const |\t)` + m[1] + `\b`).Match(b) {
				t.Errorf("%s says that %s is in %s, which does not declare it", p.path, m[1], m[2])
			}
		}
	}
}

var (
	namedTest    = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z]\\w*)(?:/([^`]+))?`")
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
)

func TestDocs_name_only_tests_that_exist(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{}
	for _, file := range sources(t, ".go") {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declaredTest.FindAllStringSubmatch(string(b), -1) {
			bodies[m[1]] += string(b)
		}
	}
	suite := ""
	for _, file := range sources(t, ".go") {
		if strings.HasPrefix(file, "store/storetest/") {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			suite += string(b) // its cases run under the tests of package store
		}
	}
	for _, p := range pages(t) {
		for _, m := range namedTest.FindAllStringSubmatch(p.prose, -1) {
			body, ok := bodies[m[1]]
			switch {
			case !ok:
				t.Errorf("%s names the test %s, which does not exist", p.path, m[1])
			case m[2] != "" && !strings.Contains(body+suite, m[2]) && !strings.Contains(body+suite, strings.ReplaceAll(m[2], "_", " ")):
				t.Errorf("%s names the case %q of %s, which does not exist", p.path, m[2], m[1])
			}
		}
	}
}

const guardsPage = "docs/guards.md"

// TestGuardsPage_lists_every_guard holds the page against the code: 35 guards, in order, and whatever the code checks
// is told there with its file.
func TestGuardsPage_lists_every_guard(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(guardsPage)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	next := 1
	for line := range strings.SplitSeq(string(b), "\n") {
		m := regexp.MustCompile(`^\| (G\d+) \| (HARD|ACK|WARN) \| `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[1] != fmt.Sprintf("G%d", next) {
			t.Errorf("%s: %s stands where G%d should", guardsPage, m[1], next)
		}
		next++
		rows[m[1]] = line
	}
	if len(rows) != 35 {
		t.Errorf("%s lists %d guards, want 35", guardsPage, len(rows))
	}
	inCode := regexp.MustCompile(`Guard(?::| =) "(G\d+)"`)
	for _, file := range sources(t, ".go") {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "test/") {
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inCode.FindAllStringSubmatch(string(src), -1) {
			if !strings.Contains(rows[m[1]], "`"+filepath.ToSlash(filepath.Dir(file))) {
				t.Errorf("%s checks %s, but its line in %s names no file of %s", file, m[1], guardsPage, filepath.Dir(file))
			}
		}
	}
}

// TestAction_pages_and_suites_are_complete holds the four touches of docs/adding-an-action.md: whatever is in the list has
// a page and passes the shared suite.
func TestAction_pages_and_suites_are_complete(t *testing.T) {
	t.Parallel()
	list, err := builtin.New(builtin.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{actions.KindWait, actions.KindManual, actions.KindGate, actions.KindWatch}
	for _, a := range list.Kinds() {
		kinds = append(kinds, a.Kind())
		folder := strings.TrimPrefix(reflect.Indirect(reflect.ValueOf(a)).Type().PkgPath(), "github.com/pointsman/pointsman/")
		suite := false
		for _, file := range sources(t, "_test.go") {
			if filepath.ToSlash(filepath.Dir(file)) != folder {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			suite = suite || strings.Contains(string(b), "actiontest.Run(")
		}
		if !suite {
			t.Errorf("%s: no test of %s calls actiontest.Run", a.Kind(), folder)
		}
	}
	pages, err := filepath.Glob("docs/actions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pages {
		pages[i] = strings.TrimSuffix(filepath.Base(p), ".md")
	}
	for _, k := range kinds {
		if !slices.Contains(pages, k) {
			t.Errorf("%s has no page docs/actions/%s.md", k, k)
		}
	}
	for _, p := range pages {
		if p != "README" && !slices.Contains(kinds, p) {
			t.Errorf("docs/actions/%s.md is about a kind that is not in the list", p)
		}
	}
}
