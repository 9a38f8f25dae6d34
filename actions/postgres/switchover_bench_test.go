package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkSwitchover switches over with clients that write through PgBouncer all the time, and brings the old primary back
// in between. What is told is the longest that any client waited for one write, per switchover. Run it with -benchtime 20x.
//
// Shutdown and promotion wait for the disk: the checkpoint, and a new timeline's first WAL file of 16 MB. With the data in
// memory the rest is seen, which is what the order of the parts decides.
func BenchmarkSwitchover(b *testing.B) {
	b.Run("memory", func(b *testing.B) { switchToAndFro(b, lab.PairOptions{}) })
	b.Run("disk", func(b *testing.B) { switchToAndFro(b, lab.PairOptions{OnDisk: true}) })
}

func switchToAndFro(b *testing.B, options lab.PairOptions) {
	b.Helper()
	const clients = 8
	w, pooler := switchable(b, options)
	w.workTable(b)
	work := startTraffic(b, pooler.DSN(lab.App, lab.AppDatabase), clients)
	var waits, holds []time.Duration
	nodes := w.pair.Nodes()
	for b.Loop() {
		b.StopTimer()
		in := w.planned(b, "postgres.switchover", switchArgs)
		switchover := w.kind(b, "postgres.switchover")
		work.wait.Store(0)
		b.StartTimer()
		in.Applied = time.Now()
		out, err := switchover.Apply(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		after := work.acked.Load()
		await(b, func(context.Context) error { // every client has come through
			if work.acked.Load() < after+2*clients && work.errors.Load() == 0 {
				return fmt.Errorf("%d writes since", work.acked.Load()-after)
			}
			return nil
		})
		waits = append(waits, time.Duration(work.wait.Load())*time.Microsecond)
		holds = append(holds, heldOf(b, out))
		in.Memo = out.Memo
		if ev, err := switchover.Verify(b.Context(), in); err != nil || !ev.Holds {
			b.Fatalf("verify %+v, error %v", ev.Facts, err)
		}
		back := input(fmt.Sprintf(`{"cluster":"orders","node":%q}`, in.Pins["old_primary"]))
		w.stepIn(b, "postgres.rejoin", back)
		slices.Reverse(nodes) // the other one is primary now
		b.StartTimer()
	}
	b.StopTimer()
	work.stop()
	primary := nodes[0]
	if n := countRows(b, primary, "SELECT count(*) FROM work"); int64(n) != work.acked.Load() || work.errors.Load() > 0 {
		b.Errorf("%d rows, acknowledged were %d, errors %d (%v)", n, work.acked.Load(), work.errors.Load(), work.fault.Load())
	}
	slices.Sort(waits)
	slices.Sort(holds)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(waits[len(waits)/2]), "wait-p50-ms")
	b.ReportMetric(ms(waits[(len(waits)*95+99)/100-1]), "wait-p95-ms")
	b.ReportMetric(ms(waits[len(waits)-1]), "wait-max-ms")
	b.ReportMetric(ms(holds[len(holds)/2]), "hold-p50-ms")
	b.ReportMetric(float64(work.acked.Load()), "writes")
	b.ReportMetric(float64(work.errors.Load()), "errors")
}

func heldOf(b *testing.B, out actions.Outcome) time.Duration {
	b.Helper()
	var memo struct {
		HeldMS int64 `json:"held_ms"`
	}
	decode(b, out.Memo, &memo)
	return time.Duration(memo.HeldMS) * time.Millisecond
}

func decode(b *testing.B, raw []byte, v any) {
	b.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		b.Fatal(err)
	}
}
