package pointsman_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/builtin"
)

// TestActionPages_have_all_sections: whoever reads one page knows where to look in all of them.
func TestActionPages_have_all_sections(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		if !strings.HasPrefix(p.path, "docs/actions/") {
			continue
		}
		at := 0
		for _, section := range []string{"What it reads", "What it changes", "Guards", "Undo", "Example", "Mistakes of common runbooks that it avoids"} {
			text := p.prose[at:]
			i := strings.Index(text, "\n## "+section+"\n")
			if i < 0 {
				t.Errorf("%s has no section %q, or not in the order of the others", p.path, section)
				continue
			}
			at += i + 1
		}
	}
}

var (
	planned    = regexp.MustCompile(`\*([a-z]+(?:\.[a-z]+)?)\*`)
	checkedBy  = regexp.MustCompile("`[\\w./]+\\.(?:go|sql)`")
	guardTable = regexp.MustCompile(`(?m)^\| (G\d+) \| (?:HARD|ACK|WARN) \| (.*) \| (.*) \| (.*) \|$`)
)

// TestGuardsPage_says_where_and_by_which_test: a guard is checked by a file and shown by a test, or it waits for a kind that
// does not exist yet. That the files and tests exist is seen by the tests of all pages.
func TestGuardsPage_says_where_and_by_which_test(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(guardsPage)
	if err != nil {
		t.Fatal(err)
	}
	list, err := builtin.New(builtin.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, a := range list.Kinds() {
		kinds = append(kinds, a.Kind())
	}
	rows := guardTable.FindAllStringSubmatch(string(b), -1)
	if len(rows) == 0 {
		t.Fatalf("%s has no table of guards", guardsPage)
	}
	for _, row := range rows {
		id, where, test := row[1], row[3], row[4]
		waits := planned.FindAllStringSubmatch(where, -1)
		for _, k := range waits {
			if slices.Contains(kinds, k[1]) {
				t.Errorf("%s: %s waits for the kind %s, which exists", guardsPage, id, k[1])
			}
		}
		file, shown := checkedBy.MatchString(where), namedTest.MatchString(test)
		if file != shown || !file && len(waits) == 0 {
			t.Errorf("%s: %s names a file: %t, a test: %t, want both, or a kind that does not exist yet", guardsPage, id, file, shown)
		}
	}
}
