package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// shore is a cluster whose primary stands in a network namespace of its own: both vantage points look at it through the
// front cable, its standby streams through the back one. A cut cable swallows packets; nobody is refused.
type shore struct {
	*world
	island *lab.Island
}

// deafHook asks the node itself to stop, as ssh would, which nobody on the other side of a partition can.
func deafHook(c *postgres.Cluster) {
	_, host, _ := strings.Cut(c.Nodes[0].DSN, "@")
	host, _, _ = strings.Cut(host, "/")
	host, port, _ := strings.Cut(host, ":")
	c.Fence.Command = []string{"timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/" + host + "/" + port}
}

func noHook(c *postgres.Cluster) { c.Fence.Command = nil }

// landed is a cluster with its primary on an island, healthy and sampled.
func landed(t *testing.T, change ...func(*postgres.Cluster)) *shore {
	t.Helper()
	island, err := lab.NewIsland(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := island.Close(); err != nil {
			t.Error(err)
		}
	})
	options := givesUpSoon
	options.Island = island
	s := &shore{newWorld(t, options, append(change, impatient)...), island}
	s.onItsOwnSide(t, "CREATE TABLE payments (id int)")
	s.sampled(t)
	return s
}

func (s *shore) cut(t *testing.T, cables ...lab.Cable) {
	t.Helper()
	if err := s.island.Cut(t.Context(), cables...); err != nil {
		t.Fatal(err)
	}
}

func (s *shore) heal(t *testing.T) {
	t.Helper()
	if err := s.island.Heal(t.Context(), lab.Front, lab.Back); err != nil {
		t.Fatal(err)
	}
	awaitRow(t, s.pair.Primary, "SELECT true")
}

// onItsOwnSide runs SQL on the primary as a client on the same side of the partition.
func (s *shore) onItsOwnSide(t *testing.T, sql string) {
	t.Helper()
	config, err := pgx.ParseConfig(s.pair.Primary.AppDSN())
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.island.Dial(ctx, network, fmt.Sprintf("127.0.0.1:%d", s.pair.Primary.Port))
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// offered waits until no guard refuses the failover: the standby has given up on the primary.
func (s *shore) offered(t *testing.T) (ev pointsman.Evidence) {
	t.Helper()
	await(t, func(context.Context) error {
		ev = s.check(t, "postgres.check", checkArgs)
		if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
			return errors.New(no[0].Sentence())
		}
		return nil
	})
	return ev
}

// TestPartition is the part of the failover matrix in which the network itself is broken, and the primary lives.
func TestPartition(t *testing.T) {
	t.Parallel()

	t.Run("standby_that_still_streams_refuses_though_nobody_else_sees_the_primary", func(t *testing.T) {
		t.Parallel()
		s := landed(t)
		s.cut(t, lab.Front)
		refusedBecause(t, s.check(t, "postgres.check", checkArgs), "pg-2 still holds a stream from pg-1")
		_, err := s.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		refusal(t, err, "pg-2 still holds a stream from pg-1")
		s.onItsOwnSide(t, "INSERT INTO payments VALUES (1)")
		awaitRow(t, s.pair.Standby, "SELECT pg_is_in_recovery() AND EXISTS (SELECT FROM payments)")
	})

	t.Run("hook_that_cannot_reach_the_primary_leaves_it_unfenced", func(t *testing.T) {
		t.Parallel()
		s := landed(t, deafHook)
		s.cut(t, lab.Front, lab.Back)
		s.onItsOwnSide(t, "INSERT INTO payments VALUES (1)")
		offered := s.offered(t)
		for _, name := range []string{"loss in bytes", "loss in time"} { // its side of the cable writes on, and nobody here can say how much
			accepted(t, offered, name+" is unknown, limit")
			accepted(t, offered, "pg-1 fell silent without being seen stopped, and what it has taken since is lost too")
		}
		if len(offered.Bounds) > 0 {
			t.Errorf("bounds %+v of a loss that goes on", offered.Bounds)
		}
		ev := s.fence(t)
		if said := fmt.Sprint(ev.Facts); ev.Holds || !strings.Contains(said, "pg-1 is silent and no hook ended well: it may come back and take writes") {
			t.Errorf("the fence holds %t: %s", ev.Holds, said)
		}
		awaitRow(t, s.pair.Standby, "SELECT pg_is_in_recovery()")
	})

	t.Run("without_a_hook_people_accept_that_it_writes_and_its_return_is_an_alarm", func(t *testing.T) {
		t.Parallel()
		s := landed(t, noHook, often)
		d := s.watched(t)
		s.cut(t, lab.Front, lab.Back)
		accepted(t, s.offered(t), "pg-1 cannot be stopped from here: if it comes back, it takes writes beside the new primary")
		s.step(t, "postgres.promote", promoteArgs)
		s.onItsOwnSide(t, "INSERT INTO payments VALUES (1)") // what nobody on this side will see
		if n := countRows(t, s.pair.Standby, "SELECT count(*) FROM payments"); n != 0 {
			t.Errorf("%d rows crossed the partition", n)
		}
		s.heal(t)
		d.hears(t, pointsman.SeenAlarm, "split brain: 2 nodes take writes, limit 1")
		(&scene{world: s.world}).secondWriter(t)
		if n := countRows(t, s.pair.Primary, "SELECT count(*) FROM payments"); n != 1 {
			t.Errorf("%d rows on the old primary, want the one that only it has", n)
		}
	})

	t.Run("partition_that_heals_before_the_promotion_refuses_it", func(t *testing.T) {
		t.Parallel()
		s := landed(t)
		s.cut(t, lab.Front, lab.Back)
		s.offered(t)
		s.heal(t)
		_, err := s.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		refusal(t, err, "pg-1 takes writes as seen from here")
		awaitRow(t, s.pair.Standby, "SELECT pg_is_in_recovery()")
	})

	t.Run("partition_that_heals_behind_the_hooks_back_is_not_fenced", func(t *testing.T) {
		t.Parallel()
		s := landed(t) // its hook says that it is done, and has stopped nothing
		s.cut(t, lab.Front, lab.Back)
		s.offered(t)
		in := input(fenceArgs)
		in.Applied = time.Now()
		out, err := s.kind(t, "postgres.fence").Apply(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		s.heal(t)
		in.Memo = out.Memo
		ev, err := s.kind(t, "postgres.fence").Verify(t.Context(), in)
		if said := fmt.Sprint(ev.Facts); err != nil || ev.Holds || !strings.Contains(said, "pg-1 is not stopped: it takes writes as seen from") {
			t.Errorf("the fence holds %t: %s, %v", ev.Holds, said, err)
		}
		_, err = s.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
		refusal(t, err, "pg-1 takes writes as seen from here")
	})
}

// fence applies the fence and looks once whether it holds.
func (s *shore) fence(t *testing.T) pointsman.Evidence {
	t.Helper()
	a, in := s.kind(t, "postgres.fence"), input(fenceArgs)
	in.Applied = time.Now()
	out, err := a.Apply(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.Memo = out.Memo
	ev, err := a.Verify(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// accepted: the fact is one that one more person accepts, with this sentence.
func accepted(t *testing.T, ev pointsman.Evidence, want string) {
	t.Helper()
	for _, f := range ev.Facts {
		if f.NeedsAcknowledgement() && strings.Contains(f.Text, want) {
			return
		}
	}
	t.Errorf("facts %+v, want a risk to accept: %q", ev.Facts, want)
}
