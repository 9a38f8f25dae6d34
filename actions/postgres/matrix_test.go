package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/cmd/lab"
)

// scene is a real cluster whose primary is reached by wires: ours, the probe's, and its standby's.
type scene struct {
	*world
	ours, theirs, stream *wire
}

// trouble is one row of the matrix: what happens to the primary, and the one right answer.
type trouble struct {
	happens func(*testing.T, *scene)
	refuse  string                   // why a failover is refused; empty where it is right
	risk    string                   // that one more approver accepts before a promotion
	after   func(*testing.T, *scene) // what must be true after a promotion
	change  func(*postgres.Cluster)
}

// TestMatrix is the failover matrix on real servers. Rows that stand alone elsewhere are not repeated: dead, full, several
// standbys with different positions, promoted by somebody else, swapped or strange servers (TestFailover, TestTwoStandbys),
// the diverged old primary that comes back as a standby (TestRejoin), and partitions of a real network (TestPartition).
func TestMatrix(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]trouble{
		"slow_is_not_dead": {
			happens: func(_ *testing.T, s *scene) { s.ours.set(150*time.Millisecond, false) },
			refuse:  "pg-1 takes writes as seen from here",
		},
		"slower_than_our_patience_is_not_dead": {
			happens: func(_ *testing.T, s *scene) { s.ours.set(time.Minute, false) },
			refuse:  "pg-1 takes writes as seen from probe-b",
			change:  quickly,
		},
		"only_we_are_cut_off": {
			happens: func(_ *testing.T, s *scene) { s.ours.set(0, true) },
			refuse:  "pg-1 takes writes as seen from probe-b",
			change:  quickly,
		},
		"all_but_the_standby_are_cut_off": {
			happens: func(_ *testing.T, s *scene) { s.ours.set(0, true); s.theirs.set(0, true) },
			refuse:  "pg-2 still holds a stream from pg-1",
			change:  quickly,
		},
		"only_the_standby_is_cut_off": {
			happens: func(_ *testing.T, s *scene) { s.stream.set(0, true) },
			refuse:  "pg-1 takes writes as seen from here",
		},
		"cut_off_from_everybody_is_failed_over_and_found_when_it_is_back": {
			happens: func(_ *testing.T, s *scene) { s.ours.set(0, true); s.theirs.set(0, true); s.stream.set(0, true) },
			change:  impatient,
			risk:    mayWriteOn,
			after: func(t *testing.T, s *scene) {
				s.ours.set(0, false)
				s.secondWriter(t)
			},
		},
		"read_only_by_default_still_takes_writes": {
			happens: func(t *testing.T, s *scene) {
				s.exec(t, s.pair.Primary, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
				awaitRow(t, s.pair.Primary, "SELECT current_setting('default_transaction_read_only') = 'on'")
			},
			refuse: "pg-1 takes writes as seen from here",
		},
		"hung_is_failed_over_when_its_standby_gives_up_and_found_when_it_wakes_up": {
			happens: func(t *testing.T, s *scene) {
				if err := s.pair.FreezePrimary(); err != nil {
					t.Fatal(err)
				}
			},
			change: impatient,
			risk:   mayWriteOn,
			after: func(t *testing.T, s *scene) {
				if err := s.pair.ThawPrimary(); err != nil {
					t.Fatal(err)
				}
				s.secondWriter(t)
			},
		},
		"backlog_of_wal_is_replayed_and_not_lost": {
			happens: func(t *testing.T, s *scene) {
				s.exec(t, s.pair.Standby, "SELECT pg_wal_replay_pause()")
				s.exec(t, s.pair.Primary, "CREATE TABLE backlog AS SELECT repeat('x', 200) FROM generate_series(1, 200000)")
				behind := countRows(t, s.pair.Primary, "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint")
				awaitRow(t, s.pair.Standby, fmt.Sprintf("SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0') >= %d", behind))
				if err := s.pair.KillPrimary(); err != nil {
					t.Fatal(err)
				}
				s.exec(t, s.pair.Standby, "SELECT pg_wal_replay_resume()")
			},
			risk: mayWriteOn, // the wire accepts and drops, so nobody sees the server refuse: that is so behind any proxy
			after: func(t *testing.T, s *scene) {
				if n := countRows(t, s.pair.Standby, "SELECT count(*) FROM backlog"); n != 200000 {
					t.Errorf("%d rows, want 200000", n)
				}
			},
		},
		"dead_primary_that_somebody_starts_again_is_found": {
			happens: func(t *testing.T, s *scene) {
				if err := s.pair.KillPrimary(); err != nil {
					t.Fatal(err)
				}
			},
			risk: mayWriteOn,
			after: func(t *testing.T, s *scene) {
				if err := s.pair.Primary.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.secondWriter(t)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, row.change)
			row.happens(t, s)
			if row.refuse != "" {
				s.neverPromoted(t, row.refuse)
				return
			}
			s.failover(t, row.risk)
			row.after(t, s)
		})
	}
}

// mayWriteOn is what is said of a primary that nobody has seen stopped.
const mayWriteOn = "pg-1 fell silent without being seen stopped, and what it has taken since is lost too"

// givesUpSoon is a pair whose standby gives a silent primary up within seconds, and not after a minute. Less would be given up on a
// busy machine, too.
var givesUpSoon = lab.PairOptions{Settings: map[string]string{"wal_receiver_timeout": "5s"}}

// impatient lets a hung server be given up within a second or two, for a test.
func impatient(c *postgres.Cluster) {
	quickly(c)
	c.Limits.ReceiverSilence = time.Second
}

func newScene(t *testing.T, change func(*postgres.Cluster)) *scene {
	t.Helper()
	s := &scene{}
	wires := func(c *postgres.Cluster) {
		primary := s.pair.Primary
		far := *c
		far.Nodes = append([]postgres.Node(nil), c.Nodes...)
		far.Nodes[0].DSN = s.theirs.through(primary.PointsmanDSN(), primary)
		c.Nodes[0].DSN = s.ours.through(primary.PointsmanDSN(), primary)
		if change != nil {
			change(c)
			far.ReadTimeout = c.ReadTimeout
		}
		server := httptest.NewServer(probe.Handler(postgres.New(postgres.Config{far}, nil), func() (string, error) { return token, nil }))
		t.Cleanup(server.Close)
		c.Probes[0].URL = server.URL
	}
	s.world = newWorldOf(t, givesUpSoon, func(pair *lab.Pair) {
		s.world = &world{pair: pair}
		s.ours, s.theirs, s.stream = newWire(t, pair.Primary), newWire(t, pair.Primary), newWire(t, pair.Primary)
	}, wires)
	host, port, _ := strings.Cut(s.stream.addr, ":")
	s.exec(t, s.pair.Standby, fmt.Sprintf("ALTER SYSTEM SET primary_conninfo = 'host=%s port=%s user=replicator application_name=pg-2'", host, port), "SELECT pg_reload_conf()")
	awaitRow(t, s.pair.Standby, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND sender_port = "+port+")")
	s.sampled(t)
	return s
}

func (s *scene) exec(t *testing.T, server *lab.Postgres, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if err := server.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// neverPromoted: the card refuses with the reason, and so does the promotion itself, and nothing has happened.
func (s *scene) neverPromoted(t *testing.T, want string) {
	t.Helper()
	refusedBecause(t, s.check(t, "postgres.check", checkArgs), want)
	_, err := s.kind(t, "postgres.promote").Apply(t.Context(), input(promoteArgs))
	if _, refused := errors.AsType[*actions.RefusedError](err); !refused {
		t.Errorf("promote: error %v, want a refusal", err)
	}
	awaitRow(t, s.pair.Standby, "SELECT pg_is_in_recovery()")
}

// failover waits until nothing refuses it, which may need the standby's receiver to give up, and promotes.
func (s *scene) failover(t *testing.T, risks ...string) {
	t.Helper()
	var ev pointsman.Evidence
	await(t, func(context.Context) error {
		ev = s.check(t, "postgres.check", checkArgs)
		if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
			return errors.New(no[0].Sentence())
		}
		return nil
	})
	for _, risk := range risks {
		accepted(t, ev, risk)
	}
	s.step(t, "postgres.promote", promoteArgs)
}

// secondWriter: the old primary is back beside the new one. Every check says so, and nothing more is done.
func (s *scene) secondWriter(t *testing.T) {
	t.Helper()
	await(t, func(context.Context) error {
		for _, f := range pointsman.Refusals(s.check(t, "postgres.check", checkArgs).Facts) {
			if strings.Contains(f.Sentence(), "split brain: 2 nodes take writes, limit 1") {
				return nil
			}
		}
		return errors.New("the second writer is not found")
	})
	for _, kind := range []string{"postgres.promote", "postgres.rejoin"} {
		with := map[string]string{"postgres.promote": promoteArgs, "postgres.rejoin": rejoinArgs}[kind]
		_, err := s.kind(t, kind).Apply(t.Context(), input(with))
		refusal(t, err, "split brain")
	}
}
