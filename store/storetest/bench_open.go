package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pointsman/pointsman/store"
)

// BenchmarkOpenIncidents measures what the loops and a repeated webhook cost while so many incidents are open. An index
// that is missing shows as a figure that grows with them.
func BenchmarkOpenIncidents(b *testing.B, fresh func(testing.TB) store.Config) {
	for _, open := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(open), func(b *testing.B) {
			s := begin(b, fresh(b))
			next := freshWebhooks(s)
			for range open {
				s.do(next())
			}
			first := s.webhook("db-1", s.alert("fp-1"))
			ctx := context.Background()
			looks := []struct {
				name string
				look func() error
			}{
				{"repeated-webhook", func() error { _, err := s.Do(ctx, first); return err }},
				{"due-look", func() error { _, err := s.DueIncidents(ctx, s.now.now(), 10); return err }},
				{"run-look", func() error { _, _, err := s.ClaimRun(ctx, "w", time.Minute); return err }},
				{"delivery-look", func() error { _, err := s.Claim(ctx, "w", 32); return err }},
				{"status", func() error { _, err := s.Incidents(ctx, true, 20); return err }},
				{"state", func() error { _, err := s.State(ctx, "INC-1"); return err }},
			}
			spent := make([]time.Duration, len(looks))
			for b.Loop() {
				for i, l := range looks {
					began := time.Now()
					if err := l.look(); err != nil {
						b.Fatal(err)
					}
					spent[i] += time.Since(began)
				}
			}
			for i, l := range looks {
				b.ReportMetric(float64(spent[i].Microseconds())/float64(b.N), "us-"+l.name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
