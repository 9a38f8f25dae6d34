package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkNudge promotes without guards in the very moment of the primary's death, which is when a promotion stalls;
// max-ms stays far under the 5 s of wal_retrieve_retry_interval. Run it with -benchtime 30x.
func BenchmarkNudge(b *testing.B) {
	var took []time.Duration
	nudges := 0
	for b.Loop() {
		pair := lab.NewPair(b, lab.PairOptions{})
		conn, err := pgx.Connect(b.Context(), pair.Standby.PointsmanDSN())
		if err != nil {
			b.Fatal(err)
		}
		if err := pair.KillPrimary(); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		n, err := promote(b.Context(), conn, nil)
		took = append(took, time.Since(began))
		if err != nil {
			b.Fatal(err)
		}
		nudges += n
		if err := pair.Close(); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(nudges), "nudges")
}
