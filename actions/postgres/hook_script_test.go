package postgres_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// order does one step of the shipped hook on pg-1, as an order that somebody gave.
func (w *world) order(t *testing.T, step string, env ...string) (string, error) {
	t.Helper()
	argv := strings.Split(strings.ReplaceAll(strings.Join(w.cluster.NodeHook.Command, "\x00"), "{node}", "pg-1"), "\x00")
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(append(cmd.Environ(), "POINTSMAN_STEP="+step), env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// TestNodeHook_starts_no_primary_after_its_time: where nobody can kill it, because it runs on another machine or waited for
// the lock, another server may be primary by then.
func TestNodeHook_starts_no_primary_after_its_time(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	late := fmt.Sprintf("POINTSMAN_UNTIL=%d", time.Now().Unix()-1) // its connection broke long ago, and it arrives now
	for _, when := range []string{"POINTSMAN_WITHIN=0", late} {
		if said, err := w.order(t, "stop", when); err == nil || !strings.Contains(said, "the time for the step stop is over: pg-1 is not stopped") {
			t.Errorf("%s: it says %q, %v", when, said, err)
		}
	}
	if got := w.poolerAndRoles(t); !strings.HasPrefix(got, "pg-1 false") {
		t.Fatalf("%s, want pg-1 serving", got)
	}
	if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"POINTSMAN_WITHIN=0", late} {
		if said, err := w.order(t, "again", when); err == nil || !strings.Contains(said, "the time for the step again is over: pg-1 is not started") {
			t.Errorf("%s: it says %q, %v", when, said, err)
		}
	}
	if got := w.poolerAndRoles(t); !strings.HasPrefix(got, "pg-1 down") {
		t.Errorf("%s, want pg-1 stopped", got)
	}
	if said, err := w.order(t, "again", "POINTSMAN_WITHIN=60", fmt.Sprintf("POINTSMAN_UNTIL=%d", time.Now().Unix()+60)); err != nil {
		t.Errorf("in time: %q, %v", said, err)
	}
	if got := w.poolerAndRoles(t); !strings.HasPrefix(got, "pg-1 false") {
		t.Errorf("%s, want pg-1 started", got)
	}
}

// TestNodeHook_takes_back_no_stop_of_another_attempt: an order that is late may come when the next attempt has stopped the server
// too, and promotes another one.
func TestNodeHook_takes_back_no_stop_of_another_attempt(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	done := func(step, attempt string) {
		t.Helper()
		if said, err := w.order(t, step, "POINTSMAN_ATTEMPT="+attempt); err != nil {
			t.Fatalf("%s of %s: %q, %v", step, attempt, said, err)
		}
	}
	refused := func(step, attempt, want string) {
		t.Helper()
		if said, err := w.order(t, step, "POINTSMAN_ATTEMPT="+attempt); err == nil || !strings.Contains(said, want) {
			t.Errorf("%s of %s says %q, %v; want %q", step, attempt, said, err, want)
		}
	}
	is := func(want string) {
		t.Helper()
		if got := w.poolerAndRoles(t); !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	done("stop", "A")
	done("stop", "B") // the next attempt finds it stopped, and goes on from there
	refused("again", "A", "pg-1 was stopped by another attempt or by hand, and another server may be primary: it is not started")
	is("pg-1 down")
	done("again", "B")
	is("pg-1 false")
	refused("stop", "B", "this stop of pg-1 was given up meanwhile") // it was on its way, and overtaken
	is("pg-1 false")
	done("stop", "C")
	is("pg-1 down")
}

// TestNodeHook_of_an_older_version_is_asked_for_nothing: it would do what an order says that comes late, and keep WAL by its name.
func TestNodeHook_of_an_older_version_is_asked_for_nothing(t *testing.T) {
	t.Parallel()
	w, _ := switchable(t, lab.PairOptions{})
	in := w.planned(t, "postgres.switchover", switchArgs)
	path := script(t, `real=`+w.cluster.NodeHook.Command[0]+`
		if [ "$POINTSMAN_STEP" = inspect ]; then "$real" "$@" | grep -v -e ^contract= -e ^clock=; exit; fi
		echo "it was asked for $POINTSMAN_STEP" >&2; exit 1`)
	w.cluster.NodeHook.Command = append([]string{path}, w.cluster.NodeHook.Command[1:]...)
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	const old = "the node hook of pg-1 is an older one, of contract 1, and this Pointsman needs 2"
	refusedBecause(t, w.check(t, "postgres.switchover", switchArgs), old)
	_, err := w.kind(t, "postgres.switchover").Apply(t.Context(), in)
	refusal(t, err, old)
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoteStandby(t)
	ev := w.check(t, "postgres.rejoin", rejoinArgs)
	refusedBecause(t, ev, old)
	for _, f := range pointsman.Refusals(ev.Facts) {
		if strings.Contains(f.Text, old) && !strings.Contains(f.Clears, "copy the newest postgres-node.sh to pg-1") {
			t.Errorf("nobody is told what to do: %+v", f)
		}
	}
	_, err = w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
	refusal(t, err, old)
}
