package app

import (
	"context"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/api"
)

// dryRun takes an offer the way of a proposal, through the reducer and the checks, in an incident that nobody stores.
type dryRun struct {
	resolver *actions.Resolver
	records  actions.Records
	now      func() time.Time
}

// Plan implements api.Dry.
func (d dryRun) Plan(ctx context.Context, offer pointsman.Offer, by pointsman.Actor) (api.Planned, pointsman.Answer, error) {
	st := pointsman.State{Incident: pointsman.Incident{ID: "DRY-RUN"}}
	st, _, ans := pointsman.Decide(st, pointsman.Request{Offer: offer, By: by}, d.now())
	if !ans.OK() {
		return api.Planned{}, ans, nil
	}
	p := st.Proposals[0]
	found := d.resolver.Resolve(ctx, p, actions.Propose)
	st, _, _ = pointsman.Decide(st, pointsman.Ready{ // a refusal by a check is an answer, too
		Proposal: p.ID, Generation: p.Generation, Plan: found.Plan, Facts: found.Facts,
		Already: found.Already, Problem: found.Problem, Eligible: found.Eligible,
	}, d.now())
	held, err := d.records.Held(ctx) // behind the checks, which take their time: a run may have begun meanwhile
	return api.Planned{Proposal: st.Proposals[0], Held: at(held, offer.Target.Key())}, ans, err
}

// at is what of it stands at the target, and the freeze.
func at(held pointsman.Held, target string) pointsman.Held {
	var out pointsman.Held
	for _, p := range held.Protections {
		if !p.Blank() && (p.Target == target || p.Target == pointsman.Everything) {
			out.Protections = append(out.Protections, p)
		}
	}
	out.Runs = slices.DeleteFunc(slices.Clone(held.Runs), func(l pointsman.Lock) bool { return l.Target != target })
	return out
}
