package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

func TestPostgres_leases_run_on_the_clock_of_the_database(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t) // without Now, so nothing replaces the database's clock
	one, two := open(t, cfg), open(t, cfg)
	queued(t, one)
	claim := func(s *store.Store, owner string, lease time.Duration) (pointsman.Claim, bool) {
		t.Helper()
		c, ok, err := s.ClaimRun(t.Context(), owner, lease)
		if err != nil {
			t.Fatal(err)
		}
		return c, ok
	}
	c, ok := claim(one, "one", time.Minute)
	if !ok {
		t.Fatal("nothing to claim")
	}
	if _, ok := claim(two, "two", time.Minute); ok {
		t.Error("claimed twice")
	}
	if err := one.Heartbeat(t.Context(), c.Run.ID, c.Epoch, time.Microsecond); err != nil {
		t.Fatal(err)
	}
	if _, ok := claim(two, "two", time.Minute); !ok {
		t.Error("the lease was over and the run not claimed")
	}
}

// queued brings one run as far as the queue.
func queued(t *testing.T, s *store.Store) {
	t.Helper()
	res, err := s.Do(t.Context(), outage(1))
	if err != nil {
		t.Fatal(err)
	}
	p := res.State.Proposals[0]
	plan, err := pointsman.Plan{
		Version: 1, Runbook: p.Runbook, Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: time.Hour},
		Steps: []pointsman.PlanStep{{Name: "one", Kind: "test.nothing", Timeout: time.Second}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []pointsman.Command{
		pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan},
		pointsman.CastVote{Proposal: p.ID, Digest: pointsman.Digest(plan), Verdict: pointsman.Approve, By: pointsman.Actor{Person: pointsman.Person{ID: "ana", Roles: []string{"dba"}}}},
	} {
		if res, err := s.Do(t.Context(), cmd); err != nil || !res.Answer.OK() {
			t.Fatalf("%+v, %v", res.Answer, err)
		}
	}
}

// hourAhead makes a clock in the database that is an hour ahead of this machine's. It counts for connections with
// search_path=public,ahead,pg_catalog.
func hourAhead(t *testing.T, cfg store.Config) *pgx.Conn {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), cfg.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	if _, err := admin.Exec(t.Context(), `CREATE SCHEMA ahead; CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz
		LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$`); err != nil {
		t.Fatal(err)
	}
	return admin
}

// TestPostgres_leases_heed_no_clock_of_ours gives the database a clock that is an hour ahead of this process: a lease must
// be an hour ahead as well, because replicas whose clocks differ would otherwise take runs from living owners.
func TestPostgres_leases_heed_no_clock_of_ours(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	admin := hourAhead(t, cfg)
	s := open(t, cfg) // the schema is made before the clock is wrong
	queued(t, s)
	cfg.DSN += "&search_path=public,ahead,pg_catalog"
	ahead := open(t, cfg)
	if _, ok, err := ahead.ClaimRun(t.Context(), "one", time.Minute); !ok || err != nil {
		t.Fatal("nothing to claim", err)
	}
	var until int64
	if err := admin.QueryRow(t.Context(), `SELECT lease_until FROM runs`).Scan(&until); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(time.UnixMicro(until)); left < 59*time.Minute {
		t.Errorf("the lease ends in %s by our clock, want an hour more", left)
	}
}

// TestPostgres_comes_back_after_its_server_did kills the server under an open store.
func TestPostgres_comes_back_after_its_server_did(t *testing.T) {
	t.Parallel()
	server := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-store"})
	dsn := server.DSN(lab.Superuser, lab.AppDatabase)
	s, other := open(t, store.Config{Driver: "postgres", DSN: dsn}), open(t, store.Config{Driver: "postgres", DSN: dsn})
	if _, err := s.Do(t.Context(), outage(1)); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if s.Ping(t.Context()) == nil {
		t.Error("a dead database is ready")
	}
	if _, err := s.Do(t.Context(), outage(2)); err == nil {
		t.Error("a dead database decided")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := lab.Await(ctx, s.Ping); err != nil {
		t.Fatal(err)
	}
	changed := other.Changed()
	res, err := s.Do(t.Context(), outage(3))
	if err != nil || res.State.Incident.ID != "INC-2" {
		t.Errorf("after the restart: %s, %v", res.State.Incident.ID, err)
	}
	select {
	case <-changed: // its listener connected again, which wakes, or heard the commit
	case <-ctx.Done():
		t.Error("the other replica was not woken")
	}
	wholeLog(t, s)
}

// TestPostgres_replicas_agree_on_the_time gives two replicas wall clocks that are two hours apart, and the database one
// that is an hour ahead of this machine: what both store and compare goes by the database's.
func TestPostgres_replicas_agree_on_the_time(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	hourAhead(t, cfg)
	if err := open(t, cfg).Close(); err != nil { // the schema is made before the clock is wrong
		t.Fatal(err)
	}
	cfg.DSN += "&search_path=public,ahead,pg_catalog"
	replica := func(wrong time.Duration) *store.Store {
		one := cfg
		one.Wall = func() time.Time { return time.Now().Add(wrong) }
		return open(t, one)
	}
	early, late := replica(-time.Hour), replica(time.Hour)
	const apart = 10 * time.Second // many round trips, and far less than the clocks are apart
	if d := early.Now().Sub(late.Now()).Abs(); d > apart {
		t.Errorf("the replicas are %s apart", d)
	}
	if d := (time.Until(early.Now()) - time.Hour).Abs(); d > apart {
		t.Errorf("a replica is %s from the database", d)
	}
	queued(t, early)
	events, err := late.Events(t.Context(), "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range events {
		if d := late.Now().Sub(ev.At).Abs(); d > time.Minute {
			t.Errorf("%s is of %s, the other replica's time is %s", ev.Type, ev.At, late.Now())
		}
	}
	if off := early.Ahead(); (off - 2*time.Hour).Abs() > apart {
		t.Errorf("the clock that counts is %s ahead of a wall clock that is two hours behind it", off)
	}
}
