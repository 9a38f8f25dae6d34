package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// byHand are the commands of a step as its plan shows them.
func (w *world) byHand(t *testing.T, kind, with string) (do, undo []string) {
	t.Helper()
	h, ok := w.kind(t, kind).(actions.Handy)
	if !ok {
		t.Fatalf("%s says nothing of what a person does without it", kind)
	}
	do, undo = h.ByHand(input(with))
	if len(do) == 0 {
		t.Fatalf("%s has no commands", kind)
	}
	return do, undo
}

// paste does what a person does with them: each line into a shell, with an account of their own. It returns what they printed.
func paste(t *testing.T, user string, lines []string) string {
	t.Helper()
	var out strings.Builder
	for _, line := range lines {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Env = append(os.Environ(), "PGUSER="+user)
		cmd.WaitDelay = time.Second
		said, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, said)
		}
		out.Write(said)
	}
	return out.String()
}

// pasteWhole does it with all lines at once, as one text at a prompt, where the person has set that.
func pasteWhole(t *testing.T, user string, lines []string, set ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	cmd.Env = append(append(os.Environ(), "PGUSER="+user), set...)
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// TestByHand_the_commands_of_a_hand_over_do_what_the_steps_would_have_done: an aborted run leaves a person with them, at night,
// behind the point of no return.
func TestByHand_the_commands_of_a_hand_over_do_what_the_steps_would_have_done(t *testing.T) {
	t.Parallel()

	t.Run("the_failover", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}).sampled(t)
		far, path := w.named(t)
		do, undo := far.byHand(t, "postgres.promote", promoteArgs)
		if len(undo) > 0 {
			t.Errorf("a promotion has no way back: %q", undo)
		}
		if said, err := pasteWhole(t, lab.Superuser, do, path); err == nil || !strings.Contains(said, "NOT DONE: pg-2 must be a standby yet, and pg-1 a standby or stopped") || !strings.Contains(said, "pg-2 t; pg-1 f;") {
			t.Errorf("pg-1 takes writes: %s, %v", said, err)
		}
		awaitRow(t, w.pair.Standby, "SELECT pg_is_in_recovery()")
		if err := w.pair.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		if said, err := pasteWhole(t, lab.Superuser, do, path); err != nil {
			t.Errorf("%s, %v", said, err)
		}
		awaitRow(t, w.pair.Standby, "SELECT NOT pg_is_in_recovery()")
		do, _ = w.byHand(t, "postgres.verify", promoteArgs)
		if said := paste(t, lab.Superuser, do); !strings.Contains(said, "INSERT 0 1") {
			t.Errorf("no write went through:\n%s", said)
		}
		do, _ = w.byHand(t, "postgres.checkpoint", `{"cluster":"orders","node":"pg-2"}`)
		paste(t, lab.Superuser, do)
	})

	t.Run("the_fence_and_its_way_back", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, func(c *postgres.Cluster) { c.Fence = postgres.Fence{Ladder: []string{"revoke"}} })
		w.sql(t, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()") // the link that broke
		do, undo := w.byHand(t, "postgres.fence", revokeArgs)
		if last := do[len(do)-1]; last != "# stop PostgreSQL on pg-1 and keep it from starting again" {
			t.Errorf("closed databases alone do not keep a server off: %q", last)
		}
		inside := session(t, w.pair.Primary.DSN(lab.Superuser, "postgres"), "worker") // nobody can close that database
		paste(t, lab.Superuser, do)
		if w.closed(t) == "" {
			t.Error("every database is open")
		}
		if err := inside.Ping(t.Context()); err == nil {
			t.Error("a client in the database postgres may write still")
		}
		if said, err := pasteWhole(t, lab.Superuser, undo); err != nil || w.closed(t) != "" {
			t.Errorf("closed still: %s; %s, %v", w.closed(t), said, err)
		}
		paste(t, lab.Superuser, do)
		other := session(t, w.pair.Standby.DSN(lab.Superuser, "postgres"), "psql") // its other databases are closed, too
		if _, err := other.Exec(t.Context(), "SELECT pg_promote(true)"); err != nil {
			t.Fatal(err)
		}
		if said, err := pasteWhole(t, lab.Superuser, undo); err == nil || !strings.Contains(said, "NOT DONE: pg-2 must say that it is a standby") || w.closed(t) == "" {
			t.Errorf("opened beside another primary: %s, %v", said, err)
		}
	})

	t.Run("the_switchover", func(t *testing.T) {
		t.Parallel()
		w, _ := switchable(t, lab.PairOptions{})
		in := w.planned(t, "postgres.switchover", switchArgs)
		far, path := w.named(t)
		do, undo := far.kind(t, "postgres.switchover").(actions.Handy).ByHand(in)
		all := strings.Join(do, "\n")
		for _, want := range []string{"# stop pg-1 in order", "# lead the poolers, or the address of the clients, to pg-2", "SELECT pg_promote"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q does not say %q: the plan knows who is who", do, want)
			}
		}
		if said, err := pasteWhole(t, lab.Superuser, do, path); !strings.Contains(said, "NOT DONE: ") {
			t.Errorf("pg-1 was not stopped: %s, %v", said, err)
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 false pg-2 true paused 0") {
			t.Errorf("%s, want nothing changed", got)
		}
		if err := w.pair.StopPrimary(t.Context(), lab.Fast); err != nil {
			t.Fatal(err)
		}
		// Stopped in order, and nobody has looked yet whether pg-2 has all of it.
		i := slices.IndexFunc(do, func(line string) bool { return strings.Contains(line, "pg_promote") })
		ended := strings.TrimSpace(fmt.Sprint(w.order(t, "inspect"))) // as pg_controldata tells it
		final := "final=" + regexp.MustCompile(`checkpoint_lsn=(\S+)`).FindStringSubmatch(ended)[1]
		for _, c := range []struct{ before, after, want string }{
			{"", "", "Seen now, where a standby says t and a primary f: pg-2 beyond final, which is not set: not told;"},
			{"final=FF/0", "", "Seen now, where a standby says t and a primary f: pg-2 beyond FF/0: f;"},
			{final, "echo left: $final", "pg-2 is a primary now\nleft:\n"}, // another attempt sets it anew
		} {
			said, _ := pasteWhole(t, lab.Superuser, []string{c.before, do[i], c.after}, path)
			if !strings.Contains(said, c.want) {
				t.Errorf("%q: %s, want %q", c.before, said, c.want)
			}
		}
		if got := w.poolerAndRoles(t); !strings.Contains(got, "pg-1 down pg-2 false") {
			t.Errorf("%s, want pg-2 promoted", got)
		}
		// Clients are let go only where a server runs for them.
		if len(undo) < 4 || !strings.HasPrefix(undo[2], "# with t, start pg-1 again") {
			t.Errorf("%q", undo)
		}
	})

	t.Run("the_poolers", func(t *testing.T) {
		t.Parallel()
		w, _ := pooled(t)
		pause, resume := w.byHand(t, "pgbouncer.pause", switchArgs)
		paste(t, lab.Pointsman, pause)
		if ev := w.undone(t, "pgbouncer.pause", input(switchArgs)); ev.Holds {
			t.Error("no client waits")
		}
		paste(t, lab.Pointsman, resume)
		if ev := w.undone(t, "pgbouncer.pause", input(switchArgs)); !ev.Holds {
			t.Errorf("clients wait: %+v", ev)
		}
		do, _ := w.byHand(t, "pgbouncer.repoint", `{"cluster":"orders","to":"pg-2"}`)
		if len(do) != 2 || !strings.HasPrefix(do[0], "# in ") || !strings.Contains(do[0], `in [databases], for app: host=127.0.0.1 port=`) || !strings.Contains(do[1], "RELOAD") {
			t.Errorf("%q", do)
		}
	})
}

// TestByHand_holds_no_secret: the plan is shown to everybody in the channel.
func TestByHand_holds_no_secret(t *testing.T) {
	t.Parallel()
	w := &world{cluster: postgres.Cluster{
		Name: "orders", Database: "app",
		Nodes: []postgres.Node{
			{Name: "pg-1", Address: postgres.Address{DSN: "postgres://bot:geheim@db-1.internal/app"}},
			{Name: "pg-2", Address: postgres.Address{DSN: "host=db-2.internal port=5433 user=bot password=geheim dbname=app"}},
		},
		Clients: postgres.Clients{Address: postgres.Address{DSN: "postgres://bot:geheim@db-1.internal,db-2.internal/app"}},
		Poolers: []postgres.Pooler{{Name: "pgb-1", Ini: "/etc/pgbouncer/pgbouncer.ini", Console: postgres.Address{DSN: "postgres://admin:geheim@pgb/pgbouncer"}}},
	}.WithDefaults()}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	for kind, with := range map[string]string{
		"postgres.fence": fenceArgs, "postgres.promote": promoteArgs, "postgres.verify": promoteArgs, "postgres.switchover": `{"cluster":"orders","candidate":"pg-2"}`,
		"postgres.terminate": `{"cluster":"orders","node":"pg-1","user":"o'neill"}`, "pgbouncer.pause": switchArgs, "pgbouncer.resume": switchArgs, "pgbouncer.repoint": `{"cluster":"orders","to":"pg-2"}`,
	} {
		do, undo := w.byHand(t, kind, with)
		if all := strings.Join(append(do, undo...), "\n"); strings.Contains(all, "geheim") {
			t.Errorf("%s:\n%s", kind, all)
		}
	}
	do, _ := w.byHand(t, "postgres.verify", promoteArgs)
	if want := "PGOPTIONS= psql -Xw -h db-1.internal,db-2.internal -p 5432,5432 -d 'dbname=app connect_timeout=5 target_session_attrs=read-write hostaddr=' -c "; !strings.HasPrefix(do[2], want) {
		t.Errorf("an address of several hosts: %s", do[2])
	}
}

// TestByHand_leaves_the_order_of_the_fence_as_it_is_configured: each plan asks for the commands, and runs that fence climb the
// same ladder beside it.
func TestByHand_leaves_the_order_of_the_fence_as_it_is_configured(t *testing.T) {
	t.Parallel()
	ladder := []string{"revoke", "pooler", "network"}
	w := &world{cluster: postgres.Cluster{
		Name: "orders", Database: "app", Fence: postgres.Fence{Ladder: ladder, Network: []string{"cut", "{node}"}},
		Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: "host=db-1 dbname=app"}}, {Name: "pg-2", Address: postgres.Address{DSN: "host=db-2 dbname=app"}}},
	}.WithDefaults()}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	first, back := w.byHand(t, "postgres.fence", fenceArgs)
	again, _ := w.byHand(t, "postgres.fence", fenceArgs)
	if diff := cmp.Diff(first, again); diff != "" || !slices.Equal(ladder, []string{"revoke", "pooler", "network"}) {
		t.Errorf("the ladder is %v now\n%s", ladder, diff)
	}
	if want := "# let clients reach pg-1 again"; !slices.Contains(back, want) {
		t.Errorf("no hook takes the network cut back, and nobody is told to: %q", back)
	}
}
