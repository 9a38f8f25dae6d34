package e2e

import (
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
	if n := len(places); n < 30 {
		t.Errorf("%d places along the main path, want 30", n)
	}
}
