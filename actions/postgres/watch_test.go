package postgres_test

import (
	"context"
	"errors"
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

// desk decides as the store does, and keeps what the watch says.
type desk struct {
	mu     sync.Mutex
	state  pointsman.State
	events []pointsman.Event
	said   []pointsman.Report
	passed int // ends of an alarm that did not stand
	again  int // alarms that stood already
}

func (d *desk) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state.Incident.ID == "" {
		d.state.Incident.ID = "INC-1"
	}
	after, events, ans := pointsman.Decide(d.state, cmd, time.Now())
	d.state, d.events = after, append(d.events, events...)
	switch r, ok := cmd.(pointsman.Report); {
	case ok && r.What == pointsman.SeenOver && ans.Code != pointsman.CodeAccepted:
		d.passed++
	case ok && r.What == pointsman.SeenAlarm && ans.Code != pointsman.CodeAccepted:
		d.again++
	case ok:
		d.said = append(d.said, r)
	}
	return pointsman.Result{Answer: ans, State: after}, nil
}

// quiet waits until the watch has seen that all is well and nobody heard of it.
func (d *desk) quiet(t *testing.T) {
	t.Helper()
	await(t, func(context.Context) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.passed == 0 || len(d.events) > 0 {
			return fmt.Errorf("passed over %d ends of an alarm, want 1, and left %d events, want none", d.passed, len(d.events))
		}
		return nil
	})
}

func (d *desk) count(what pointsman.EventType) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ev := range d.events {
		if ev.Type == what {
			n++
		}
	}
	return n
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
	w.watch(t, d)
	return d
}

// watch lets a new process watch, which reports to the desk until it is stopped.
func (w *world) watch(t *testing.T, d *desk) (stop func()) {
	t.Helper()
	offer := func(runbook, cluster string) (pointsman.Offer, pointsman.Escalation) {
		return pointsman.Offer{Runbook: runbook, Target: pointsman.Target{Kind: "postgres", Name: cluster}}, pointsman.Escalation{Service: "dba"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = postgres.Watch{Clusters: w.Clusters, Desk: d, Offer: offer}.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
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
		if alarm.Key != "target:postgres/orders" || alarm.Offer.Runbook != postgres.SplitBrainRunbook || alarm.Escalate.Service != "dba" || alarm.Severity != "critical" || alarm.Looked.IsZero() || alarm.Looked.Before(alarm.Since) {
			t.Errorf("alarm %+v", alarm)
		}
		await(t, func(context.Context) error { // somebody may close the incident while both write on
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.again == 0 {
				return errors.New("the alarm is said once, and not as long as it is seen")
			}
			return nil
		})
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

	t.Run("alarm_of_a_process_that_is_gone_is_ended_by_the_next_one_and_can_be_given_again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, lab.PairOptions{}, quickly, often)
		w.promoted(t)
		d := &desk{}
		stop := w.watch(t, d)
		two := "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2"
		d.hears(t, pointsman.SeenAlarm, two)
		stop()
		if err := w.pair.Primary.Kill(); err != nil {
			t.Fatal(err)
		}
		w.watch(t, d)
		d.hears(t, pointsman.SeenOver, "one node of orders takes writes again: pg-2 on timeline 2")
		if n := d.count(pointsman.EvIncidentResolved); n != 1 {
			t.Errorf("%d incidents resolved, want 1", n)
		}
		if err := w.pair.Primary.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.hears(t, pointsman.SeenAlarm, two)
		if reopened, pages := d.count(pointsman.EvIncidentReopened), d.count(pointsman.EvPageTriggered); reopened != 1 || pages != 2 {
			t.Errorf("reopened %d times, paged %d times; want once and twice", reopened, pages)
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
		d.quiet(t) // at its first look it asks to end an alarm that may stand
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
