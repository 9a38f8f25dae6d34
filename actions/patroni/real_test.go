package patroni_test

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestRealCluster is one story on three real members: what is refused, a switchover, and a lost leader in maintenance mode.
// It is one test because a cluster takes seconds to start, and each part leaves it as the next one needs it.
func TestRealCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PatroniOptions{
		Members: 3, Hasty: true, Tags: map[string]map[string]any{"pg-3": {"nofailover": true}},
	})
	_ = t.Run("nofailover_is_refused", w.neverLeads) &&
		t.Run("paused_cluster_is_not_switched_over", w.pausedIsRefused) &&
		t.Run("lagging_candidate_is_refused", w.lagRefused) &&
		t.Run("wrong_password_is_refused_by_Patroni", w.wrongPassword) &&
		t.Run("switchover_happens", w.switchesOver) &&
		t.Run("plan_of_before_is_void", w.planIsVoid) &&
		t.Run("silent_member_is_told", w.silentMember) &&
		t.Run("server_that_takes_writes_without_a_leader_is_not_failed_over", w.livesWithoutPatroni) &&
		t.Run("paused_cluster_without_a_leader_is_failed_over", w.failsOver)
}

func (w *world) neverLeads(t *testing.T) {
	pins := w.caughtUp(t)
	if pins["old_primary"] != "pg-1" || pins["candidate"] != "pg-2" {
		t.Fatalf("pins %v, want pg-1 and pg-2: pg-3 has the tag nofailover", pins)
	}
	pins["candidate"] = "pg-3"
	eventually(t, "pg-3 runs and still is refused", func() bool {
		return slices.ContainsFunc(pointsman.Refusals(w.status(t, "switchover", pins).Facts), func(f pointsman.Fact) bool {
			return strings.Contains(f.Sentence(), "pg-3 has the tag nofailover")
		})
	})
	applyRefuses(t, kindOf(t, w.clusters, "patroni.switchover"), switchover(pins), "pg-3 has the tag nofailover")
}

func (w *world) pausedIsRefused(t *testing.T) {
	pins := w.status(t, "switchover", nil).Pins
	w.pause(t, true)
	mustRefuse(t, w.status(t, "switchover", nil).Facts, "orders is paused")
	applyRefuses(t, kindOf(t, w.clusters, "patroni.switchover"), switchover(pins), "orders is paused")
	w.pause(t, false)
}

// lagRefused stops pg-2's receiver while the leader writes more than the limit.
func (w *world) lagRefused(t *testing.T) {
	pins := w.status(t, "switchover", nil).Pins
	receiver := number(t, w.lab.Member("pg-2"), "SELECT pid FROM pg_stat_wal_receiver")
	if err := syscall.Kill(receiver, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Kill(receiver, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	if err := w.lab.Member("pg-1").Exec(t.Context(), "CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 4000)"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pg-2 behind", func() bool {
		for _, f := range pointsman.Refusals(w.status(t, "switchover", pins).Facts) {
			if strings.Contains(f.Sentence(), "pg-2 is ") && strings.Contains(f.Sentence(), "behind, limit 1,048,576 B") {
				return true
			}
		}
		return false
	})
	applyRefuses(t, kindOf(t, w.clusters, "patroni.switchover"), switchover(pins), "behind, limit 1,048,576 B")
}

func number(t *testing.T, m *lab.PatroniMember, sql string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), m.DSN(lab.Superuser, lab.AppDatabase))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// caughtUp waits until the shipped check would let a switchover begin.
func (w *world) caughtUp(t testing.TB) map[string]string {
	t.Helper()
	var pins map[string]string
	eventually(t, "a switchover is possible", func() bool {
		ev := w.status(t, "switchover", nil)
		pins = ev.Pins
		return len(pointsman.Refusals(ev.Facts)) == 0
	})
	return pins
}

func (w *world) wrongPassword(t *testing.T) {
	pins := w.caughtUp(t)
	cfg := configOf(w.lab)
	cfg.Password = "guessed"
	applyRefuses(t, kindOf(t, patroni.New(patroni.Config{cfg}), "patroni.switchover"), switchover(pins), "Patroni refuses (401 from pg-1): not authenticated")
}

func (w *world) switchesOver(t *testing.T) {
	pins := w.caughtUp(t)
	k, in := kindOf(t, w.clusters, "patroni.switchover"), switchover(pins)
	ev, err := k.Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	mustStand(t, ev)
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	// Another process, after a restart, has the memo and nothing else.
	w.clusters = patroni.New(patroni.Config{configOf(w.lab)})
	verified(t, kindOf(t, w.clusters, "patroni.switchover"), in, out)
	// A crash before the memo was stored: the plan's pins are enough to see that it happened.
	if ev, err := kindOf(t, w.clusters, "patroni.switchover").Verify(t.Context(), in); err != nil || !ev.Holds {
		t.Errorf("without a memo it is not seen: %v, %+v", err, pointsman.Refusals(ev.Facts))
	}
	w.mustLead(t, leads(pins, pins["old_primary"]), "role of pg-2", "member pg-1", "member pg-3", "write through clients")
}

// mustLead takes the step after the move: a write through the clients' address, and everybody follows.
func (w *world) mustLead(t *testing.T, in actions.Input, passed ...string) {
	t.Helper()
	k := kindOf(t, w.clusters, "patroni.status")
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	held := verified(t, k, in, out)
	for _, name := range passed {
		if f := factOf(t, held, name); f.Result != pointsman.Pass {
			t.Errorf("%s: %s", name, f.Sentence())
		}
	}
	if f := factOf(t, held, "write through clients"); !strings.HasPrefix(f.Value, "read back on timeline") {
		t.Errorf("the proof is %q, not a write that was read back", f.Value)
	}
}

func factOf(t *testing.T, ev pointsman.Evidence, name string) pointsman.Fact {
	t.Helper()
	for _, f := range ev.Facts {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fact %q in %+v", name, ev.Facts)
	return pointsman.Fact{}
}

// planIsVoid: pg-2 leads by now, and a plan approved while pg-1 did must not run (G6).
func (w *world) planIsVoid(t *testing.T) {
	now := w.caughtUp(t)
	if now["old_primary"] != "pg-2" || now["candidate"] != "pg-1" {
		t.Fatalf("pins %v, want pg-2 to hand over to pg-1", now)
	}
	before := map[string]string{"old_primary": "pg-1", "candidate": "pg-2", "timeline": "2", "system_id": now["system_id"]}
	ev := w.status(t, "switchover", before)
	if !ev.Already || !strings.Contains(ev.AlreadyBy, "Patroni itself: pg-2 leads on timeline") {
		t.Errorf("the same wish is not already done: %+v", ev)
	}
	before["candidate"] = "pg-1"
	before["old_primary"] = "pg-3"
	ev = w.status(t, "switchover", before)
	if ev.Pins["old_primary"] != "pg-2" {
		t.Errorf("pins %v, want the leader of now, so that the engine sees the difference", ev.Pins)
	}
	applyRefuses(t, kindOf(t, w.clusters, "patroni.switchover"), switchover(before), "pg-2 leads, the plan was made while pg-3 did")
	before["old_primary"] = "pg-2"
	applyRefuses(t, kindOf(t, w.clusters, "patroni.switchover"), switchover(before), "the plan was made on 2: somebody was promoted meanwhile")
}

// silentMember: one member of three hangs. Two still tell who leads; the third is named, and cannot be the candidate.
func (w *world) silentMember(t *testing.T) {
	pins := w.caughtUp(t)
	if err := w.lab.Member("pg-3").Freeze(); err != nil {
		t.Fatal(err)
	}
	ev := w.status(t, "switchover", pins)
	if err := w.lab.Member("pg-3").Thaw(); err != nil {
		t.Fatal(err)
	}
	mustStand(t, ev)
	if f := factOf(t, ev, "member pg-3"); f.Kind != pointsman.Warn || !strings.Contains(f.Text, "pg-3 does not answer") {
		t.Errorf("of pg-3 is told %+v", f)
	}
}

// livesWithoutPatroni: no REST API names a leader, and yet clients find a server that takes their writes.
func (w *world) livesWithoutPatroni(t *testing.T) {
	f := newFake(t)
	f.vacant()
	cfg := f.config()
	cfg.Clients = patroni.Clients{DSN: w.lab.ClientDSN(lab.Pointsman)}
	const says = "that takes writes, though no member leads: the old leader lives without its Patroni"
	k := kindOf(t, patroni.New(patroni.Config{cfg}), "patroni.failover")
	ev, err := k.Check(t.Context(), failover(pins()))
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, ev.Facts, says)
	applyRefuses(t, k, failover(pins()), says)

	// What it answers may be an error: it lives all the same.
	cfg.HeartbeatTable = "no_such_table"
	k = kindOf(t, patroni.New(patroni.Config{cfg}), "patroni.failover")
	applyRefuses(t, k, failover(pins()), "whether it takes writes cannot be told (relation \"public.no_such_table\" does not exist (SQLSTATE 42P01))")
}

// failsOver: in maintenance mode Patroni replaces no lost leader, so a person must.
func (w *world) failsOver(t *testing.T) {
	w.caughtUp(t)
	w.pause(t, true)
	if err := w.lab.Member("pg-2").Kill(); err != nil {
		t.Fatal(err)
	}
	// The key outlives its holder: until it ends a failover would be a switchover. On a slow machine it may have ended.
	if facts := w.status(t, "failover", nil).Facts; len(pointsman.Refusals(facts)) > 0 {
		mustRefuse(t, facts, "pg-2 holds the leader's key, and it does not answer")
	}
	var ev pointsman.Evidence
	eventually(t, "the key ends", func() bool {
		ev = w.status(t, "failover", nil)
		return len(pointsman.Refusals(ev.Facts)) == 0
	})
	if ev.Pins["candidate"] != "pg-1" || ev.Pins["old_primary"] != "pg-2" {
		t.Errorf("pins %v, want pg-2 to be replaced by pg-1", ev.Pins)
	}
	if f := factOf(t, ev, "loss"); !f.NeedsAcknowledgement() {
		t.Errorf("what the lost leader wrote last is unknown, and nobody is asked to accept it: %+v", f)
	}
	k, in := kindOf(t, w.clusters, "patroni.failover"), failover(ev.Pins)
	out, err := k.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	verified(t, k, in, out)
	w.mustLead(t, leads(ev.Pins, ""), "role of pg-1", "member pg-3")
	again := w.status(t, "failover", nil)
	if !again.Already || !strings.Contains(again.AlreadyBy, "pg-1 leads") {
		t.Errorf("a cluster with a leader is not already failed over: %+v", again)
	}
}
