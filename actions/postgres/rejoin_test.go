package postgres_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/actiontest"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

const (
	rejoinArgs = `{"cluster":"orders","node":"pg-1"}`
	nodeScript = "../../docs/hooks/postgres-node.sh"
)

// withHands gives a world the node hook that the documentation ships.
func withHands(t testing.TB, options lab.PairOptions, change ...func(*postgres.Cluster)) (w *world, keep string) {
	t.Helper()
	w = newWorld(t, options, change...)
	argv, keep, err := w.pair.NodeHook(nodeScript)
	if err != nil {
		t.Fatal(err)
	}
	w.cluster.NodeHook.Command = argv
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	return w, keep
}

// diverge lets the primary commit rows that its standby never gets, kills it and promotes the standby.
func (w *world) diverge(t testing.TB, rows int) {
	t.Helper()
	if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE late (n int)"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT to_regclass('late') IS NOT NULL")
	// Without an address it follows nobody, and is a standby of the right timeline all the same.
	if err := w.pair.Standby.Exec(t.Context(), "ALTER SYSTEM SET primary_conninfo = ''"); err != nil {
		t.Fatal(err)
	}
	if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
	for n := range rows {
		if err := w.pair.Primary.Exec(t.Context(), fmt.Sprintf("INSERT INTO late VALUES (%d)", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoteStandby(t)
}

func (w *world) promoteStandby(t testing.TB) {
	t.Helper()
	if err := w.pair.Standby.Exec(t.Context(), "ALTER SYSTEM RESET primary_conninfo"); err != nil {
		t.Fatal(err)
	}
	if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
		t.Fatal(err)
	}
}

// wal are the WAL files of timeline 1 in a folder.
func wal(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "00000001????????????????"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no WAL in %s: %v", folder, err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = raw
	}
	return out
}

func refusal(t testing.TB, err error, want string) {
	t.Helper()
	refused, ok := errors.AsType[*actions.RefusedError](err)
	if !ok || !strings.Contains(refused.Error(), want) {
		t.Errorf("error %v, want a refusal with %q", err, want)
		return
	}
	actiontest.Refusals(t, refused.Facts)
}

func TestRejoin(t *testing.T) {
	t.Parallel()

	t.Run("primary_that_stopped_in_order_needs_no_rewind", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		out, ev := w.step(t, "postgres.rejoin", rejoinArgs)
		if !strings.Contains(out.Note, "nothing had to be rewound") {
			t.Errorf("note %q", out.Note)
		}
		// The cluster is not without a standby any more.
		if i := slices.IndexFunc(ev.Facts, func(f pointsman.Fact) bool { return f.Guard == "G29" }); i < 0 || ev.Facts[i].Result != pointsman.Pass {
			t.Errorf("facts %+v, want G29 passed", ev.Facts)
		}
		if err := w.pair.Standby.Exec(t.Context(), "CREATE TABLE after_it ()"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Primary, "SELECT pg_is_in_recovery() AND to_regclass('after_it') IS NOT NULL")
		// The slot of its standby of before would keep WAL for ever.
		awaitRow(t, w.pair.Primary, "SELECT NOT EXISTS (SELECT FROM pg_replication_slots)")
		if ev := w.check(t, "postgres.rejoin", rejoinArgs); !ev.Already {
			t.Errorf("a second time: %+v, want already done", ev.Facts)
		}
	})

	t.Run("diverged_primary_is_rewound_and_what_only_it_had_is_kept", func(t *testing.T) {
		t.Parallel()
		w, keep := withHands(t, lab.PairOptions{})
		w.diverge(t, 7)
		ev := w.check(t, "postgres.rejoin", rejoinArgs)
		mustStand(t, ev)
		risks := pointsman.Acknowledgements(ev.Facts)
		if len(risks) != 1 || risks[0].Guard != "G28" || !strings.Contains(risks[0].Text, "pg-1 wrote 7 committed transactions that pg-2 never had") {
			t.Fatalf("risks %+v, want the 7 transactions", risks)
		}
		if len(ev.Bounds) != 1 || ev.Bounds[0].Name != postgres.DivergedBytes || ev.Bounds[0].Max < 7*30 {
			t.Fatalf("bounds %+v, want the bytes", ev.Bounds)
		}
		rejoin, in := w.kind(t, "postgres.rejoin"), input(rejoinArgs)
		_, err := rejoin.Apply(t.Context(), in)
		refusal(t, err, "pg-1 wrote 7 committed transactions") // nobody has accepted it
		in.Bounds = []pointsman.Bound{{Name: postgres.DivergedBytes, Max: ev.Bounds[0].Max - 1}}
		_, err = rejoin.Apply(t.Context(), in)
		refusal(t, err, "pg-1 wrote 7 committed transactions") // accepted was less

		out, _ := w.stepIn(t, "postgres.rejoin", func() actions.Input { in.Bounds = ev.Bounds; return in }())
		if !strings.Contains(out.Note, "pg-1 was rewound") || !strings.Contains(out.Note, "7 commits is kept in "+keep) {
			t.Errorf("note %q", out.Note)
		}
		awaitRow(t, w.pair.Primary, "SELECT pg_is_in_recovery() AND (SELECT count(*) = 0 FROM late)")
		awaitRow(t, w.pair.Primary, "SELECT current_setting('cluster_name') = 'pg-1'") // its settings are its own
		kept, err := filepath.Glob(filepath.Join(keep, "pg-1-timeline-1-*", "00000001????????????????"))
		if err != nil || len(kept) == 0 {
			t.Fatalf("kept %v, error %v", kept, err)
		}
		for _, n := range []string{"rewinding", "lock"} {
			if _, err := os.Stat(filepath.Join(keep, "pg-1."+n)); n == "rewinding" && err == nil {
				t.Error("the mark of a rewind at work is left")
			}
		}
	})

	t.Run("what_it_wrote_between_two_attempts_is_kept_too", func(t *testing.T) {
		t.Parallel()
		w, keep := withHands(t, lab.PairOptions{})
		w.diverge(t, 2)
		healthy := w.cluster.NodeHook.Command
		w.hookFails(t, "rewind", `echo "somebody was at work" >&2; exit 1`)
		var stored string
		attempt := func() error {
			in := input(rejoinArgs)
			in.Bounds = w.check(t, "postgres.rejoin", rejoinArgs).Bounds
			in.Remember = func(memo json.RawMessage, _ string) error { stored = string(memo); return nil }
			_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), in)
			return err
		}
		if err := attempt(); err == nil || !strings.Contains(err.Error(), "the WAL of pg-1 is kept in "+keep) {
			t.Fatalf("error %v", err)
		}
		if !strings.Contains(stored, `"kept":"`+keep) { // for whoever looks after a crash in the rewind
			t.Errorf("stored before the rewind: %s", stored)
		}
		for _, again := range []func() error{
			func() error { return w.pair.Primary.Start(t.Context()) },
			func() error { return w.pair.Primary.Exec(t.Context(), "INSERT INTO late VALUES (100)") },
			func() error { return w.pair.Primary.Stop(t.Context(), lab.Fast) },
		} {
			if err := again(); err != nil {
				t.Fatal(err)
			}
		}
		written := wal(t, filepath.Join(w.pair.Primary.DataDir(), "pg_wal"))
		w.cluster.NodeHook.Command = healthy
		w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
		if err := attempt(); err != nil {
			t.Fatal(err)
		}
		folders, err := filepath.Glob(filepath.Join(keep, "pg-1-timeline-1-*"))
		if err != nil || len(folders) != 1 {
			t.Fatalf("kept in %v, error %v", folders, err)
		}
		for name, kept := range wal(t, folders[0]) {
			if !bytes.Equal(kept, written[name]) {
				t.Errorf("%s is kept as it was before pg-1 wrote on in it", name)
			}
		}
	})

	t.Run("node_that_was_rewound_and_not_started_is_no_primary", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		w.diverge(t, 1)
		in := input(rejoinArgs)
		in.Bounds = w.check(t, "postgres.rejoin", rejoinArgs).Bounds
		w.hookFails(t, "start", `echo "no way" >&2; exit 1`)
		if _, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), in); err == nil || !strings.Contains(err.Error(), "no way") {
			t.Fatalf("error %v", err)
		}
		// Its machine may start it after a reboot.
		if _, err := os.Stat(filepath.Join(w.pair.Primary.DataDir(), "standby.signal")); err != nil {
			t.Error("it is a copy of the primary, and would start as one")
		}
	})

	t.Run("standby_of_the_dead_primary_follows_the_new_one", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		out, _ := w.step(t, "postgres.rejoin", `{"cluster":"orders","node":"pg-3"}`)
		if !strings.Contains(out.Note, "pg-3 was started as a standby of pg-2") {
			t.Errorf("note %q", out.Note)
		}
	})

	t.Run("what_another_standby_had_more_is_counted_before_it_is_rewound", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		best, args := w.pair.Standbys[1], `{"cluster":"orders","node":"pg-3"}`
		if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE late (n int)"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standby, "SELECT to_regclass('late') IS NOT NULL")
		follow(t, w.pair.Standby, "")
		awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		for range 5 {
			if err := w.pair.Primary.Exec(t.Context(), "INSERT INTO late VALUES (1)"); err != nil {
				t.Fatal(err)
			}
		}
		awaitRow(t, best, "SELECT count(*) = 5 FROM late")
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		ev := w.check(t, "postgres.rejoin", args)
		mustStand(t, ev)
		if risks := pointsman.Acknowledgements(ev.Facts); len(risks) != 1 || !strings.Contains(risks[0].Text, "pg-3 wrote an unknown number of committed transactions that pg-2 never had") {
			t.Errorf("risks %+v, want that their number is unknown while it runs", risks)
		}
		in := input(args)
		in.Bounds = ev.Bounds
		if out, _ := w.stepIn(t, "postgres.rejoin", in); !strings.Contains(out.Note, "pg-3 was rewound") || !strings.Contains(out.Note, "with 5 commits is kept in ") {
			t.Errorf("note %q, want the 5 commits", out.Note)
		}
		awaitRow(t, best, "SELECT count(*) = 0 FROM late")
	})

	t.Run("standby_that_was_stopped_for_it_is_told_whatever_fails_after", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		args := `{"cluster":"orders","node":"pg-3"}`
		follow(t, w.pair.Standby, "")
		awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE late AS SELECT 1 AS n"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standbys[1], "SELECT to_regclass('late') IS NOT NULL")
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		w.hookFails(t, "keep", `echo "no room" >&2; exit 1`)
		in := input(args)
		in.Bounds = w.check(t, "postgres.rejoin", args).Bounds
		var stored []string
		in.Remember = func(memo json.RawMessage, note string) error {
			stored = append(stored, note+string(memo))
			return nil
		}
		rejoin := w.kind(t, "postgres.rejoin")
		for range 2 { // a second attempt finds it stopped, and it is this step that stopped it
			out, err := rejoin.Apply(t.Context(), in)
			if _, refused := errors.AsType[*actions.RefusedError](err); refused || err == nil || !strings.Contains(err.Error(), "pg-3 ran, was stopped for this, and is not started again: the WAL that only pg-3 has could not be kept, so nothing was rewound") {
				t.Errorf("error %v, want one that is no refusal", err)
			}
			if !strings.Contains(string(out.Memo), `"stopped":true`) {
				t.Errorf("memo %s", out.Memo)
			}
			in.Earlier = out.Memo // as the engine gives it to a retry
		}
		if len(stored) != 1 || !strings.HasPrefix(stored[0], "stopping pg-3") || !strings.Contains(stored[0], `"stopped":true`) {
			t.Errorf("stored before it was stopped: %q", stored)
		}
	})

	t.Run("standby_that_lost_its_way_on_the_primarys_timeline_needs_no_rewind", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		follow(t, w.pair.Standby, "")
		awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		ev := w.check(t, "postgres.rejoin", promoteNode)
		mustStand(t, ev)
		if risks := pointsman.Acknowledgements(ev.Facts); len(risks) > 0 || len(ev.Bounds) > 0 {
			t.Errorf("it asks to accept %+v %+v", risks, ev.Bounds)
		}
		if out, _ := w.step(t, "postgres.rejoin", promoteNode); !strings.Contains(out.Note, "nothing had to be rewound") {
			t.Errorf("note %q", out.Note)
		}
	})

	t.Run("primary_that_changed_while_the_node_was_stopped_is_the_one_to_follow", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		lost := w.pair.Standbys[1]
		follow(t, lost, "")
		awaitRow(t, lost, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		in := input(`{"cluster":"orders","node":"pg-3"}`)
		in.Remember = func(json.RawMessage, string) error { // right before it is stopped, which may take minutes
			if err := w.pair.KillPrimary(); err != nil {
				return err
			}
			w.promoteStandby(t)
			return nil
		}
		out, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), in)
		if err != nil || !strings.Contains(out.Note, "pg-3 was started as a standby of pg-2") {
			t.Errorf("note %q, error %v", out.Note, err)
		}
		awaitRow(t, lost, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
	})

	t.Run("living_primary_is_left_alone", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
		refusal(t, err, "pg-1 takes writes as seen from here: it is a primary and is left alone")
	})

	t.Run("split_brain_is_left_alone", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
			t.Fatal(err)
		}
		_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
		refusal(t, err, "split brain")
	})

	t.Run("standby_with_followers_is_left_alone", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		if err := w.pair.Standbys[1].Exec(t.Context(), fmt.Sprintf("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=%d user=replicator'", w.pair.Standby.Port)); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Standbys[1].Exec(t.Context(), "ALTER SYSTEM SET primary_slot_name = ''"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Standbys[1].Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standby, "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
		// It follows nobody itself, so that there would be something to do.
		if err := w.pair.Standby.Exec(t.Context(), "ALTER SYSTEM SET primary_conninfo = ''"); err != nil {
			t.Fatal(err)
		}
		if err := w.pair.Standby.Exec(t.Context(), "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, w.pair.Standby, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), input(promoteNode))
		refusal(t, err, "pg-2 has 1 walsender, limit 0")
	})

	t.Run("standby_of_another_primary_on_the_same_timeline_number_is_refused", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{Standbys: 2})
		first, second := w.pair.Standby, w.pair.Standbys[1]
		follow(t, second, "") // so that it is promoted from another position
		awaitRow(t, second, "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
		if err := w.pair.Primary.Exec(t.Context(), "CREATE TABLE late AS SELECT 1 AS n"); err != nil {
			t.Fatal(err)
		}
		awaitRow(t, first, "SELECT to_regclass('late') IS NOT NULL")
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		w.step(t, "postgres.rejoin", rejoinArgs)                                    // pg-1 follows pg-2, on timeline 2
		if err := second.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil { // and pg-3 has one of the same number
			t.Fatal(err)
		}
		if err := first.Stop(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
		refusal(t, err, "pg-1 came to timeline 2 otherwise than pg-3")
		awaitRow(t, w.pair.Primary, "SELECT pg_is_in_recovery() AND to_regclass('late') IS NOT NULL") // left as it was
	})

	t.Run("data_of_another_cluster_is_refused", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		other := lab.NewPostgres(t, lab.PostgresOptions{Name: "other", InMemory: true, OwnIdentity: true})
		if err := other.Stop(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		conf := filepath.Join(w.cluster.NodeHook.Command[1], "pg-1.conf")
		text, err := os.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(conf, bytes.Replace(text, []byte(w.pair.Primary.DataDir()), []byte(other.DataDir()), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(conf, 0o644); err != nil { //nolint:gosec // the servers' user reads it
			t.Fatal(err)
		}
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		_, err = w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
		refusal(t, err, "they are different clusters")
	})

	t.Run("half_a_rewind_is_never_started", func(t *testing.T) {
		t.Parallel()
		w, keep := withHands(t, lab.PairOptions{})
		w.diverge(t, 1)
		if err := os.WriteFile(filepath.Join(keep, "pg-1.rewinding"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := w.kind(t, "postgres.rejoin").Apply(t.Context(), input(rejoinArgs))
		refusal(t, err, "an earlier pg_rewind of it did not end")
	})

	t.Run("run_that_promotes_does_not_touch_the_old_primary", func(t *testing.T) {
		t.Parallel()
		w, _ := withHands(t, lab.PairOptions{})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		in := input(rejoinArgs)
		in.Promised = []actions.Promise{{Kind: "postgres.check"}, {Kind: "postgres.promote"}}
		ev, err := w.kind(t, "postgres.rejoin").Check(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		refusedBecause(t, ev, "it is not touched in the run that promotes another node")
	})

	t.Run("hook_that_fails_is_told_with_its_last_line", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) {
			c.NodeHook.Command = []string{script(t, "echo 'ssh: no route to the host' >&2; exit 255"), "{node}"}
		})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoteStandby(t)
		refusedBecause(t, w.check(t, "postgres.rejoin", rejoinArgs), "the hook's step inspect for pg-1 failed with exit code 255 (ssh: no route to the host)")
	})
}

const promoteNode = `{"cluster":"orders","node":"pg-2"}`

func TestRejoin_conforms(t *testing.T) {
	t.Parallel()
	w, _ := withHands(t, lab.PairOptions{}, withCanary)
	if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil { // in order: nothing is left that its standby has not
		t.Fatal(err)
	}
	w.promoteStandby(t)
	actiontest.Run(t, w.suite(t, "postgres.rejoin", rejoinArgs))
}
