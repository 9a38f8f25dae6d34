package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A hook that hangs is killed after fence.timeout. Behind it the next rung must have time left, or the run parks with the old
// primary as it was.
func TestAFenceStepThatEndsBeforeItsLadderIsWarnedOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ why, fence, step, want string }{
		{"the defaults fit into the shipped step", `{command: [stop, "{node}"], network: [cut, "{node}"]}`, "", ""},
		{
			"hooks that may take longer", `{command: [stop, "{node}"], network: [cut, "{node}"], timeout: 30s}`, "",
			"postgres-failover-pgbouncer.yaml steps[1].timeout: the step has 45s, and the rungs stop, revoke, network of orders may take 1m13s, each hook 30s; give the step 1m13s or more, or lower targets.postgres[0].fence.timeout\n" +
				"postgres-failover.yaml steps[1].timeout: the step has 45s, and the rungs stop, revoke, network of orders may take 1m13s, each hook 30s; give the step 1m13s or more, or lower targets.postgres[0].fence.timeout",
		},
		{"one of them", `{command: [stop, "{node}"], timeout: 30s}`, "", ""},
		{
			"a step of one's own", `{command: [stop, "{node}"]}`, `with: {cluster: orders, node: pg-1}, timeout: 15s`,
			"own.yaml steps[0].timeout: the step has 15s, and the rungs stop, revoke of orders may take 21s, each hook 10s; give the step 21s or more, or lower targets.postgres[0].fence.timeout",
		},
		{"a step that names its rungs", `{command: [stop, "{node}"]}`, `with: {cluster: orders, node: pg-1, modes: [stop]}, timeout: 15s`, ""},
		{"a step for another cluster", `{command: [stop, "{node}"]}`, `with: {cluster: elsewhere, node: pg-1}, timeout: 1s`, ""},
	} {
		text := small + "      fence: " + c.fence + "\n"
		if c.step != "" {
			folder := t.TempDir()
			book := "name: own\ntitle: X\ndescription: For tests.\nowner: dba\nsteps:\n  - {name: fence, kind: postgres.fence, " + c.step +
				"}\nreview: 2027-02-01\napproval: {require: [1 of dba]}\n"
			if err := os.WriteFile(filepath.Join(folder, "own.yaml"), []byte(book), 0o600); err != nil {
				t.Fatal(err)
			}
			text += "runbooks: [" + folder + "]\n"
		}
		_, warnings, err := load(t, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range warnings {
			if strings.HasSuffix(w.Path, ".timeout") {
				got = append(got, filepath.Base(w.File)+" "+w.Path+": "+w.Text)
			}
		}
		if d := cmp.Diff(c.want, strings.Join(got, "\n")); d != "" {
			t.Errorf("%s:\n%s", c.why, d)
		}
	}
}
