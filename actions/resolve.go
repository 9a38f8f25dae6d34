package actions

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Catalog finds runbooks and people as configured now.
type Catalog interface {
	Runbook(name string) (pointsman.Runbook, bool)
	People() []pointsman.Person
	Digest() string // of the configuration
}

// Resolver turns a runbook and parameters into a plan with evidence.
type Resolver struct {
	Kinds   *Registry
	Catalog Catalog
	// CheckTimeout is the deadline of one check; a check that does not answer is unknown, which is never success.
	CheckTimeout time.Duration
	Warden       *Warden // nil protects nothing beyond the run
	Log          *slog.Logger
}

// Resolution is what resolving found.
type Resolution struct {
	Plan     []byte
	Facts    []pointsman.Fact
	Already  string
	Problem  string
	Eligible []string
}

// Resolve resolves the proposal's runbook and runs the checks of all its steps. It never fails: what cannot be told
// is in the facts, and what prevents a plan is the Problem.
func (r *Resolver) Resolve(ctx context.Context, prop pointsman.Proposal, phase Phase) Resolution {
	rb, ok := r.Catalog.Runbook(prop.Runbook)
	if !ok {
		return Resolution{Problem: fmt.Sprintf("runbook %s is not in the configuration any more", prop.Runbook)}
	}
	if why := misfit(rb, prop); why != "" {
		return Resolution{Problem: "no plan can be made: " + why}
	}
	word := prop.Mode
	if !prop.Requester.Known() {
		word = pointsman.ModeIncident // alerts ask, whatever the door wrote
	}
	mode, err := rb.ModeOf(word)
	if err != nil {
		return Resolution{Problem: "no plan can be made: " + err.Error()}
	}
	base := Input{
		Phase: phase, Incident: pointsman.IncidentOf(prop.ID), Target: prop.Target, Params: prop.Params,
		Reason: prop.Reason, Actor: prop.Requester.String(), Log: r.Log,
	}
	checks := r.check(ctx, rb.Steps, base)
	r.apart(rb.Steps, base, &checks)
	out := Resolution{Facts: checks.withConditions(rb.Steps), Eligible: named(r.eligible(rb.Approval, prop.Requester))}
	if left := checks.unresolved(); len(left) > 0 {
		out.Problem = "no plan can be made: " + strings.Join(left, "; ")
		if no := pointsman.Refusals(out.Facts); len(no) > 0 {
			out.Problem = joined(no)
		}
		return out
	}
	plan := pointsman.Plan{
		Version: 1, Runbook: rb.Name, RunbookDigest: rb.Digest, ConfigDigest: r.Catalog.Digest(), Title: rb.Title,
		Incident: base.Incident, Target: prop.Target, Mode: mode, Lock: rb.Lock, Exempt: r.Kinds.onlyStops(rb), Rejoins: rb.Rejoins, Params: prop.Params, Pins: checks.pins,
		Steps: checks.steps(rb.Steps), Bounds: checks.bounds(), Policy: rb.Approval, Objective: rb.Objective, Reason: prop.Reason,
		Deadline: rb.Deadline,
	}
	out.Facts = append(out.Facts, r.Warden.facts(ctx, matter{plan: plan, suggested: !prop.Requester.Known()})...)
	withAcknowledgement(&plan, out.Facts)
	if f, short := r.tooFew(plan.Policy, prop.Requester); short {
		out.Facts = append(out.Facts, f) // counted with the approver whom a risk asks for in addition
	}
	out.Facts = append(out.Facts, r.gates(rb.Steps, prop.Requester)...)
	raw, err := plan.Encode()
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	out.Plan, out.Already = raw, checks.already(rb.Steps)
	return out
}

// misfit says why the proposal does not belong to the runbook. The doors have looked already; here it is about what
// binds: a name that the runbook does not declare could take the place of a pin, and a target other than the one that
// the steps act on would lock the wrong thing.
func misfit(rb pointsman.Runbook, prop pointsman.Proposal) string {
	if len(rb.Steps) == 0 {
		return fmt.Sprintf("runbook %s has no steps", rb.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(prop.Params)) {
		if !slices.ContainsFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == name }) {
			return fmt.Sprintf("runbook %s has no parameter %s", rb.Name, name)
		}
	}
	if given := prop.Params[rb.Target]; rb.Target != "" && given != prop.Target.Name {
		return fmt.Sprintf("parameter %s is %q, but the target is %q", rb.Target, given, prop.Target.Name)
	}
	return ""
}

// withAcknowledgement asks for one more approver where a risk must be accepted, and puts the risk's exact sentence
// into the plan, so that the digest covers what was accepted.
func withAcknowledgement(plan *pointsman.Plan, facts []pointsman.Fact) {
	risks := pointsman.Acknowledgements(facts)
	if len(risks) == 0 || len(plan.Policy.Require) == 0 {
		return
	}
	for _, f := range risks {
		plan.Acknowledge = append(plan.Acknowledge, f.Sentence())
		plan.Accepted = append(plan.Accepted, f.Key())
		if f.Measure != nil {
			if plan.Figures == nil {
				plan.Figures = map[string]float64{}
			}
			plan.Figures[f.Key()] = max(*f.Measure, plan.Figures[f.Key()])
		}
	}
	plan.Policy = plan.Policy.OneMore(strings.Join(plan.Acknowledge, "; "))
}

func joined(facts []pointsman.Fact) string {
	parts := make([]string, len(facts))
	for i, f := range facts {
		parts[i] = f.Sentence()
	}
	return strings.Join(parts, "; ")
}

// checked is what is known of one step while a plan is being resolved.
type checked struct {
	with     json.RawMessage
	summary  string
	evidence pointsman.Evidence
	problem  string
	done     bool
	when     *pointsman.Condition

	undo               bool
	byHand, undoByHand []string
	harder             *pointsman.Form
}

type checks struct {
	list []checked
	pins map[string]string
}

// check runs the checks of all steps in waves: those whose references are known run at once and beside each other,
// and the pins they choose let the next ones run. A hung server thus costs one deadline, not one per step.
func (r *Resolver) check(ctx context.Context, steps []pointsman.RunbookStep, base Input) checks {
	c := checks{list: make([]checked, len(steps)), pins: map[string]string{}}
	places := pointsman.Places(steps)
	for range steps {
		var wg sync.WaitGroup
		started := false
		for i, s := range steps {
			values := maps.Clone(c.pins)
			maps.Copy(values, base.Params)
			if c.list[i].done || !known(references(needs(s)), values) {
				continue
			}
			started = true
			c.list[i].done = true
			in := base
			in.StepN, in.Pins, in.Promised = places[i].N, maps.Clone(c.pins), promised(steps, i, values)
			wg.Go(func() {
				if err := r.one(ctx, s, places[i], in, values, &c.list[i]); err != nil {
					c.list[i].problem = fmt.Sprintf("step %s (%s): %v", places[i], s.Name, err)
				}
			})
		}
		wg.Wait()
		for i := range c.list {
			c.pin(i, fmt.Sprintf("step %s (%s)", places[i], steps[i].Name), base.Params)
		}
		if !started {
			break
		}
	}
	for i, s := range steps {
		if !c.list[i].done {
			c.list[i].problem = fmt.Sprintf("step %s (%s) needs %v, which no check could choose", places[i], s.Name, missing(needs(s), base.Params, c.pins))
		}
		if s.When != nil {
			c.list[i].evidence = notYet(c.list[i].evidence, places[i].N)
		}
	}
	return c
}

// pin takes over what a step's check chose. Two checks that choose differently are a problem, not a race: the steps
// resolved before would name one thing and the plan another. Nor may a check choose what a person gave.
func (c *checks) pin(i int, step string, params map[string]string) {
	ev := c.list[i].evidence.Pins
	for _, name := range slices.Sorted(maps.Keys(ev)) {
		had, pinned := c.pins[name]
		given, param := params[name]
		switch {
		case pinned && had != ev[name]:
			c.list[i].problem = fmt.Sprintf("%s chose %s %s, an earlier choice is %s", step, name, ev[name], had)
		case param && given != ev[name]:
			c.list[i].problem = fmt.Sprintf("%s chose %s %s, but it was given as %s", step, name, ev[name], given)
		case !param:
			c.pins[name] = ev[name]
		}
	}
}

func known(names []string, values map[string]string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { _, ok := values[n]; return !ok })
}

func missing(args map[string]any, given, pinned map[string]string) []string {
	return slices.DeleteFunc(references(args), func(n string) bool {
		_, a := given[n]
		_, b := pinned[n]
		return a || b
	})
}

// promised are the steps before step i, as far as the values are known. What members of its own group do is not there when it
// begins.
func promised(steps []pointsman.RunbookStep, i int, values map[string]string) []Promise {
	var out []Promise
	for _, s := range steps[:i] {
		if beside(s, steps[i]) {
			continue
		}
		with, err := fill(s.With, values)
		if err != nil {
			with = nil
		}
		out = append(out, Promise{s.Kind, with})
	}
	return out
}

// beside reports whether two steps are members of one group.
func beside[S interface{ InGroup() pointsman.Group }](a, b S) bool {
	return a.InGroup().Name != "" && a.InGroup().Name == b.InGroup().Name
}

// one resolves and checks one step; the error is why no plan can be made of it.
func (r *Resolver) one(ctx context.Context, s pointsman.RunbookStep, at pointsman.Place, in Input, values map[string]string, out *checked) error {
	with, err := fill(s.With, values)
	if err != nil {
		return err
	}
	if out.when, err = resolveWhen(s.When, values); err != nil {
		return err
	}
	out.with, in.With, out.summary = with, with, s.Name
	if Own(s.Kind) {
		out.summary, err = r.Kinds.describePause(s, in)
		return err
	}
	act, err := r.Kinds.effect(s.Kind, s.Timeout)
	if err != nil {
		return err
	}
	if d, ok := act.(Describer); ok {
		if out.summary, err = d.Describe(in); err != nil {
			return err
		}
	}
	out.undo = undoes(act)
	if out.harder, err = harderForm(s, in, values, act); err != nil {
		return fmt.Errorf("its ungraceful form: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.CheckTimeout)
	defer cancel()
	ev, err := act.Check(ctx, in)
	if err != nil {
		ev.Facts = append(ev.Facts, unknownFact(at, s.Name, s.Kind, err))
	}
	out.evidence = ev
	if h, ok := act.(Handy); ok { // behind the check, so that the commands name what it chose
		pins := maps.Clone(ev.Pins)
		if pins == nil {
			pins = map[string]string{}
		}
		maps.Copy(pins, in.Pins)
		in.Pins = pins
		out.byHand, out.undoByHand = h.ByHand(in)
	}
	return nil
}

// unknownFact: a check that could not tell anything stands in the way like a guard that said no.
func unknownFact(at pointsman.Place, step, kind string, err error) pointsman.Fact {
	return pointsman.Fact{
		Guard: "G21", Kind: pointsman.Hard, Name: "check of step " + step, Value: "unknown", Source: kind, Result: pointsman.Unknown,
		Text: fmt.Sprintf("the check of step %s (%s) could not tell: %v", at, step, err), Clears: "refresh the checks when it answers again",
	}
}
