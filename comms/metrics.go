package comms

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsman/pointsman"
)

// Metrics are the measurements of the dispatcher. A nil *Metrics measures nothing.
type Metrics struct {
	attempts *prometheus.CounterVec
	took     *prometheus.HistogramVec
	waited   *prometheus.HistogramVec
}

// NewMetrics registers the metrics; reg may be nil in tests.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pointsman_delivery_attempts_total",
			Help: "Attempts to say something, by way out and result (sent, retry, parked).",
		}, []string{"way", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pointsman_delivery_duration_seconds",
			Help: "Time that one attempt took, by way out.", Buckets: buckets,
		}, []string{"way"}),
		waited: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pointsman_delivery_wait_seconds",
			Help: "Time from when a delivery was due to its attempt, by way out and class.", Buckets: buckets,
		}, []string{"way", "class"}),
	}
	if reg != nil {
		reg.MustRegister(m.attempts, m.took, m.waited)
	}
	return m
}

func (m *Metrics) begun(d pointsman.Delivery, now time.Time) {
	if m != nil && !d.DueAt.IsZero() {
		m.waited.WithLabelValues(d.Follower, string(d.Class)).Observe(max(0, now.Sub(d.DueAt).Seconds()))
	}
}

func (m *Metrics) ended(d pointsman.Delivery, what pointsman.Settlement, took time.Duration) {
	if m == nil {
		return
	}
	result := "retry"
	switch {
	case what.Sent:
		result = "sent"
	case what.Parked:
		result = "parked"
	}
	m.attempts.WithLabelValues(d.Follower, result).Inc()
	m.took.WithLabelValues(d.Follower).Observe(took.Seconds())
}
