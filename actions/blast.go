package actions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Aimed is an optional part of an Action with an effect: the configured target that the step's arguments name. A step
// of a kind without it works on the run's own target.
type Aimed interface {
	Aims(in Input) (pointsman.Target, error)
}

// Prober is an optional part of an Action: it can tell whether a target of its kind is healthy. It only reads.
type Prober interface {
	// Probes is the kind of the targets, "service".
	Probes() string
	// Healthy asks the target once. The sentence says what was seen; an error means that it could not be told.
	Healthy(ctx context.Context, name string) (well bool, seen string, err error)
}

// reach are the keys of all targets that the plan works on.
func (r *Registry) reach(plan pointsman.Plan) []string {
	var out []string
	add := func(key string) {
		if key != "" && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	add(plan.Target.Key())
	places := pointsman.Places(plan.Steps)
	for i, s := range plan.Steps {
		act, _ := r.Find(s.Kind)
		if o, ok := act.(observed); ok {
			act = o.Action
		}
		if a, ok := act.(Aimed); ok {
			if t, err := a.Aims(Input{Target: plan.Target, With: s.With, Params: plan.Params, Pins: plan.Pins, StepN: places[i].N}); err == nil {
				add(t.Key())
			}
		}
	}
	return out
}

func (r *Registry) prober(kind string) (Prober, bool) {
	for _, name := range r.Kinds() {
		if o, ok := r.kinds[name].(observed); ok {
			if p, ok := o.Action.(Prober); ok && p.Probes() == kind {
				return p, true
			}
		}
	}
	return nil, false
}

// blastFacts bound what one run can break: the number of its targets, and how many of their group stay healthy beside
// them.
func (w *Warden) blastFacts(ctx context.Context, g Guards, m matter, now time.Time) []pointsman.Fact {
	reach := w.Kinds.reach(m.plan)
	var out []pointsman.Fact
	if n := len(reach); g.MaxTargets > 0 && n > g.MaxTargets {
		out = append(out, pointsman.Fact{
			Guard: "G15", Kind: pointsman.Hard, Name: "targets of the run", Value: fmt.Sprint(n), Limit: fmt.Sprint(g.MaxTargets),
			Source: "plan", At: now, Result: pointsman.Fail,
			Text:   fmt.Sprintf("the run works on %d targets (%s), limit %d", n, strings.Join(reach, ", "), g.MaxTargets),
			Clears: "one run for each, or a higher guards.max_targets",
		})
	}
	for _, one := range g.Groups {
		if slices.ContainsFunc(one.Targets, func(key string) bool { return slices.Contains(reach, key) }) {
			out = append(out, w.groupFact(ctx, one, reach, now))
		}
	}
	return out
}

// groupFact counts the healthy members that the run leaves alone. One that cannot be asked is not healthy.
func (w *Warden) groupFact(ctx context.Context, g Group, reach []string, now time.Time) pointsman.Fact {
	var others []string
	for _, key := range g.Targets {
		if !slices.Contains(reach, key) {
			others = append(others, key)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.CheckTimeout)
	defer cancel()
	seen := make([]string, len(others)) // empty where the member is well
	var wg sync.WaitGroup
	for i, key := range others {
		wg.Go(func() { seen[i] = w.ailment(ctx, key) })
	}
	wg.Wait()
	sick := slices.DeleteFunc(seen, func(s string) bool { return s == "" })
	well := len(others) - len(sick)
	f := pointsman.Fact{
		Guard: "G15", Kind: pointsman.Hard, Name: "healthy in group " + g.Name, Value: fmt.Sprintf("%d of the %d others", well, len(others)),
		Limit: fmt.Sprintf("at least %d", g.KeepHealthy), Source: "health of " + strings.Join(others, ", "), At: now, Result: pointsman.Pass,
	}
	if well < g.KeepHealthy {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("group %s must keep at least %d healthy, %d would be left", g.Name, g.KeepHealthy, well)
		if len(sick) > 0 {
			f.Text += ": " + strings.Join(sick, "; ")
		}
		f.Clears = "bring the others back first"
	}
	return f
}

// ailment says what is wrong with a target; nothing if it is well.
func (w *Warden) ailment(ctx context.Context, key string) string {
	kind, name, _ := strings.Cut(key, "/")
	p, ok := w.Kinds.prober(kind)
	if !ok {
		return fmt.Sprintf("%s cannot be asked for its health", key)
	}
	well, seen, err := p.Healthy(ctx, name)
	switch {
	case err != nil:
		return fmt.Sprintf("%s could not be asked: %v", key, err)
	case !well:
		return seen
	}
	return ""
}
