package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestSampler_writes_to_no_other_cluster: there our role and our table are, too, and somebody else's heartbeat.
func TestSampler_writes_to_no_other_cluster(t *testing.T) {
	t.Parallel()
	other := lab.NewPostgres(t, lab.PostgresOptions{Name: "pg-1", InMemory: true, OwnIdentity: true})
	file := filepath.Join(t.TempDir(), "pg-1.dsn")
	leads := func(to *lab.Postgres) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file+".new", []byte(to.PointsmanDSN()), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, lab.PairOptions{}, quickly, func(c *postgres.Cluster) {
		c.Probes = nil
		c.Nodes[0].Address = postgres.Address{DSNFile: file}
	})
	leads(w.pair.Primary)
	w.sampled(t)
	leads(other) // as a name does that was given to another machine
	if err := w.pair.KillPrimary(); err != nil {
		t.Fatal(err)
	}
	want := postgres.Sampler{Clusters: w.Clusters}.Last("orders")
	await(t, func(context.Context) error {
		for _, f := range w.check(t, "postgres.check", checkArgs).Facts {
			if f.Guard == "G3" && f.Value == "wrong" {
				return nil
			}
		}
		return errors.New("the other cluster's primary is not seen")
	})
	for range 20 { // some looks of the sampler
		w.check(t, "postgres.check", checkArgs)
	}
	if got := (postgres.Sampler{Clusters: w.Clusters}).Last("orders"); got.SystemID != want.SystemID || got.LSN < want.LSN {
		t.Errorf("it has learned %+v", got)
	}
	if n := countRows(t, other, "SELECT count(*) FROM pointsman_heartbeat"); n != 0 {
		t.Errorf("%d rows were written to the other cluster", n)
	}
}
