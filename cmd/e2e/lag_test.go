package e2e

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestReplicationLag lets the evidence rank two runbooks that answer the same alert.
func TestReplicationLag(t *testing.T) {
	t.Parallel()
	lag := map[string]string{"alertname": "ReplicationLagCritical", "cluster": "orders", "severity": "critical"}
	decided := func(st pointsman.State) bool {
		for _, p := range st.Proposals {
			if p.State == pointsman.ProposalChecking {
				return false
			}
		}
		return len(st.Proposals) == 2
	}
	refusal := func(t *testing.T, p pointsman.Proposal, says string) {
		t.Helper()
		var all []string
		for _, f := range pointsman.Refusals(p.Facts) {
			all = append(all, f.Sentence())
		}
		if p.State != pointsman.ProposalRefused || !strings.Contains(strings.Join(all, "; "), says) {
			t.Errorf("%s is %s because of %q, want refused because %q", p.Runbook, p.State, all, says)
		}
	}
	t.Run("living_primary_its_standby_is_helped", func(t *testing.T) {
		t.Parallel()
		s := open(t, setting{pair: true})
		s.exec(s.pair.Standby, "SELECT pg_wal_replay_pause()")
		s.exec(s.pair.Primary, "CREATE TABLE much AS SELECT repeat('x', 1000) AS text FROM generate_series(1, 40000)")
		s.alarm(firing(lag))
		st := s.state("INC-1", "is checked", decided)
		ranked := pointsman.Ranked(st.Proposals)
		if ranked[0].Runbook != "postgres-replica-recovery" || ranked[0].State != pointsman.ProposalReady {
			t.Fatalf("first is %s %s: %s", ranked[0].Runbook, ranked[0].State, brief(st))
		}
		refusal(t, ranked[1], "pg-1 takes writes")
		card := s.room.WaitMessage("ReplicationLagCritical").WaitText("Proposed: PostgreSQL replica recovery", "PostgreSQL failover to the standby is refused", "pg-1 takes writes")
		card.Click("U0BEN", "Approve")
		s.state("INC-1", "is carried out", ranDone)
		var paused bool
		if err := s.ask(s.pair.Standby.SuperuserDSN(), "SELECT pg_is_wal_replay_paused()", &paused); err != nil || paused {
			t.Errorf("replay paused %t, %v", paused, err)
		}
		if n := s.timeline(s.pair.Primary); n != 1 {
			t.Errorf("pg-1 is on timeline %d, want 1: nothing was promoted", n)
		}
	})
	t.Run("dead_primary_failover_first", func(t *testing.T) {
		t.Parallel()
		s := open(t, setting{pair: true})
		s.kill()
		s.alarm(firing(lag))
		ranked := pointsman.Ranked(s.state("INC-1", "is checked", decided).Proposals)
		if ranked[0].Runbook != "postgres-failover" || ranked[0].State != pointsman.ProposalReady {
			t.Fatalf("first is %s %s", ranked[0].Runbook, ranked[0].State)
		}
		refusal(t, ranked[1], "nothing to catch up with")
		s.room.WaitMessage("ReplicationLagCritical").WaitText("Proposed: PostgreSQL failover to the standby", "PostgreSQL replica recovery is refused")
	})
}
