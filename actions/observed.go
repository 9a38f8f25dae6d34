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
	m  *Metrics
	of *Registry
}

// Describe forwards to the action, which may not implement Describer.
func (o observed) Describe(in Input) (string, error) {
	if d, ok := o.Action.(Describer); ok {
		return d.Describe(in)
	}
	return o.Kind(), nil
}

// OnlyStops forwards to the action, which may not implement Stopper.
func (o observed) OnlyStops() bool {
	s, ok := o.Action.(Stopper)
	return ok && s.OnlyStops()
}

func (o observed) Check(ctx context.Context, in Input) (pointsman.Evidence, error) {
	ev, err := watched(ctx, o, "check", in, o.Action.Check)
	ev.Facts = o.of.clock().stamped(ev.Facts)
	return ev, err
}

func (o observed) Apply(ctx context.Context, in Input) (Outcome, error) {
	out, err := watched(ctx, o, "apply", in, o.Action.Apply)
	return out, o.of.clock().stampedError(err)
}

func (o observed) Verify(ctx context.Context, in Input) (pointsman.Evidence, error) {
	ev, err := watched(ctx, o, "verify", in, o.Action.Verify)
	ev.Facts = o.of.clock().stamped(ev.Facts)
	return ev, err
}

// errAbandoned says that a verb did not come back although its time was over; it may still be at work.
var errAbandoned = errors.New("it did not come back when its time was over and may still be at work")

// linger is how long a verb may take to come back after its time is over: one that heeds its context says more about
// what happened than we can.
const linger = time.Second

// watched calls a verb and comes back whether or not the verb does. One that hangs would hold its run for ever, with
// a live lease, neither ended nor parked.
func watched[T any](ctx context.Context, o observed, verb string, in Input, call func(context.Context, Input) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	start, back := time.Now(), make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("%s %s panicked: %v", o.Kind(), verb, p)
				if in.Log != nil {
					in.Log.Error("action panicked", "kind", o.Kind(), "verb", verb, "err", r.err, "stack", string(debug.Stack()))
				}
			}
			back <- r
		}()
		r.value, r.err = call(ctx, in)
	}()
	var r result
	select {
	case r = <-back:
	case <-ctx.Done():
		late := time.NewTimer(linger)
		defer late.Stop()
		select {
		case r = <-back:
		case <-late.C:
			r.err = fmt.Errorf("%s %s: %w", o.Kind(), verb, errAbandoned)
		}
	}
	o.done(in, verb, start, r.err)
	return r.value, r.err
}

func (o observed) done(in Input, verb string, start time.Time, err error) {
	result := "ok"
	if _, refused := errors.AsType[*RefusedError](err); refused {
		result = "refused"
	} else if err != nil {
		result = "error"
	}
	took := time.Since(start)
	if o.m != nil {
		o.m.verbs.WithLabelValues(o.Kind(), verb, result).Observe(took.Seconds())
	}
	if in.Log != nil && (verb == "apply" || result != "ok") {
		in.Log.Info("action verb ended", "kind", o.Kind(), "verb", verb, "result", result, "dur", took, "err", err)
	}
}
