package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// BenchmarkDo measures whole commands, one after the other and from eight goroutines at the same time.
func BenchmarkDo(b *testing.B, fresh func(testing.TB) store.Config) {
	cases := []struct {
		name    string
		command func(*story) func() pointsman.Command
	}{
		{"webhook", freshWebhooks},
		{"storm", storm},
		{"duplicate", sameWebhook},
		{"vote", freshVotes},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			s := begin(b, fresh(b))
			next := c.command(s)
			b.ReportAllocs()
			for b.Loop() {
				s.do(next())
			}
		})
		b.Run(c.name+"/parallel", func(b *testing.B) {
			s := begin(b, fresh(b))
			next := c.command(s)
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Do(context.Background(), next()); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// freshWebhooks each open an incident with one alert and one proposal.
func freshWebhooks(s *story) func() pointsman.Command {
	var n atomic.Int64
	return func() pointsman.Command {
		i := n.Add(1)
		return s.webhook(fmt.Sprintf("db-%d", i), s.alert(fmt.Sprintf("fp-%d", i)))
	}
}

// storm is 500 new alerts of one incident at a time, as a webhook of very many is stored.
func storm(s *story) func() pointsman.Command {
	var n atomic.Int64
	return func() pointsman.Command {
		i := n.Add(1)
		var many []pointsman.Alert
		for k := range 500 {
			many = append(many, s.alert(fmt.Sprintf("fp-%d-%d", i, k)))
		}
		return s.webhook("db-1", many...)
	}
}

func sameWebhook(s *story) func() pointsman.Command {
	hook := s.webhook("a", s.alert("fp"))
	return func() pointsman.Command { return hook }
}

// freshVotes are counted but never complete the quorum; each voter votes once for one of 64 proposals.
func freshVotes(s *story) func() pointsman.Command {
	var open []pointsman.Proposal
	for i := range 64 {
		open = append(open, s.ready(fmt.Sprintf("db-%d", i), 1000))
	}
	var n atomic.Int64
	return func() pointsman.Command {
		i := n.Add(1)
		return vote(open[i%64], person(fmt.Sprintf("p%d", i), "dba"))
	}
}
