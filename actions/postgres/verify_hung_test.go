package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestVerify_goes_on_to_the_next_host_as_clients_do: the old primary hangs, nobody could stop it, and it stands first in the
// clients' address. A try that ends before the connect_timeout of that address would never see what every client sees; and a look
// of the engine, which ends after 3 s, would never come to the next host to read back what had arrived there.
func TestVerify_goes_on_to_the_next_host_as_clients_do(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{}, quickly, func(c *postgres.Cluster) {
		c.Clients.DSN = strings.Replace(c.Clients.DSN, "connect_timeout=5", "connect_timeout=3", 1)
	})
	if err := w.pair.FreezePrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoted(t)
	a, in := w.kind(t, "postgres.verify"), input(promoteArgs)
	in.Applied = time.Now()
	out, err := a.Apply(t.Context(), in)
	if err != nil || !strings.Contains(out.Note, "arrived on pg-2, timeline 2") {
		t.Fatalf("note %q, %v", out.Note, err)
	}
	in.Memo = out.Memo
	look, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	ev, err := a.Verify(look, in)
	if err != nil || !ev.Holds {
		t.Errorf("it does not hold: %v, %+v", err, pointsman.Refusals(ev.Facts))
	}
}
