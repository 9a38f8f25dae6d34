package alerts_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

// BenchmarkReceive measures the door alone: authentication, decoding, routing and the reducer, with a store in memory.
func BenchmarkReceive(b *testing.B) {
	for _, n := range []int{1, 10, 1000, 10_000} {
		b.Run(fmt.Sprintf("%d_alerts", n), func(b *testing.B) {
			var many []map[string]any
			for i := range n {
				many = append(many, alert("firing", fmt.Sprintf("%016x", i), map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "shard": fmt.Sprint(i)}))
			}
			body := webhook(many...)
			var m nowhere
			h, err := alerts.New(alerts.Config{Tokens: []string{token}}, router(b, tree()), m, m, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			e := echo.New()
			h.Register(e)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, alerts.Path, bytes.NewReader(body))
				req.Header.Set("Authorization", "Bearer "+token)
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, req)
				if rec.Code != http.StatusOK {
					b.Fatal(rec.Body)
				}
			}
		})
	}
}

// nowhere is a store that answers at once.
type nowhere struct{}

func (nowhere) Receive(_ context.Context, cmds []pointsman.ReceiveAlerts) ([]pointsman.Answer, error) {
	var all []pointsman.Answer
	for _, cmd := range cmds {
		_, _, ans := pointsman.Decide(pointsman.State{Incident: pointsman.Incident{ID: "INC-1"}}, cmd, time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC))
		all = append(all, ans)
	}
	return all, nil
}

func (nowhere) Note(context.Context, ...pointsman.Event) error { return nil }
