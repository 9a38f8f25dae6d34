package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPlaces: a failpoint that nothing is killed at proves nothing.
func TestPlaces(t *testing.T) {
	t.Parallel()
	var killed []string
	for _, p := range slices.Concat(places, morePlaces) {
		killed = append(killed, strings.Fields(p)[0])
	}
	killed = append(slices.AppendSeq(killed, maps.Keys(undoPlaces)), slices.Concat(groupPlaces, unsentPlaces)...)
	call := regexp.MustCompile(`\bFailpoint\("([^"]+)"`)
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
			if !slices.Contains(killed, m[1]) {
				t.Errorf("%s: the failpoint %s is in no list of kills_test.go, undo_test.go, group_test.go or unsent_test.go", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range killed {
		if !found[place] {
			t.Errorf("%s is in the lists and not in the source", place)
		}
	}
	most := distinct(places)
	if len(most) < 30 {
		t.Errorf("%d places along the main path, want 30", len(most))
	}
	more := slices.DeleteFunc(distinct(morePlaces), func(p string) bool { return slices.Contains(most, p) })
	doc, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{fmt.Sprintf("| %d places × 20 and %d more × 4, on both stores |", len(most), len(more)), fmt.Sprintf("20 times at each of the %d places", len(most))} {
		if !strings.Contains(string(doc), says) {
			t.Errorf("docs/reliability.md does not say %q", says)
		}
	}
}

// distinct are the places by themselves: the third time at one is no other.
func distinct(list []string) []string {
	var out []string
	for _, p := range list {
		p, _, _ = strings.Cut(p, " #")
		out = append(out, p)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
