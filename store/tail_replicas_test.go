package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

// restored replaces a database by its copy while everybody who was connected to it is thrown out, as a failover to a standby
// that lagged does.
func restored(t *testing.T, server *lab.Postgres, database, from string) {
	t.Helper()
	for _, sql := range []string{
		`DROP DATABASE IF EXISTS lost`, `ALTER DATABASE ` + database + ` RENAME TO lost`, `ALTER DATABASE ` + from + ` RENAME TO ` + database,
	} {
		alone(t, server, sql, database)
	}
}

// alone carries out a statement for which nobody may be connected to the database.
func alone(t *testing.T, server *lab.Postgres, sql, database string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := lab.Await(ctx, func(ctx context.Context) error {
		err := server.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+database+`'`)
		if err != nil {
			return err
		}
		return server.Exec(ctx, sql)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplicas_notice_the_loss_of_what_another_one_committed: the replica that drove the run died with the database's
// primary, and the one that is left has done nothing for an hour. It must not begin the steps again that the lost part
// says were done. And of two that notice, the second repeats nothing of what the first has made good.
func TestReplicas_notice_the_loss_of_what_another_one_committed(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	if err := server.Exec(t.Context(), `CREATE DATABASE bot`); err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{Driver: "postgres", DSN: server.DSN(lab.Superuser, "bot")}
	first := open(t, cfg)
	run := started(t, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	alone(t, server, `CREATE DATABASE lagging TEMPLATE bot`, "bot")

	driver, idle := open(t, cfg), open(t, cfg)
	if res, err := driver.Do(t.Context(), pointsman.EndStep{Run: run.ID, Epoch: run.Epoch, Step: 0, State: pointsman.StepDone}); err != nil || !res.Answer.OK() {
		t.Fatalf("%+v, %v", res.Answer, err)
	}
	last := driver.Tail()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := lab.Await(ctx, func(context.Context) error { // nobody calls Whole: it is told
		if idle.Tail().Seq != last.Seq {
			return fmt.Errorf("the idle replica knows of entry %d, the other one has committed %d", idle.Tail().Seq, last.Seq)
		}
		return nil
	})
	if heard != nil {
		t.Fatal(heard)
	}
	if err := driver.Close(); err != nil {
		t.Fatal(err)
	}
	restored(t, server, "bot", "lagging")

	cut := lab.Await(ctx, func(ctx context.Context) error {
		err := idle.Whole(ctx)
		if _, lost := errors.AsType[*store.CutError](err); lost {
			return nil
		}
		return fmt.Errorf("the loss is not noticed: %w", err)
	})
	if cut != nil {
		t.Fatal(cut)
	}
	if err := idle.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := func(s *store.Store) pointsman.State {
		t.Helper()
		st, err := s.State(t.Context(), pointsman.IncidentOf(run.ID))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	was := state(idle)
	if r, _ := was.Run(run.ID); r.State != pointsman.RunParked {
		t.Errorf("the run is %s, want it parked", r.State)
	}
	if res, err := idle.Do(t.Context(), outage(2)); err != nil || res.State.Incident.Page != "" {
		t.Errorf("a new incident: %+v, %v", res.State.Incident, err)
	}

	cfg.Known = last
	again := open(t, cfg)
	if err := again.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := state(again); now.Incident.Paged != was.Incident.Paged {
		t.Errorf("the incident was told of the same loss twice: page %d, then %d", was.Incident.Paged, now.Incident.Paged)
	}
	res, err := again.Do(t.Context(), outage(3))
	if err != nil || res.State.Incident.ID != "INC-1003" {
		t.Errorf("the next incident is %s, %v; the numbers leapt once", res.State.Incident.ID, err)
	}
	for _, s := range []*store.Store{idle, again} {
		if err := s.Whole(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestReplicas_that_only_heard_of_a_mending_mend_the_next_loss: the first loss was mended by a replica that is gone by the
// second. The one that is left knew nothing of the first, because its newest entry was not lost.
func TestReplicas_that_only_heard_of_a_mending_mend_the_next_loss(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	if err := server.Exec(t.Context(), `CREATE DATABASE bot`); err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{Driver: "postgres", DSN: server.DSN(lab.Superuser, "bot")}
	first, idle := open(t, cfg), open(t, cfg)
	run := started(t, first)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	caughtUp := func() {
		t.Helper()
		if err := lab.Await(ctx, func(context.Context) error {
			if now, want := idle.Tail().Seq, first.Tail().Seq; now != want {
				return fmt.Errorf("the idle replica knows of entry %d, the other one of %d", now, want)
			}
			return idle.Whole(ctx)
		}); err != nil {
			t.Fatal(err)
		}
	}
	caughtUp()
	known := first.Tail()
	known.Seq++ // of one more entry only a replica knows that is gone
	mender := cfg
	mender.Known = known
	first = open(t, mender)
	if err := first.Mend(ctx); err != nil {
		t.Fatal(err)
	}
	caughtUp()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	by := pointsman.Actor{Person: pointsman.Person{ID: "ana", Roles: []string{"dba"}}}
	if res, err := idle.Do(ctx, pointsman.Steer{Run: run.ID, Verb: pointsman.VerbRetry, Reason: "looked", By: by}); err != nil || !res.Answer.OK() {
		t.Fatalf("%+v, %v", res.Answer, err)
	}
	alone(t, server, `CREATE DATABASE lagging TEMPLATE bot`, "bot")
	if err := lab.Await(ctx, func(ctx context.Context) error {
		_, err := idle.Do(ctx, outage(2))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	restored(t, server, "bot", "lagging")
	if err := lab.Await(ctx, func(ctx context.Context) error {
		if _, lost := errors.AsType[*store.CutError](idle.Whole(ctx)); !lost {
			return errors.New("the loss is not noticed")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := idle.Mend(ctx); err != nil {
		t.Fatal(err)
	}
	st, err := idle.State(ctx, pointsman.IncidentOf(run.ID))
	if err != nil {
		t.Fatal(err)
	}
	if r := st.Runs[0]; r.State != pointsman.RunParked {
		t.Errorf("the run is %s: its steps may have been carried out in the lost part", r.State)
	}
	if res, err := idle.Do(ctx, outage(3)); err != nil || res.State.Incident.ID != "INC-2002" {
		t.Errorf("the next incident is %s, %v; want a number that was never given", res.State.Incident.ID, err)
	}
}
