package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestSwitchover is planned work as people do it: one asks for it in Slack, another approves, clients behind PgBouncer only
// wait, and the old primary follows the new one in the end.
func TestSwitchover(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pair: true, hands: true})
	s.exec(s.pair.Primary, "CREATE TABLE payments (id int); GRANT ALL ON payments TO app")
	s.pays(1)

	s.room.Slash("U0ANA", "/pointsman", "run postgres-switchover orders pg-1 gets new disks")
	card := s.room.WaitMessage("Ana Ruiz asked for it: pg-1 gets new disks").WaitText("Proposed: PostgreSQL switchover to the standby", "needs 1 of dba", "[Approve]")
	s.refused(card, "U0ANA", "Ana Ruiz asked for this run and so may not approve it")
	s.refused(card, "U0EVE", "Eve Lind has none of the roles that decide here; it needs 1 of dba")
	card.Now().Click(t.Context(), "U0BEN", "Approve")
	st := s.state("INC-1", "is carried out", ranDone)
	s.did(st, "postgres.switchover done, postgres.verify done, postgres.rejoin done")

	card.WaitText("done and verified", "Approved by Ben Okafor")
	s.pays(2)
	s.promotedOnce()
	s.follows(2)
	s.provenBy("INC-1", "Ben Okafor approved")
}

// TestRejoin: after the failover the old primary is repaired, and comes back as a standby by a run of its own. What only
// it had is accepted by those who must.
func TestRejoin(t *testing.T) {
	t.Parallel()
	s := open(t, setting{pair: true, hands: true})
	s.exec(s.pair.Primary, "CREATE TABLE payments (id int); GRANT ALL ON payments TO app")
	s.await("the table is on the standby", func() error {
		var n int
		return s.ask(s.pair.Standby.SuperuserDSN(), "SELECT count(*) FROM payments", &n)
	})
	s.kill()
	down := primaryDown() // which says nothing of a pooler: the configuration knows
	s.alarm(firing(down))
	s.room.WaitMessage("PrimaryDown", "INC-1").WaitText("Proposed: PostgreSQL failover to the standby, behind PgBouncer", "[Approve]").Click("U0ANA", "Approve")
	s.state("INC-1", "is carried out", ranDone)
	s.alarm(over(down))
	s.state("INC-1", "is resolved", resolved)

	// The machine is repaired: the fence had taken this away, so that nothing starts the server again.
	data := s.pair.Primary.DataDir()
	if err := os.Rename(filepath.Join(data, "PG_VERSION.fenced"), filepath.Join(data, "PG_VERSION")); err != nil {
		t.Fatal(err)
	}
	s.room.Slash("U0CHI", "/pointsman", "run postgres-rejoin orders its machine is repaired")
	card := s.room.WaitMessage("Chi Nguyen asked for it: its machine is repaired").WaitText("Proposed: Bring a PostgreSQL node back as a standby", "[Approve]")
	s.refused(card, "U0CHI", "Chi Nguyen asked for this run and so may not approve it")
	id := s.incidents()[0].ID
	s.approved(card, id)
	st := s.state(id, "has its standby again", func(st pointsman.State) bool { return st.Runs[len(st.Runs)-1].State == pointsman.RunDone })
	st.Runs = st.Runs[len(st.Runs)-1:]
	s.did(st, "postgres.rejoin done, postgres.lag done")

	card.WaitText("done and verified", "Ana Ruiz")
	s.pays(1)
	s.follows(1)
	s.promotedOnce()
	s.provenBy(id, "Ana Ruiz approved")
}

// approved: the plan may hold WAL that only the old primary has, which one more person accepts.
func (s *stage) approved(card fakeslack.Card, id string) {
	s.t.Helper()
	newest := func(st pointsman.State) pointsman.Proposal {
		return slices.MaxFunc(st.Proposals, func(a, b pointsman.Proposal) int { return a.RequestedAt.Compare(b.RequestedAt) })
	}
	for i, user := range []string{"U0ANA", "U0BEN"} {
		if newest(s.now(id)).State == pointsman.ProposalReady {
			card.Now().Click(s.t.Context(), user, "Approve")
			s.state(id, "has counted the vote", func(st pointsman.State) bool { return len(newest(st).Votes) > i })
		}
	}
}

// pays writes a row as a client behind PgBouncer does.
func (s *stage) pays(id int) {
	s.t.Helper()
	var got int
	dsn := s.pool.DSN(lab.App, lab.AppDatabase) + "&default_query_exec_mode=simple_protocol"
	if err := s.ask(dsn, fmt.Sprintf("INSERT INTO payments VALUES (%d) RETURNING id", id), &got); err != nil {
		s.t.Fatalf("payment %d: %v", id, err)
	}
}

// follows waits until the old primary is a standby that streams from the new one and has its rows.
func (s *stage) follows(rows int) {
	s.t.Helper()
	s.await("pg-1 streams from pg-2 and has its rows", func() error {
		var recovery bool
		var port, n int
		err := s.ask(s.pair.Primary.SuperuserDSN(), `SELECT pg_is_in_recovery(), coalesce((SELECT sender_port FROM pg_stat_wal_receiver
			WHERE status = 'streaming'), 0), (SELECT count(*) FROM payments)`, &recovery, &port, &n)
		if err == nil && (!recovery || port != s.pair.Standby.Port || n != rows) {
			err = fmt.Errorf("in recovery %t, streaming from port %d, want %d; %d rows, want %d", recovery, port, s.pair.Standby.Port, n, rows)
		}
		return err
	})
}

// did holds the steps of the first run against what they must have come to.
func (s *stage) did(st pointsman.State, want string) {
	s.t.Helper()
	var did []string
	for _, step := range st.Runs[0].Steps {
		did = append(did, step.Kind+" "+string(step.State))
	}
	if got := strings.Join(did, ", "); got != want {
		s.t.Errorf("steps %s, want %s", got, want)
	}
}
