package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// desk keeps what the watch says.
type desk struct {
	mu   sync.Mutex
	said []pointsman.Report
}

func (d *desk) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r, ok := cmd.(pointsman.Report); ok {
		d.said = append(d.said, r)
	}
	return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeAccepted}}, nil
}

func (d *desk) all() []pointsman.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.said)
}

// hears waits until the last thing said is of the kind and has the words.
func (d *desk) hears(t *testing.T, what pointsman.Sighting, words string) pointsman.Report {
	t.Helper()
	var last pointsman.Report
	await(t, func(context.Context) error {
		said := d.all()
		if len(said) > 0 {
			last = said[len(said)-1]
		}
		if last.What != what || !strings.Contains(last.Text, words) {
			return fmt.Errorf("the last thing said is %q of %d, want %s with %q", last.Text, len(said), what, words)
		}
		return nil
	})
	return last
}

func (w *world) watched(t *testing.T) *desk {
	t.Helper()
	d := &desk{}
	offer := func(runbook, cluster string) (pointsman.Offer, pointsman.Escalation) {
		return pointsman.Offer{Runbook: runbook, Target: pointsman.Target{Kind: "postgres", Name: cluster}}, pointsman.Escalation{Service: "dba"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = postgres.Watch{Clusters: w.Clusters, Desk: d, Offer: offer}.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return d
}

func often(c *postgres.Cluster) { c.WatchEvery = 100 * time.Millisecond }

func TestWatch(t *testing.T) {
	t.Parallel()

	t.Run("old_primary_that_wakes_up_beside_the_new_one_is_an_alarm", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, quickly, often).sampled(t)
		d := w.watched(t)
		if err := w.pair.FreezePrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoted(t)
		if err := w.pair.ThawPrimary(); err != nil {
			t.Fatal(err)
		}
		alarm := d.hears(t, pointsman.SeenAlarm, "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2; see the runbook postgres-split-brain")
		if alarm.Key != "target:postgres/orders" || alarm.Offer.Runbook != postgres.SplitBrainRunbook || alarm.Escalate.Service != "dba" || alarm.Severity != "critical" {
			t.Errorf("alarm %+v", alarm)
		}
		if err := w.pair.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		d.hears(t, pointsman.SeenOver, "one node of orders takes writes again: pg-2 on timeline 2")
		alarms := 0
		for _, r := range d.all() {
			if r.What == pointsman.SeenAlarm {
				alarms++
			}
		}
		if alarms != 1 {
			t.Errorf("%d alarms, want 1", alarms)
		}
	})

	t.Run("running_without_a_standby_is_told_until_one_follows", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{Standbys: 2}, often).sampled(t)
		d := w.watched(t)
		if err := w.pair.KillPrimary(); err != nil {
			t.Fatal(err)
		}
		w.promoted(t)
		d.hears(t, pointsman.SeenNote, "orders RUNS WITHOUT A STANDBY: if pg-2 is lost too, there is nothing to fail over to; pg-3 does not follow it")
		follow(t, w.pair.Standbys[1], fmt.Sprintf("host=127.0.0.1 port=%d user=replicator", w.pair.Standby.Port))
		d.hears(t, pointsman.SeenNote, "orders has 1 standby again, following pg-2")
		if n := len(d.all()); n != 2 {
			t.Errorf("%d things said, want 2: %+v", n, d.all())
		}
	})

	t.Run("healthy_cluster_is_nothing_to_tell", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, often).sampled(t)
		d := w.watched(t)
		beat := postgres.Sampler{Clusters: w.Clusters}.Last("orders").At
		await(t, func(context.Context) error { // several looks of the watch
			if last := (postgres.Sampler{Clusters: w.Clusters}).Last("orders").At; last.Sub(beat) < time.Second {
				return fmt.Errorf("only %s have passed", last.Sub(beat))
			}
			return nil
		})
		if said := d.all(); len(said) > 0 {
			t.Errorf("said %+v", said)
		}
	})

	t.Run("another_cluster_under_a_wrong_address_is_no_second_primary", func(t *testing.T) {
		t.Parallel()
		other := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-3", InMemory: true, OwnIdentity: true})
		w := newWorld(t, lab.PairOptions{}, often, func(c *postgres.Cluster) {
			c.Nodes = append(c.Nodes, postgres.Node{Name: "pg-3", Address: postgres.Address{DSN: other.PointsmanDSN()}})
		})
		d := w.watched(t)
		for range 5 { // each check is a look as the watch makes it
			refusedBecause(t, w.check(t, "postgres.check", checkArgs), "they are different clusters")
		}
		if said := d.all(); len(said) > 0 {
			t.Errorf("said %+v", said)
		}
	})
}
