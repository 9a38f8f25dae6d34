package patroni_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/cmd/lab"
)

// BenchmarkPatroni switches one real cluster with Patroni's own times over and back, in turns: once by the kind, which looks
// before the request and verifies after it, and once by a plain request that is done when /cluster shows the new leader
// running. Patroni looks at its own result once a second, so both figures come in steps of a second; what can be compared is
// the difference of the medians. Run it with -benchtime 10x.
func BenchmarkPatroni(b *testing.B) {
	w := newWorld(b, lab.PatroniOptions{})
	var ours, plain []time.Duration
	for b.Loop() {
		b.StopTimer()
		pins := w.settled(b)
		b.StartTimer()
		ours = append(ours, w.byKind(b, pins))
		b.StopTimer()
		pins = w.settled(b)
		plain = append(plain, w.byRequest(b, pins))
		b.StartTimer()
	}
	b.StopTimer()
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Microseconds()) / 1000
	}
	b.ReportMetric(median(ours), "ours-p50-ms")
	b.ReportMetric(median(plain), "patroni-p50-ms")
	b.ReportMetric(median(ours)-median(plain), "difference-ms")
	b.ReportMetric(median(ours)/median(plain), "ratio")
}

// settled waits until every member streams and a switchover may begin, and returns its pins.
func (w *world) settled(b *testing.B) map[string]string {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	if err := w.lab.AwaitHealthy(ctx); err != nil {
		b.Fatal(err)
	}
	return w.caughtUp(b)
}

// byKind is from before the last look to the verification that holds.
func (w *world) byKind(b *testing.B, pins map[string]string) time.Duration {
	b.Helper()
	k, in := kindOf(b, w.clusters, "patroni.switchover"), switchover(pins)
	began := time.Now()
	out, err := k.Apply(b.Context(), in)
	if err != nil {
		b.Fatal(err)
	}
	verified(b, k, in, out)
	return time.Since(began)
}

// byRequest is what a person does with curl.
func (w *world) byRequest(b *testing.B, pins map[string]string) time.Duration {
	b.Helper()
	from, to := w.lab.Member(pins[pointsman.PinFrom]), pins[pointsman.PinTo]
	raw, err := json.Marshal(map[string]string{"leader": from.Name, "candidate": to})
	if err != nil {
		b.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, from.URL()+"/switchover", bytes.NewReader(raw))
	if err != nil {
		b.Fatal(err)
	}
	req.SetBasicAuth(lab.PatroniUser, lab.PatroniPassword)
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s, %v", resp.Status, text, err)
	}
	eventually(b, to+" leads", func() bool { return shownAsLeader(b, w.lab.Member(to)) })
	return time.Since(began)
}

// shownAsLeader reads /cluster of the member.
func shownAsLeader(b *testing.B, m *lab.PatroniMember) bool {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, m.URL()+"/cluster", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var view patroni.View
	if err := json.NewDecoder(resp.Body).Decode(&view); err != nil {
		return false
	}
	l := view.Leader()
	return l.Name == m.Name && patroni.Running(l.State)
}
