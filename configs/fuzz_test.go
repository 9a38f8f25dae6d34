package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead feeds any bytes as a configuration and as a runbook: whatever a person writes is answered with faults, each
// with a text, and never with a panic.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	books, _ := filepath.Glob("runbooks/*.yaml")
	for _, name := range append(files, books...) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("people: &p [{id: x}, *p]"))
	f.Add([]byte("route: &r {routes: [*r]}"))
	f.Add([]byte("? [a]\n: b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "runbooks") || strings.Contains(string(data), "_file") {
			return // these read the disk
		}
		if _, _, err := read("x.yaml", data, nil, nil); err != nil {
			for _, fault := range Faults(err) {
				if fault.Text == "" {
					t.Errorf("a fault without a text: %+v", fault)
				}
			}
		}
		DecodeRunbook("x.yaml", data)
	})
}
