package postgres_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/pointsman/pointsman/cmd/lab"
)

// TestNodeHook_starts_no_primary_after_its_time: where nobody can kill it, because it runs on another machine or waited for
// the lock, another server may be primary by then.
func TestNodeHook_starts_no_primary_after_its_time(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
		t.Fatal(err)
	}
	again := func(within string) (string, error) {
		argv := strings.Split(strings.ReplaceAll(strings.Join(w.cluster.NodeHook.Command, "\x00"), "{node}", "pg-1"), "\x00")
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = append(cmd.Environ(), "POINTSMAN_STEP=again", "POINTSMAN_WITHIN="+within)
		said, err := cmd.CombinedOutput()
		return string(said), err
	}
	if said, err := again("0"); err == nil || !strings.Contains(said, "the time for the step again is over: pg-1 is not started") {
		t.Errorf("it says %q, %v", said, err)
	}
	if got := w.poolerAndRoles(t); !strings.HasPrefix(got, "pg-1 down") {
		t.Errorf("%s, want pg-1 stopped", got)
	}
	if said, err := again("60"); err != nil {
		t.Errorf("in time: %q, %v", said, err)
	}
	if got := w.poolerAndRoles(t); !strings.HasPrefix(got, "pg-1 false") {
		t.Errorf("%s, want pg-1 started", got)
	}
}
