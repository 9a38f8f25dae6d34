package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestSwitchover_has_time_for_the_hook_beside_a_node_that_is_silent: a standby that is off for its maintenance is the usual occasion
// for a switchover, and the look waits for it.
func TestSwitchover_has_time_for_the_hook_beside_a_node_that_is_silent(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{Standbys: 2}, func(c *postgres.Cluster) { c.ReadTimeout = 2 * time.Second })
	server := w.node(t, "pg-3")
	far := newWire(t, server)
	w.cluster.Nodes[2].DSN = far.through(w.cluster.Nodes[2].DSN, server)
	slow := filepath.Join(t.TempDir(), "hook")
	const script = "#!/bin/sh\n[ \"$POINTSMAN_STEP\" != inspect ] || sleep %s\nexec \"$@\"\n"
	takes := func(seconds string) {
		t.Helper()
		if err := os.WriteFile(slow, fmt.Appendf(nil, script, seconds), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	takes("0")
	w.cluster.NodeHook.Command = append([]string{slow}, w.cluster.NodeHook.Command...)
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	hook := func() pointsman.Fact {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		in := input(`{"cluster":"orders","candidate":"pg-2"}`)
		in.Phase = actions.Propose
		ev, err := w.kind(t, "postgres.switchover").Check(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ev.Facts {
			if f.Name == "node hook" {
				return f
			}
		}
		t.Fatalf("no word of the hook: %+v", ev.Facts)
		return pointsman.Fact{}
	}
	if f := hook(); f.Refuses() {
		t.Fatal(f.Sentence())
	}
	far.set(0, true)
	takes("1.5")
	if f := hook(); f.Refuses() {
		t.Errorf("%s", f.Sentence())
	}
	takes("20")
	if f := hook(); !f.Refuses() || !strings.Contains(f.Text, "did not end in time") || !strings.Contains(f.Text, "; it had 2.") || !strings.HasSuffix(f.Clears, "raise timings.check_timeout; it never has more than 5.0 s") {
		t.Errorf("%s; %s", f.Sentence(), f.Clears)
	}
}

// TestSwitchover_starts_no_hook_to_verify: Verify is polled every few milliseconds, also after the promotion, until the sampler has seen
// the new primary. A hook that is killed here runs on where it is an ssh, on the machine of the old primary.
func TestSwitchover_starts_no_hook_to_verify(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	started := filepath.Join(t.TempDir(), "started")
	counting := []string{"/bin/sh", "-c", `echo "$POINTSMAN_STEP" >> "$0"; exec "$@"`, started}
	w.cluster.NodeHook.Command = append(counting, w.cluster.NodeHook.Command...)
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	in := w.planned(t, "postgres.switchover", switchArgs) // the check looks, so that it is known whom one would ask about
	steps := func() string {
		t.Helper()
		all, err := os.ReadFile(started)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	before := steps()
	if before != "inspect\n" {
		t.Fatalf("the check started %q", before)
	}
	for range 3 {
		if ev, err := w.kind(t, "postgres.switchover").Verify(t.Context(), in); err != nil || ev.Holds {
			t.Fatalf("nothing was switched, holds %t, %v", ev.Holds, err)
		}
	}
	if now := steps(); now != before {
		t.Errorf("started were %q", now)
	}
}
