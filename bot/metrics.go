package bot

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator watches: how fast clicks are answered, what was turned away, what Slack said to us.
type metrics struct {
	requests *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	open     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pointsman_slack_request_seconds", Help: "Time from a click or command to its acknowledgement; Slack waits 3 seconds.",
			Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5},
		}, []string{"kind", "result"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pointsman_slack_calls_total", Help: "Messages posted and edited, by outcome.",
		}, []string{"method", "result"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pointsman_slack_connections", Help: "Open connections of Socket Mode."}),
	}
	m.requests, m.calls, m.open = registered(reg, m.requests), registered(reg, m.calls), registered(reg, m.open)
	return m
}

// registered returns the collector that is there already, if a reload made the bot anew.
func registered[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if old, ok := there.ExistingCollector.(C); ok {
			return old
		}
	}
	return c
}

func (m *metrics) answered(kind, result string, since time.Time) {
	m.requests.WithLabelValues(kind, result).Observe(time.Since(since).Seconds())
}

func (m *metrics) called(method string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.calls.WithLabelValues(method, result).Inc()
}
