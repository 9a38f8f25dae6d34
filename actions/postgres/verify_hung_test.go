package postgres_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestVerify_goes_on_to_the_next_host_as_clients_do: the old primary hangs, nobody could stop it, and it stands first in the
// clients' address. A try that ends before the connect_timeout of that address would never see what every client sees.
func TestVerify_goes_on_to_the_next_host_as_clients_do(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{}, quickly, func(c *postgres.Cluster) {
		c.Clients.DSN = strings.Replace(c.Clients.DSN, "connect_timeout=5", "connect_timeout=2", 1)
	})
	if err := w.pair.FreezePrimary(); err != nil {
		t.Fatal(err)
	}
	w.promoted(t)
	if out, _ := w.step(t, "postgres.verify", promoteArgs); !strings.Contains(out.Note, "arrived on pg-2, timeline 2") {
		t.Errorf("note %q", out.Note)
	}
}
