package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

const moving = `name: move-api
title: Move the API to the other database
description: Leads the API to the other database and recreates it.
owner: dba
review: 2999-01-01
params:
  endpoint: {type: target, kind: endpoint}
target: endpoint
steps:
  - {name: switch, kind: endpoint.switch, with: {endpoint: "${endpoint}", from: pg-1, to: pg-2}, timeout: 15s}
  - {name: recreate, kind: exec.run, with: {service: api, command: recreate}, timeout: 1m, when: {fact: api-database, is: "==", value: pg-1}}
  - {name: healthy, kind: http.check, with: {service: api}, timeout: 1m}
  - {name: pause, kind: wait, with: {for: 30m}}
approval: {require: [2 of dba], expires: 15m}
`

const movingConfig = `web: {listen: "127.0.0.1:9096"}
storage: {driver: sqlite, path: %[1]s/pointsman.db}
audit: {key_file: %[1]s/audit.key}
alertmanager: {tokens: [only-for-this-test-0123456789abcdef]}
people:
  - {id: ana, name: Ana Ruiz, roles: [dba]}
  - {id: ben, name: Ben Okafor, roles: [dba]}
targets:
  endpoint:
    - name: api-database
      environment: staging
      file: %[1]s/api.env
      variable: DATABASE_URL
      places: [{name: pg-1, address: "db-1.internal:5432"}, {name: pg-2, address: "db-2.internal:5432"}]
  service:
    - name: api
      environment: staging
      health: [{url: "%[2]s/health"}]
      commands: {recreate: [touch, %[1]s/recreated]}
guards: {max_targets: 2}
runbooks: [%[1]s/move-api.yaml]
`

// snapshotOf is every file of a folder with its content, mode and time of change.
func snapshotOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		sum := sha256.Sum256(b)
		out[d.Name()] = fmt.Sprint(info.Mode(), info.ModTime(), hex.EncodeToString(sum[:]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A person who does not trust a runbook yet tries it like this, in production, so it must be safe to.
func TestADryRunShowsEverythingAndChangesNothing(t *testing.T) {
	t.Parallel()
	var asked, other atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/health" {
			asked.Add(1)
			return
		}
		other.Add(1)
	}))
	t.Cleanup(api.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"move-api.yaml":  moving,
		"pointsman.yaml": fmt.Sprintf(movingConfig, dir, api.URL),
		"api.env":        "DATABASE_URL=postgres://app:secret@db-1.internal:5432/orders\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, _, err := configs.Load(filepath.Join(dir, "pointsman.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	before := snapshotOf(t, dir)
	p, err := Plan(t.Context(), cfg, "move-api", []string{"api-database"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, snapshotOf(t, dir)); diff != "" {
		t.Errorf("a dry run changed files (-before +after)\n%s", diff)
	}
	if other.Load() > 0 || asked.Load() == 0 {
		t.Errorf("the service was asked %d times for its health and %d times for something else", asked.Load(), other.Load())
	}
	plan, err := pointsman.DecodePlan(p.Plan)
	if err != nil || p.State != pointsman.ProposalReady || p.Run != "" || len(plan.Steps) != 4 || len(p.Facts) == 0 {
		t.Fatalf("%v, %s %s: %+v", err, p.State, p.Problem, p.Facts)
	}
	said := ""
	for _, s := range plan.Steps {
		said += s.Summary + "\n"
	}
	for _, f := range p.Facts {
		said += f.Name + ": " + f.Value + " " + f.Text + "\n"
	}
	for _, want := range []string{"wait 30m", "only if api-database == pg-1", "condition of step recreate"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not shown:\n%s", want, said)
		}
	}
}
