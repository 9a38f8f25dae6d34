package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// looking is a server, the wire to it, and what looks at it over that wire.
func looking(t *testing.T) (*lab.Postgres, *wire, func(want postgres.State)) {
	t.Helper()
	server := lab.NewPostgres(t, lab.PostgresOptions{InMemory: true})
	w := newWire(t, server)
	c := postgres.New(postgres.Config{{
		Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: w.through(server.PointsmanDSN(), server)}}},
	}}, nil)
	return server, w, func(want postgres.State) {
		t.Helper()
		if seen, _ := c.Look(t.Context(), "orders", "pg-1"); seen.State != want {
			t.Fatalf("it %s (%s), want %s", seen.State.Words(), seen.Detail, want.Words())
		}
	}
}

// TestLines: looks that follow each other share a connection, and what becomes of that connection is never taken for what
// became of the server.
func TestLines(t *testing.T) {
	t.Parallel()
	server, w, look := looking(t)
	for range 5 {
		look(postgres.Writable)
	}
	if n := w.opened.Load(); n != 1 {
		t.Errorf("five looks opened %d connections", n)
	}

	// Ended by an administrator: asked over an old connection it would read as a server that is shutting down.
	if err := server.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pointsman'"); err != nil {
		t.Fatal(err)
	}
	look(postgres.Writable)

	// Silence of an old connection is followed by a question over a new one, and a name may lead elsewhere by now.
	w.deafen()
	look(postgres.Writable)

	w.set(0, true)
	look(postgres.Hung)
	w.set(0, false)
	look(postgres.Writable)

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	w.refuse()
	look(postgres.Refused)
}

// TestALineIsClosedWhenItsTimeIsOver: nobody's connection slot is kept for longer than a failover takes.
func TestALineIsClosedWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	_, w, look := looking(t)
	look(postgres.Writable)
	await(t, func(context.Context) error {
		look(postgres.Writable) // being used does not prolong it
		if w.opened.Load() < 2 {
			return fmt.Errorf("the first connection still serves")
		}
		return nil
	})
	await(t, func(context.Context) error {
		if n := w.open.Load(); n > 0 {
			return fmt.Errorf("%d connections are open", n)
		}
		return nil
	})
}
