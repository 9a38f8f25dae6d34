package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestLines: looks that follow each other share a connection, and what becomes of that connection is never taken for what
// became of the server.
func TestLines(t *testing.T) {
	t.Parallel()
	server, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	w := newWire(t, server)
	looker := postgres.New(postgres.Config{{
		Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: w.through(server.PointsmanDSN(), server)}}},
	}}, nil)
	look := func(want postgres.State) {
		t.Helper()
		if seen, _ := looker.Look(t.Context(), "orders", "pg-1"); seen.State != want {
			t.Fatalf("it %s (%s), want %s", seen.State.Words(), seen.Detail, want.Words())
		}
	}
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
	server, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	w := newWire(t, server)
	looker := postgres.New(postgres.Config{{
		Name: "orders", Nodes: []postgres.Node{{Name: "pg-1", Address: postgres.Address{DSN: w.through(server.PointsmanDSN(), server)}}},
	}}, nil)
	looker.Look(t.Context(), "orders", "pg-1")
	await(t, func(context.Context) error {
		looker.Look(t.Context(), "orders", "pg-1") // being used does not prolong it
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
