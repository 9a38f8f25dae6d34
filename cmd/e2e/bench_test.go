package e2e

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkTakeover measures how long a run stands still when its replica is killed in the middle of a step, with the
// usual timings: run it with -benchtime 30x.
func BenchmarkTakeover(b *testing.B) {
	took := takeovers(b, b.N)
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))]) / float64(time.Millisecond) }
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(0, "ns/op")
}
