package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/bot/fakeslack"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/configs"
)

// TestHungPrimary is the failover of a primary that is not dead: it hangs while clients pay, and goes on when all is over.
func TestHungPrimary(t *testing.T) {
	t.Parallel()

	t.Run("its_hook_stops_it_and_it_never_says_yes_again", func(t *testing.T) {
		t.Parallel()
		o := hangs(t, func(*postgres.Cluster) {})
		before := len(o.shop.yes(o.pair.Primary))
		st := o.failedOver("fell silent without being seen stopped")
		o.provenFailover(st)
		if pids := o.pair.Primary.Pids(); len(pids) > 0 {
			t.Errorf("the hook left processes of pg-1: %v", pids)
		}
		o.must(o.pair.ThawPrimary())
		o.shop.sells(o.pair.Standby, 50)
		o.shop.stop()
		o.shop.kept(o.pair.Standby)
		if n := len(o.shop.yes(o.pair.Primary)) - before; n > 0 {
			t.Errorf("pg-1 said yes to %d payments after it hung", n)
		}
		if alarms := o.events("INC-1", pointsman.EvTargetAlarm); len(alarms) > 0 {
			t.Errorf("an alarm without a second primary: %s", alarms[0].Text)
		}
	})

	t.Run("nobody_can_stop_it_so_two_people_accept_that_and_its_return_is_an_alarm", func(t *testing.T) {
		t.Parallel()
		o := hangs(t, func(c *postgres.Cluster) { c.Fence.Command = nil })
		st := o.failedOver("pg-1 cannot be stopped from here: if it comes back, it takes writes beside the new primary")
		o.did(st, "postgres.check done, postgres.fence done, postgres.promote done, postgres.verify done, postgres.checkpoint done")
		o.promotedOnce()
		o.shop.comes()
		o.shop.sells(o.pair.Standby, 20)
		for _, labels := range o.alerts {
			o.must(o.am.Resolve(t.Context(), labels))
		}
		o.state("INC-1", "is resolved", resolved)

		o.must(o.pair.ThawPrimary())
		o.shop.sells(o.pair.Primary, 1) // whoever waited for it is told yes, and that is lost, as was accepted
		o.alarmed()
		o.kill()
		o.state("INC-1", "has no alarm any more", func(st pointsman.State) bool { return st.Incident.Alarm == "" })
		o.shop.sells(o.pair.Standby, 20)
		o.shop.stop()
		o.shop.kept(o.pair.Standby)
		o.promotedOnce()
		o.provenBy("INC-1", "Ben Okafor approved INC-1/P1")
	})
}

// outage is a primary that hangs, and what stands around it.
type outage struct {
	*stage
	am     *lab.Alertmanager
	shop   *shop
	card   fakeslack.Card
	alerts []map[string]string
}

// hangs lets the primary hang while clients pay. As long as its standby holds the stream, a failover is refused; when that has
// given up, the next alert asks again.
func hangs(t *testing.T, change func(*postgres.Cluster)) *outage {
	t.Helper()
	s := open(t, setting{pair: true, pager: true, read: 3 * time.Second, edit: func(c *configs.Config) {
		orders := &c.Targets.Postgres[0]
		orders.Clients.DSN = hurried(orders.Clients.DSN)
		orders.Quorum = 1 // each look at a server that hangs takes its whole time, and the second site has little more
		change(orders)
	}})
	o := &outage{stage: s, am: s.alertmanager(), shop: s.opens(2)}
	o.alerts = []map[string]string{primaryDown(), {"alertname": "ReplicationDisconnected", "cluster": "orders", "severity": "critical"}}
	s.must(s.pair.FreezePrimary(), o.am.Fire(t.Context(), o.alerts[0], nil))
	o.card = s.room.WaitMessage("PrimaryDown", "INC-1").WaitText("PostgreSQL failover to the standby is refused", "pg-2 still holds a stream from pg-1")

	s.exec(s.pair.Standby, "ALTER SYSTEM SET wal_receiver_timeout = '1s'") // after its usual minute it would give up, too
	s.exec(s.pair.Standby, "SELECT pg_reload_conf()")
	s.await("pg-2 has given pg-1 up", func() error {
		var streams bool
		err := s.ask(s.pair.Standby.SuperuserDSN(), "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')", &streams)
		if err == nil && streams {
			err = errors.New("it holds the stream")
		}
		return err
	})
	s.must(o.am.Fire(t.Context(), o.alerts[1], nil))
	o.card = o.card.WaitText("Proposed: PostgreSQL failover to the standby", "needs 2 of dba")
	return o
}

// failedOver has two people accept the risk, and waits for the end of the run.
func (o *outage) failedOver(risk string) pointsman.State {
	o.t.Helper()
	o.card = o.card.WaitText("Who approves accepts", risk)
	o.card.Now().Click(o.t.Context(), "U0ANA", "Approve")
	st := o.state("INC-1", "has the first vote", func(st pointsman.State) bool { return len(pointsman.Ranked(st.Proposals)[0].Votes) == 1 })
	if len(st.Runs) > 0 {
		o.t.Fatalf("one person was enough: %s", brief(st))
	}
	o.card.Now().Click(o.t.Context(), "U0BEN", "Approve")
	st = o.state("INC-1", "is carried out", ranDone)
	o.card = o.card.WaitText("done and verified", "Ana Ruiz", "Ben Okafor")
	return st
}

// alarmed: the incident that was over is open again, somebody is woken, and the card offers what to do.
func (o *outage) alarmed() {
	o.t.Helper()
	const two = "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2"
	st := o.state("INC-1", "is open again, and offers what to do", func(st pointsman.State) bool {
		return st.Incident.State == pointsman.IncidentOpen && st.Incident.Reopened == 1 && slices.ContainsFunc(st.Proposals, func(p pointsman.Proposal) bool {
			return p.Runbook == postgres.SplitBrainRunbook && p.State == pointsman.ProposalReady
		})
	})
	if !strings.Contains(st.Incident.Alarm, two) {
		o.t.Errorf("the alarm is %q", st.Incident.Alarm)
	}
	o.card = o.card.WaitText("Proposed: Two primaries in a PostgreSQL cluster", "[Approve]")
	o.card.WaitReply(two)
	o.await("somebody is paged", func() error {
		for _, ev := range o.pager.Woken() {
			if strings.Contains(ev.Payload.Summary, two) {
				return nil
			}
		}
		return errors.New("nobody is")
	})
}
