package pointsman_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
)

// beside are what the pieces of configuration on a page speak of and leave out.
var beside = map[string]string{
	"guards": `
targets:
  postgres:
    - {name: orders, environment: production, nodes: [{name: pg-1, dsn: "host=pg-1"}, {name: pg-2, dsn: "host=pg-2"}], clients: {dsn: "host=orders"}}
  service:
    - {name: api-1, environment: production, health: [{url: "http://127.0.0.1:1/health"}]}
    - {name: api-2, environment: production, health: [{url: "http://127.0.0.1:2/health"}]}
    - {name: api-3, environment: production, health: [{url: "http://127.0.0.1:3/health"}]}
`,
}

// TestDocs_steps_are_understood reads every step that a page shows as a part of a runbook: people copy them.
func TestDocs_steps_are_understood(t *testing.T) {
	t.Parallel()
	const head = `
name: example
title: Example
description: Example
owner: dba
review: 2099-01-01
params: {cluster: {type: target, kind: postgres}, service: {type: target, kind: service}}
target: cluster
approval: {require: [1 of dba]}
steps:
  - {name: first, kind: wait, with: {for: 1s}}
`
	const tail = "  - {name: last, kind: wait, with: {for: 1s}}\n" // behind a point of no return there is another step
	seen := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "yaml" || !strings.HasPrefix(b.text, "- ") || !strings.Contains(b.text, "name:") {
				continue
			}
			seen++
			head := head
			if strings.Contains(b.text, "kind: patroni.") {
				head = strings.Replace(head, "kind: postgres", "kind: patroni", 1)
			}
			text := head + "  " + strings.ReplaceAll(strings.TrimSpace(b.text), "\n", "\n  ") + "\n" + tail
			rb, faults := configs.DecodeRunbook("example.yaml", []byte(text))
			for _, f := range configs.Ordered(append(faults, app.LintRunbooks([]pointsman.Runbook{rb})...)) {
				t.Errorf("%s: %s: %s\n%s", p.path, f.Path, f.Text, b.text)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d examples of steps were found", seen)
	}
}

var (
	section = regexp.MustCompile(`^(alertmanager|audit|guards|people|route|slack|storage|targets|timings|web):`)
	secret  = regexp.MustCompile(`secrets/[\w.-]+`)
)

// TestDocs_configurations_load loads every piece of a configuration that a page shows, beside what each one needs.
func TestDocs_configurations_load(t *testing.T) {
	all := pages(t)
	t.Chdir(t.TempDir())
	seen := 0
	for _, p := range all {
		for _, b := range p.blocks {
			if b.language != "yaml" || !section.MatchString(b.text) {
				continue
			}
			seen++
			text := b.text
			if !strings.Contains(text, "alertmanager:") {
				text = "alertmanager: {tokens: [0123456789abcdef]}\n" + text
			}
			text += beside[section.FindStringSubmatch(b.text)[1]]
			for _, name := range secret.FindAllString(text, -1) {
				content := "0123456789abcdef0123456789abcdef"
				if path.Ext(name) == ".dsn" {
					content = "host=127.0.0.1 dbname=app user=pointsman"
				}
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile("pointsman.yaml", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := configs.Load("pointsman.yaml", nil); err != nil {
				t.Errorf("%s: %v\n%s", p.path, err, b.text)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d pieces of configuration were found", seen)
	}
}
