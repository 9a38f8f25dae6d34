package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newer is the program as a later version may be: it has one more migration, stores a field of runs that today's version
// does not know, writes a new kind of event, and carries out a new kind of step. go's -overlay compiles it; the source
// knows nothing of it.
var newer struct{ build }

// laterEdits are what the later version has changed: in each file the first text becomes the second.
var laterEdits = []struct{ file, old, new string }{
	{"run.go", "\tFresh bool `json:\"fresh,omitempty\"`\n", "\tFresh bool `json:\"fresh,omitempty\"`\n\tLater string `json:\"later,omitempty\"`\n"},
	// What it begins, and what a person says to it, it stores in its own way.
	{"decide_run.go", "\tt.begin(r, \"\")\n\treturn Answer{Code: CodeAccepted, Text: r.ID + \" started\", ID: r.ID}", "\tr.Later = \"begun\"\n\tt.say(EvRunLater, engine, r.ID+\" was begun by the later version\", aboutRun(r))\n\tt.begin(r, \"\")\n\treturn Answer{Code: CodeAccepted, Text: r.ID + \" started\", ID: r.ID}"},
	{"decide_steer.go", "\tt.acknowledgePage(c.By)\n\tswitch c.Verb {", "\tt.acknowledgePage(c.By)\n\tr.Later = \"steered\"\n\tswitch c.Verb {"},
	{"actions/service/config.go", "run{c}} }", "run{c}, laterRun{run{c}}} }"},
}

// laterFiles are the files that it has added.
var laterFiles = map[string]string{
	"event_later.go":                   "package pointsman\n\nconst EvRunLater EventType = \"run.later\"\n",
	"store/migrations/00099_later.sql": "-- +goose Up\nALTER TABLE runs ADD COLUMN later TEXT NOT NULL DEFAULT '';\nCREATE TABLE later (n BIGINT NOT NULL PRIMARY KEY);\nINSERT INTO later (n) VALUES (1);\n",
	"actions/service/later.go":         "package service\n\ntype laterRun struct{ run }\n\nfunc (laterRun) Kind() string { return \"later.run\" }\n",
}

// laterProgram is the later version, built once.
func laterProgram(t testing.TB) string {
	t.Helper()
	return newer.program(t, func(dir string) ([]string, error) {
		root, err := filepath.Abs("../..")
		if err != nil {
			return nil, err
		}
		files := map[string]string{}
		for name, text := range laterFiles {
			files[name] = text
		}
		for _, e := range laterEdits {
			text, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, err
			}
			if strings.Count(string(text), e.old) != 1 {
				return nil, fmt.Errorf("%s has changed: the later version's edit of %q must be written anew", e.file, e.old)
			}
			files[e.file] = strings.Replace(string(text), e.old, e.new, 1)
		}
		replace := map[string]string{}
		for name, text := range files {
			to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
			if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
				return nil, err
			}
			replace[filepath.Join(root, name)] = to
		}
		overlay, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			return nil, err
		}
		return []string{"-overlay", filepath.Join(dir, "overlay.json")}, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	})
}
