package demo

import (
	"os"
	"strings"
	"testing"
)

// The demo is the first thing that a new user runs, so it is run here too, by itself, on real servers.
func TestTheDemoTellsItsStoryByItself(t *testing.T) {
	folder := t.TempDir()
	var said strings.Builder
	if err := Run(t.Context(), Options{Auto: true, Export: folder, Version: "test", In: strings.NewReader(""), Out: &said}); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	for _, line := range []string{"A card with evidence is in the channel", "all 5 steps done and verified", "is primary on timeline 2", "is intact"} {
		if !strings.Contains(said.String(), line) {
			t.Errorf("it does not say %q:\n%s", line, said.String())
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("the record is not where it should be: %v %v", left, err)
	}
}
