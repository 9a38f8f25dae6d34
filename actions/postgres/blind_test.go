package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// unmonitored is a world whose role was never given pg_monitor: the server then answers with rows of NULL, and no error.
func unmonitored(t *testing.T) *world {
	t.Helper()
	w := watched(t)
	if err := w.pair.Primary.Exec(t.Context(), "REVOKE pg_monitor FROM "+watchman); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT NOT pg_has_role('"+watchman+"', 'pg_monitor', 'MEMBER')")
	return w
}

// refused finds the refusal that holds the text, and wants it to say what to grant.
func refused(t *testing.T, facts []pointsman.Fact, guard, text string) {
	t.Helper()
	i := slices.IndexFunc(facts, func(f pointsman.Fact) bool {
		return f.Guard == guard && f.Kind == pointsman.Hard && f.Result == pointsman.Unknown && strings.Contains(f.Text, text)
	})
	if i < 0 {
		t.Fatalf("%s does not say %q: %+v", guard, text, facts)
	}
	if !strings.Contains(facts[i].Clears+facts[i].Text, "GRANT pg_monitor") {
		t.Errorf("%+v does not say what to grant", facts[i])
	}
}

// A standby that streams from a hung primary proves that it lives. Its receiver is hidden from a role without pg_monitor,
// which must not read as "gone".
func TestBlindRole_takes_no_hidden_receiver_for_a_dead_one(t *testing.T) {
	t.Parallel()
	w := unmonitored(t)
	if err := w.pair.Primary.Freeze(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.pair.Primary.Thaw() })
	refused(t, w.check(t, "postgres.check", checkArgs).Facts, "G2", "whether pg-2 still hears pg-1 cannot be told")
}

func TestBlindRole_takes_no_hidden_sessions_for_none(t *testing.T) {
	t.Parallel()
	w := unmonitored(t)
	session(t, w.pair.Primary.AppDSN(), "shop")
	const args = `{"cluster":"orders","node":"pg-1","user":"app"}`
	ev := w.check(t, "postgres.terminate", args)
	refused(t, ev.Facts, "G15", "who is connected to pg-1 cannot be told")
	if ev.Already {
		t.Error("the check calls it done: nobody is connected")
	}
	if ev, err := w.kind(t, "postgres.terminate").Verify(t.Context(), input(args)); err != nil || ev.Holds {
		t.Errorf("holds %t, error %v, while the session is there", ev.Holds, err)
	}
	ev = w.check(t, "postgres.rejoin", `{"cluster":"orders","node":"pg-2"}`)
	if !slices.ContainsFunc(pointsman.Refusals(ev.Facts), func(f pointsman.Fact) bool {
		return strings.Contains(f.Text, "whom pg-2 follows and who follows it cannot be told")
	}) {
		t.Errorf("a standby whose stream is hidden may be stopped and rewound: %+v", ev.Facts)
	}
	await(t, func(ctx context.Context) error {
		ev, err := w.kind(t, "postgres.lag").Check(ctx, input(`{"cluster":"orders"}`))
		if err == nil && (ev.Already || !strings.Contains(fmt.Sprint(ev.Facts), "whether it streams is not told (GRANT pg_monitor")) {
			err = fmt.Errorf("already %t: %+v", ev.Already, ev.Facts)
		}
		return err
	})
}

// What blocks a planned switchover is hidden too: long transactions, and who streams.
func TestBlindRole_sees_no_open_work(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.NodeHook.Command = []string{"true", "{node}"} })
	if err := w.pair.Primary.Exec(t.Context(), "REVOKE pg_monitor FROM pointsman"); err != nil {
		t.Fatal(err)
	}
	ev := w.check(t, "postgres.switchover", `{"cluster":"orders"}`)
	refused(t, ev.Facts, "G5", "whether long transactions are open cannot be told")
	refused(t, ev.Facts, "G5", "who streams from pg-1 cannot be told")
}
