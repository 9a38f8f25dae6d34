package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// asSuperuser gives the nodes' addresses the rights that closing a database needs.
func asSuperuser(c *postgres.Cluster) {
	for i := range c.Nodes {
		c.Nodes[i].DSN = strings.Replace(c.Nodes[i].DSN, lab.Pointsman+"@", lab.Superuser+"@", 1)
	}
}

func TestFence(t *testing.T) {
	t.Parallel()

	t.Run("primary_that_takes_writes_is_refused_unless_meant", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, asSuperuser, func(c *postgres.Cluster) { c.Fence.Command = nil })
		_, err := w.kind(t, "postgres.fence").Apply(t.Context(), input(fenceArgs))
		if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || !strings.Contains(refused.Error(), "pg-1 takes writes") {
			t.Fatalf("error %v, want a refusal", err)
		}
		app, err := pgx.Connect(t.Context(), w.pair.Primary.AppDSN())
		if err != nil {
			t.Fatal(err)
		}
		defer app.Close(context.Background())
		living := `{"cluster":"orders","node":"pg-1","living":true}`
		out, _ := w.step(t, "postgres.fence", living)
		if _, err := app.Exec(t.Context(), "SELECT 1"); err == nil {
			t.Error("the session that was open still works")
		}
		if conn, err := pgx.Connect(t.Context(), w.pair.Primary.SuperuserDSN()); err == nil {
			conn.Close(t.Context())
			t.Error("a superuser still gets in")
		}
		in := input(living)
		in.Memo = out.Memo
		undo, ok := w.kind(t, "postgres.fence").(actions.Undoer)
		if !ok {
			t.Fatal("no undo")
		}
		if out, err := undo.Undo(t.Context(), in); err != nil {
			t.Fatalf("undo %q: %v", out.Note, err)
		}
		if err := w.pair.Primary.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Errorf("after undo: %v", err)
		}
	})

	t.Run("hook_runs_for_a_dead_node_with_its_name_and_none_of_our_environment", func(t *testing.T) {
		t.Parallel()
		seen := filepath.Join(t.TempDir(), "seen")
		hook := script(t, `printf '%s %s' "$1" "${POINTSMAN_TEST_SECRET-unset}" >`+seen)
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.Fence.Command = []string{hook, "{node}"} })
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.step(t, "postgres.fence", fenceArgs)
		if text, err := os.ReadFile(seen); err != nil || string(text) != "pg-1 unset" {
			t.Errorf("the hook saw %q, error %v", text, err)
		}
	})

	t.Run("a_dead_node_is_not_taken_for_fenced_by_whoever_takes_over_before_the_hook_ran", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct {
			hook  []string
			holds bool
		}{"hook": {[]string{"true"}, false}, "no_hook_which_people_accepted": {nil, true}} {
			w := newWorld(t, lab.PairOptions{}, func(cluster *postgres.Cluster) { cluster.Fence.Command = c.hook })
			if err := w.pair.KillPrimary(); err != nil {
				t.Fatal(err)
			}
			fence, in := w.kind(t, "postgres.fence"), input(fenceArgs)
			in.Phase = actions.Recover
			ev, err := fence.Verify(t.Context(), in)
			if err != nil || ev.Holds != c.holds || !c.holds && ev.Facts[0].Text != "pg-1 is stopped, and the hook that keeps it so has not run: something may start it again" {
				t.Errorf("%s: %+v, %v", name, ev, err)
			}
			if out, after := w.step(t, "postgres.fence", fenceArgs); !after.Holds {
				t.Errorf("%s: the next attempt: %q, %+v", name, out.Note, after)
			}
		}
	})

	t.Run("hook_that_hangs_is_killed_with_its_children_and_does_not_count", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		hook := script(t, hangs(dir))
		w := newWorld(t, lab.PairOptions{}, quickly, func(c *postgres.Cluster) {
			c.Fence = postgres.Fence{Command: []string{hook}, Timeout: 3 * time.Second} // in which it tells who it is, also on a busy machine
		})
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		out, err := w.kind(t, "postgres.fence").Apply(t.Context(), input(fenceArgs))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		gone(t, dir)
		var memo postgres.FenceMemo
		if err := json.Unmarshal(out.Memo, &memo); err != nil || memo.Hook != "failed" {
			t.Errorf("memo %s, error %v", out.Memo, err)
		}
		if !strings.Contains(out.Note, "did not end within 3s and was killed") {
			t.Errorf("note %q", out.Note)
		}
	})

	t.Run("candidate_is_never_fenced", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{})
		in := input(`{"cluster":"orders","node":"pg-2","living":true}`)
		in.Pins = map[string]string{"candidate": "pg-2", "old_primary": "pg-1"}
		_, err := w.kind(t, "postgres.fence").Apply(t.Context(), in)
		if refused, ok := errors.AsType[*actions.RefusedError](err); !ok || !strings.Contains(refused.Error(), "pg-2 is not the old primary") {
			t.Errorf("error %v, want a refusal", err)
		}
	})
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// hangs is shell that waits for a child for ever and leaves the process ids of both in dir.
func hangs(dir string) string {
	return fmt.Sprintf("sleep 600 & echo $! >%[1]s/child; echo $$ >%[1]s/hook; wait", dir)
}

// gone waits until what hung in dir is dead, its child too: one that lives acts on a server while people decide about it.
func gone(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, who := range []string{"hook", "child"} {
		pid, err := os.ReadFile(filepath.Join(dir, who))
		if err != nil {
			t.Errorf("it never hung: %v", err)
			continue
		}
		if err := lab.Await(ctx, func(context.Context) error {
			stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
			if err == nil && !strings.Contains(string(stat), ") Z ") { // nobody may have collected it
				return fmt.Errorf("it still lives: %s", stat)
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
}
