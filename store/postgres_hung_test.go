package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

// TestPostgres_goes_on_at_the_next_host_when_the_first_one_hangs: the own database was failed over, and its old primary takes
// connections, or holds them, and never answers. Neither the DSN nor the caller says how long to wait for it.
func TestPostgres_goes_on_at_the_next_host_when_the_first_one_hangs(t *testing.T) {
	t.Parallel()
	pair := lab.NewPair(t, lab.PairOptions{})
	address := strings.Replace(pair.ClientDSN(lab.Superuser), "connect_timeout=5", "statement_timeout=1s", 1)
	s := open(t, store.Config{Driver: "postgres", DSN: address})
	if _, err := s.Do(t.Context(), outage(1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := lab.Await(ctx, func(ctx context.Context) error {
		return pair.Standby.Exec(ctx, "SELECT 1 / (SELECT count(*) FROM incidents)")
	}); err != nil {
		t.Fatal(err)
	}
	if err := pair.FreezePrimary(); err != nil {
		t.Fatal(err)
	}
	if err := pair.Standby.Exec(t.Context(), "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Do(t.Context(), outage(2)); err == nil || ctx.Err() != nil { // as a loop does
				done <- err
				return
			}
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("after a minute: %v", err)
		}
	case <-ctx.Done():
		t.Error("after a minute a command still waits for the host that hangs")
	}
}
