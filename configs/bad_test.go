package configs_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/configs"
)

var update = flag.Bool("update", false, "write the golden files")

// TestLoad_bad_files loads one file for each mistake that people make. Each must be refused with sentences that say
// where it is and what to do, and nothing else may be refused with it.
func TestLoad_bad_files(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			t.Parallel()
			cfg, _, err := configs.Load(f, nil)
			if err == nil || cfg != nil {
				t.Fatal("it was accepted")
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is shown: %v", err)
			}
			golden(t, strings.TrimSuffix(f, ".yaml")+".want", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./configs -update writes it):\n%s\nwant:\n%s", path, got, want)
	}
}
