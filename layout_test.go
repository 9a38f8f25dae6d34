package pointsman

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pointsman/pointsman"

// rooms may import the root package and what is below themselves, never each other; configs sees their Config types.
var rooms = []string{"alerts", "actions", "bot", "comms", "store"}

// imports lists the imports of all Go files that are not tests, by folder.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range f.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			out[filepath.ToSlash(filepath.Dir(path))] = append(out[filepath.ToSlash(filepath.Dir(path))], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func room(folder string) string { return strings.SplitN(folder, "/", 2)[0] }

func TestRoomsImportTheRootAndNeverEachOther(t *testing.T) {
	t.Parallel()
	for folder, list := range imports(t) {
		from := room(folder)
		for _, imp := range list {
			inside, ours := strings.CutPrefix(imp, module+"/")
			to := room(inside)
			switch {
			case folder == "." && strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
				t.Errorf("the root package imports %s; it may import the standard library only", imp)
			case !ours || from == "cmd" || from == to:
			case from == "configs" && slices.Contains(rooms, to):
			case strings.HasPrefix(inside, "cmd/lab") && strings.HasSuffix(folder, "test"):
			case slices.Contains(rooms, from) || from == "configs":
				t.Errorf("%s imports %s: rooms never import each other", folder, imp)
			}
		}
	}
}

// TestSomeLibrariesStayInTheirRoom keeps a library where it can be replaced.
func TestSomeLibrariesStayInTheirRoom(t *testing.T) {
	t.Parallel()
	home := map[string][]string{
		"github.com/slack-go/slack":    {"bot"},
		"github.com/jackc/pgx":         {"store", "actions/postgres", "actions/killswitch", "actions/patroni", "cmd"},
		"github.com/labstack/echo":     {"alerts", "bot", "cmd"},
		"github.com/spf13/viper":       {"configs"},
		"github.com/PagerDuty":         {"comms/pagerduty"},
		"github.com/prometheus/client": {"actions", "bot", "comms", "store", "alerts", "cmd"},
	}
	for folder, list := range imports(t) {
		for _, imp := range list {
			for lib, allowed := range home {
				in := slices.ContainsFunc(allowed, func(a string) bool { return folder == a || strings.HasPrefix(folder, a+"/") })
				if strings.HasPrefix(imp, lib) && !in {
					t.Errorf("%s imports %s, which belongs to %v", folder, imp, allowed)
				}
			}
		}
	}
}

func TestTopLevelFoldersAreTheAgreedOnes(t *testing.T) {
	t.Parallel()
	agreed := []string{"cmd", "bot", "alerts", "actions", "comms", "store", "configs", "docs", "bin"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(agreed, e.Name()) {
			t.Errorf("%s is no agreed top-level folder; write an ADR first", e.Name())
		}
	}
}
