package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/lab"
)

// An edit of the card that is planned in the moment in which an attempt gives way to the edit before it must know of that
// attempt: it may have posted the card, and a first attempt posts without a look.
func TestAnEditThatIsPlannedAsAnAttemptGivesWayLooksFirst(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, pool := openPostgresStore(t, "")
	card := pointsman.Delivery{Destination: "card", Lane: "card", Newest: true}
	say := func(n int) {
		t.Helper()
		alarm(t, s, n)
		if _, _, err := s.Follow(ctx, "slack", "", 100, func(pointsman.Logged) []pointsman.Delivery { return []pointsman.Delivery{card} }); err != nil {
			t.Fatal(err)
		}
	}
	claim := func() pointsman.Delivery {
		t.Helper()
		ds, err := s.Claim(ctx, "a", 1)
		if err != nil || len(ds) != 1 {
			t.Fatalf("%d deliveries: %v", len(ds), err)
		}
		return ds[0]
	}
	say(1)
	posted := claim() // perhaps: nobody hears how it ends
	say(2)

	planner, err := s.db.begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer planner.Rollback(ctx)
	var last int64
	third := addressed(card, "slack", pointsman.Logged{Seq: 1000, Event: pointsman.Event{ID: "third", Incident: "INC-2"}})
	var b batch
	if err := planner.QueryRow(ctx, numberDeliveries, int64(1)).Scan(&last); err != nil {
		t.Fatal(err)
	}
	b.post([]pointsman.Delivery{third}, last-1, s.Now())
	if err := send(ctx, planner, b); err != nil {
		t.Fatal(err)
	}
	settled := make(chan error, 1)
	go func() { settled <- s.Settle(ctx, posted, pointsman.Settlement{RetryAt: s.Now(), Problem: "cut off"}) }()
	err = lab.Await(ctx, func(ctx context.Context) error {
		var waits bool
		if err := pool.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waits); err != nil {
			return err
		}
		if !waits {
			return errors.New("the attempt does not wait for the planner")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := planner.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; err != nil {
		t.Fatal(err)
	}
	if d := claim(); d.EventID != "third" || d.Attempts != 2 {
		t.Errorf("%s is said with attempt %d, want the third with attempt 2", d.EventID, d.Attempts)
	}
}
