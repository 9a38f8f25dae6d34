package actions

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// recheck repeats the checks of a plan, as approved, right before something runs: all remaining steps from the given
// one on, beside each other. What lies outside the approval comes back as a HARD fact, so that the reducer voids it.
func (e *Engine) recheck(ctx context.Context, run pointsman.Run, plan pointsman.Plan, from int) []pointsman.Fact {
	first, _ := run.Members(from)
	return e.rechecked(ctx, run, plan, func(i int) bool {
		return i >= first && run.Steps[i].State != pointsman.StepDone && run.Steps[i].State != pointsman.StepSkipped
	})
}

// rechecked repeats the checks of the steps that are due. The guards of those with a condition are put off until they
// begin: to those of a running run that are at its present position, that is now.
func (e *Engine) rechecked(ctx context.Context, run pointsman.Run, plan pointsman.Plan, due func(int) bool) []pointsman.Fact {
	if no := e.reconfigured(plan); len(no) > 0 {
		return no // what the checks would find is of other servers
	}
	plan = run.Raised(plan)
	held := e.told(ctx, matter{plan: plan, run: run.ID, suggested: run.Suggested}) // first: it may have to wait, and the checks must be fresh
	found := make([]checked, len(plan.Steps))
	var wg sync.WaitGroup
	for i, s := range plan.Steps {
		act, ok := e.Kinds.Find(s.Kind)
		if !ok || !due(i) {
			continue // the engine's own kinds have nothing to check
		}
		in := e.input(run, plan, i, Start)
		in.Promised = promises(run, plan, i)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, e.CheckTimeout)
			defer cancel()
			ev, err := act.Check(ctx, in)
			if err != nil {
				ev.Facts = append(ev.Facts, unknownFact(run.At(i), s.Name, s.Kind, err))
			}
			found[i].evidence = ev
		})
	}
	wg.Wait()
	here := run.At(run.Current()).N
	for i, at := range pointsman.Places(plan.Steps) {
		if plan.Steps[i].When != nil && (at.N != here || run.State != pointsman.RunRunning) {
			found[i].evidence = notYet(found[i].evidence, at.N)
		}
	}
	facts := checks{list: found}.facts()
	for i := range plan.Steps {
		facts = append(facts, outside(plan, i, found[i].evidence, !run.StartedAt.IsZero())...)
	}
	facts = append(facts, held...)
	for i, f := range facts {
		if why := unaccepted(plan, f); why != "" {
			facts[i].Kind, facts[i].Text, facts[i].Excess = pointsman.Hard, why+f.Sentence(), riskier(plan, f)
		}
	}
	return facts
}

// promises are the steps before one of a run. What was left out promises nothing.
func promises(run pointsman.Run, plan pointsman.Plan, i int) (out []Promise) {
	for n, before := range plan.Steps[:i] {
		if !beside(before, plan.Steps[i]) && run.Steps[n].State != pointsman.StepSkipped {
			out = append(out, Promise{before.Kind, before.With})
		}
	}
	return out
}

// told asks the warden until it can tell what is held. That our own store cannot be reached says nothing about the target,
// and is no reason to void an approval: nothing begins before the store answers anyway.
func (e *Engine) told(ctx context.Context, m matter) []pointsman.Fact {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		facts := e.Warden.facts(ctx, m)
		if ctx.Err() != nil || !slices.ContainsFunc(facts, storeSilent) {
			return facts
		}
		_ = pause(ctx, wait) // a context that has ended is noticed by the next look
	}
}

// storeSilent is the fact that our own store did not tell what is held.
func storeSilent(f pointsman.Fact) bool {
	return f.Source == sourceStore && f.Result == pointsman.Unknown
}

// unaccepted says why the approval does not cover a risk: another one, or the same with a greater figure.
func unaccepted(plan pointsman.Plan, f pointsman.Fact) string {
	if !f.NeedsAcknowledgement() {
		return ""
	}
	if !slices.Contains(plan.Accepted, f.Key()) {
		return "a risk that nobody accepted has appeared: "
	}
	if up, has := plan.Figures[f.Key()]; has && (f.Measure == nil || !(*f.Measure <= up)) { // NaN and unknown are never within
		return "a risk has grown since it was accepted: "
	}
	return ""
}

// riskier is what one more approver would accept of a risk; nil where it cannot be told.
func riskier(plan pointsman.Plan, f pointsman.Fact) *pointsman.Excess {
	if f.Result != pointsman.Fail || f.Measure != nil && (math.IsNaN(*f.Measure) || math.IsInf(*f.Measure, 0)) {
		return nil
	}
	if _, limited := plan.Figures[f.Key()]; limited && f.Measure == nil {
		return nil // it had a figure when it was accepted
	}
	x := &pointsman.Excess{Name: f.Key(), Guard: true, Max: f.Measure, Text: f.Sentence()}
	if i := slices.Index(plan.Accepted, f.Key()); i >= len(plan.Acknowledge) {
		x.Was = "accepted in the course of the run"
	} else if i >= 0 {
		x.Was = plan.Acknowledge[i]
	}
	return x
}

// alreadyDone names the fact that a step's effect holds without us. The number belongs to it: that a later step has
// happened is no reason to take this one for done.
func alreadyDone(at pointsman.Place) string { return fmt.Sprintf("step %s already done", at) }

// What a person can do about what is outside the approval. Before the run has begun its approval is void and its proposal asks
// for votes on what is there now; a run that has begun gets no other plan.
const (
	newPlan    = "approve the new plan"
	acceptMore = "one more approver may accept it while the card asks; retry measures anew"
	asPlanned  = "retry when it is so again, or abort"
	sayDone    = "mark it done if it is as wanted, or abort"
)

// outside names what a check now chooses or finds differently from the plan.
func outside(plan pointsman.Plan, i int, ev pointsman.Evidence, begun bool) []pointsman.Fact {
	var out []pointsman.Fact
	s := plan.Steps[i]
	refuse := func(name, value, limit, text, clears string, more *pointsman.Excess) {
		switch {
		case !begun:
			clears = newPlan
		case more != nil:
			clears = acceptMore
		}
		out = append(out, pointsman.Fact{
			Guard: "G6", Kind: pointsman.Hard, Name: name, Value: value, Limit: limit,
			Source: s.Kind, Result: pointsman.Fail, Text: text, Clears: clears, Excess: more,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(ev.Pins)) {
		if planned, pinned := plan.Pins[name]; pinned && planned != ev.Pins[name] {
			refuse(name, ev.Pins[name], planned, fmt.Sprintf("the approved plan has %s %s, now it would be %s", name, planned, ev.Pins[name]), asPlanned, nil)
		}
	}
	for _, b := range ev.Bounds {
		switch accepted, ok := plan.Bound(b.Name); {
		case !ok:
			refuse(b.Name, b.Text, "none", fmt.Sprintf("nobody accepted %s: it was not known when the plan was approved", b.Text), asPlanned, pointsman.Exceeds(b, ""))
		case b.Max > accepted.Max || math.IsNaN(b.Max):
			refuse(b.Name, b.Text, accepted.Text, fmt.Sprintf("approved was %s, now it is %s", accepted.Text, b.Text), asPlanned, pointsman.Exceeds(b, accepted.Text))
		}
	}
	if s.Irreversible && ev.Already {
		refuse(alreadyDone(pointsman.Places(plan.Steps)[i]), "yes", "no", fmt.Sprintf("%s has happened already, by %s", s.Summary, by(ev)), sayDone, nil)
	}
	return out
}
