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
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/builtin"
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
modes: [planned, drill]
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
  - {id: ana, name: Ana Ruiz, unix_uid: 1000, roles: [dba]}
  - {id: ben, name: Ben Okafor, unix_uid: 1001, roles: [dba]}
targets:
  endpoint:
    - name: api-database
      environment: staging
      file: %[1]s/api.env
      variable: DATABASE_URL
      places: [{name: pg-1, address: "db-1.internal:5432"}, {name: pg-2, address: "db-2.internal:5432"}]
      drills: true
    - {name: live, environment: production, file: %[1]s/live.env, variable: X, places: [{name: a, address: "a:1"}, {name: b, address: "b:1"}]}
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

// tryout is a folder with a configuration, its runbook and the file that a run would change.
type tryout struct {
	dir string
	cfg *configs.Config
}

func newTryout(t *testing.T, api string) *tryout {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"move-api.yaml":  moving,
		"pointsman.yaml": fmt.Sprintf(movingConfig, dir, api),
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
	return &tryout{dir: dir, cfg: cfg}
}

func (tc *tryout) offer(t *testing.T, args ...string) (pointsman.Offer, error) {
	t.Helper()
	snap, faults, err := compile(tc.cfg)
	if err := joinAll(err, faults); err != nil {
		t.Fatal(err)
	}
	c := newCatalog(snap)
	return c.Offer("move-api", args)
}

func TestWhoAsksSaysWhatForAndTheDoorRefusesInASentence(t *testing.T) {
	t.Parallel()
	tc := newTryout(t, "http://127.0.0.1:1")
	for arg, want := range map[string]pointsman.Mode{"": pointsman.ModePlanned, "mode=planned": pointsman.ModePlanned, "mode=drill": pointsman.ModeDrill} {
		if o, err := tc.offer(t, strings.Fields("api-database "+arg)...); err != nil || o.Mode != want || o.Params["mode"] != "" {
			t.Errorf("%q: %s, %v", arg, o.Mode, err)
		}
	}
	for arg, want := range map[string]string{
		"api-database mode=incident": "move-api does not run in mode incident; its file permits planned, drill, under modes",
		"api-database mode=test":     `"test" is no mode; there are incident, planned, drill`,
		"live mode=drill":            "no drill may run on endpoint/live: its configuration does not say drills: true",
	} {
		if _, err := tc.offer(t, strings.Fields(arg)...); err == nil || err.Error() != want {
			t.Errorf("%s: %v", arg, err)
		}
	}
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
	tc := newTryout(t, api.URL)
	dir, cfg := tc.dir, tc.cfg
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

// A step may name a target of the configuration itself; only with the configuration can be told whether there is one.
func TestAStepMayNameAConfiguredTarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	book := func(service string) *configs.Config {
		t.Helper()
		write := func(name, text string) string {
			t.Helper()
			name = filepath.Join(dir, name)
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return name
		}
		runbook := write("api-restart.yaml", `
name: api-restart
title: Restart the API
description: Restarts it
owner: dba
review: 2099-01-01
params: {service: {type: target, kind: service}}
target: service
steps:
  - {name: restart, kind: exec.run, with: {service: `+service+`, command: restart}, timeout: 1m}
  - {name: still-engaged, kind: killswitch.verify, with: {switch: trading, want: engaged}, timeout: 30s}
approval: {require: [1 of dba]}
`)
		var brakes []string // a kill switch is not configured without them
		for _, name := range []string{"killswitch-engage.yaml", "killswitch-release.yaml"} {
			text, err := configs.Shipped.ReadFile("runbooks/" + name)
			if err != nil {
				t.Fatal(err)
			}
			brakes = append(brakes, write(name, string(text)))
		}
		cfg, _, err := configs.Load(write("pointsman.yaml", `
alertmanager: {tokens: [0123456789abcdef]}
people: [{id: ana, name: Ana, unix_uid: 1000, roles: [dba, risk]}, {id: ben, name: Ben, unix_uid: 1001, roles: [dba, risk]}]
targets:
  service: [{name: api, environment: production, commands: {restart: ["true"]}}]
  killswitch: [{name: trading, environment: production, dsn: "host=127.0.0.1"}]
runbooks: [`+runbook+`, `+strings.Join(brakes, ", ")+`]
`), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if err := Check(book("api")); err != nil {
		t.Errorf("check-config: %v", err)
	}
	cfg := book("apx")
	if err := Check(cfg); err == nil || !strings.Contains(err.Error(), `api-restart.yaml:10: steps[0].with: there is no service "apx"; configured are api`) {
		t.Errorf("check-config of a service that is not there: %v", err)
	}
	if faults := LintRunbooks(cfg.Runbooks); len(faults) > 0 {
		t.Errorf("runbook lint knows no configuration, yet it says %v", faults)
	}
}

// A kind that is known without a configuration and not with one, or the other way round, would leave runs to a newer
// version that is not there.
func TestTheKindsAreTheSameWithAndWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	names := func(kinds []actions.Action) (out []string) {
		for _, k := range kinds {
			out = append(out, k.Kind())
		}
		return out
	}
	with, err := kindsOf(&configs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(names(with), names(builtin.Unconfigured().Kinds())); diff != "" {
		t.Error(diff)
	}
}
