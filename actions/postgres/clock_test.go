package postgres_test

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/cmd/lab"
)

// TestSamples_go_by_the_clock_that_replicas_share: a loss in seconds is the difference of a heartbeat that one replica
// wrote and a silence that another one noticed.
func TestSamples_go_by_the_clock_that_replicas_share(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.PairOptions{})
	shared := func() time.Time { return time.Now().Round(0).Add(time.Hour) } // of a machine whose own clock is an hour behind
	w.Clock = shared
	last := postgres.Sampler{Clusters: w.sampled(t).Clusters}.Last("orders")
	for what, at := range map[string]time.Time{"sample": last.At, "heartbeat": last.Beat} {
		if age := shared().Sub(at); age < 0 || age > 10*time.Minute {
			t.Errorf("the %s is %s old by the shared clock", what, age)
		}
	}
	ev, err := w.kind(t, "postgres.check").Check(t.Context(), input(`{"cluster": "orders", "want": "failover"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ev.Facts {
		if age := w.Clock.Stored(f.At); shared().Sub(age).Abs() > 10*time.Minute {
			t.Errorf("%s: %s is no time by the shared clock", f.Name, age)
		}
	}
}
