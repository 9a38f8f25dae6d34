package actions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pointsman/pointsman"
)

// Metrics are the measurements of the verbs, in one place and in none of the kinds.
type Metrics struct {
	verbs *prometheus.HistogramVec
}

// NewMetrics registers the metrics; reg may be nil in tests.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{verbs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "pointsman_action_duration_seconds",
		Help:    "Time that the verbs of action kinds took, by result.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"kind", "verb", "result"})}
	if reg != nil {
		reg.MustRegister(m.verbs)
	}
	return m
}

// observed is the one decorator around every action: it measures, logs and turns a panic into an error. A panic
// says nothing about what happened, so the engine treats it like any other lost answer and observes.
type observed struct {
	Action
	m *Metrics
}

// Describe forwards to the action, which may not implement Describer.
func (o observed) Describe(in Input) (string, error) {
	if d, ok := o.Action.(Describer); ok {
		return d.Describe(in)
	}
	return o.Kind(), nil
}

func (o observed) Check(ctx context.Context, in Input) (ev pointsman.Evidence, err error) {
	defer o.done(in, "check", time.Now(), &err)
	return o.Action.Check(ctx, in)
}

func (o observed) Apply(ctx context.Context, in Input) (out Outcome, err error) {
	defer o.done(in, "apply", time.Now(), &err)
	return o.Action.Apply(ctx, in)
}

func (o observed) Verify(ctx context.Context, in Input) (ev pointsman.Evidence, err error) {
	defer o.done(in, "verify", time.Now(), &err)
	return o.Action.Verify(ctx, in)
}

func (o observed) done(in Input, verb string, start time.Time, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s %s panicked: %v", o.Kind(), verb, p)
		if in.Log != nil {
			in.Log.Error("action panicked", "kind", o.Kind(), "verb", verb, "err", *err, "stack", string(debug.Stack()))
		}
	}
	result := "ok"
	if _, refused := errors.AsType[*RefusedError](*err); refused {
		result = "refused"
	} else if *err != nil {
		result = "error"
	}
	took := time.Since(start)
	if o.m != nil {
		o.m.verbs.WithLabelValues(o.Kind(), verb, result).Observe(took.Seconds())
	}
	if in.Log != nil && (verb == "apply" || result != "ok") {
		in.Log.Info("action verb ended", "kind", o.Kind(), "verb", verb, "result", result, "dur", took, "err", *err)
	}
}
