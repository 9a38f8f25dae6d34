package postgres_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkPromote measures Apply with Verify, all guards included, right after the primary was killed: the moment in
// which a promotion without the nudge stalls for 5 s in one run of six. Run it with -benchtime 30x.
func BenchmarkPromote(b *testing.B) {
	var took []time.Duration
	nudged := 0
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b, lab.PairOptions{})
		if err := w.pair.KillPrimary(); err != nil {
			b.Fatal(err)
		}
		promote, in := w.kind(b, "postgres.promote"), input(promoteArgs)
		b.StartTimer()
		began := time.Now()
		var out actions.Outcome
		var err error
		for {
			// A receiver that has not noticed yet refuses, as it must; that wait is part of the figure.
			if out, err = promote.Apply(b.Context(), in); err == nil {
				break
			}
			if time.Since(began) > 10*time.Second {
				b.Fatal(err)
			}
		}
		in.Memo = out.Memo
		ev, err := promote.Verify(b.Context(), in)
		took = append(took, time.Since(began))
		if err != nil || !ev.Holds {
			b.Fatalf("verify %+v, error %v", ev.Facts, err)
		}
		if bytes.Contains(out.Memo, []byte("nudges")) {
			nudged++
		}
		b.StopTimer()
		if err := w.pair.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*95/100]), "p95-ms")
	b.ReportMetric(ms(took[len(took)-1]), "max-ms")
	b.ReportMetric(float64(nudged), "nudged")
}
