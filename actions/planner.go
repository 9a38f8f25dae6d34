package actions

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Desk is what the planner needs of the store.
type Desk interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	Checking(ctx context.Context) ([]pointsman.Proposal, error)
	Changed() <-chan struct{}
}

// Planner answers proposals that are being checked: it resolves the runbook into a plan and runs every check, each
// with its own deadline, and hands plan and evidence to the reducer.
type Planner struct {
	Desk     Desk
	Resolver *Resolver
	Log      *slog.Logger
	// Others is how long a proposal of a runbook that is not configured here is left to other replicas, which may have
	// been started with a newer configuration; zero where there are none.
	Others time.Duration

	mu      sync.Mutex
	busy    map[string]bool
	strange map[string]time.Time // proposals of unknown runbooks, and when each was first seen; the loop's own
	wg      sync.WaitGroup
}

// Run works until the context ends. It is woken by each commit; the ticker is the safety net.
func (p *Planner) Run(ctx context.Context) error {
	defer p.wg.Wait()
	net := time.NewTicker(time.Second)
	defer net.Stop()
	for {
		drain(net.C)
		changed := p.Desk.Changed() // before the look, so that nothing is missed in between
		p.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-net.C:
		}
	}
}

func (p *Planner) look(ctx context.Context) {
	if p.full() {
		return // each answer is a commit, which wakes the loop again
	}
	list, err := p.Desk.Checking(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.Warn("proposals unreadable", "err", err)
		}
		return
	}
	left := p.leave(list)
	for _, prop := range list {
		if left[prop.ID] || !p.take(prop) {
			continue
		}
		p.wg.Go(func() {
			defer p.drop(prop)
			p.answer(ctx, prop)
		})
	}
}

// leave names the proposals that are left to other replicas for now: the first answer counts, and it must not be that
// there is no such runbook while another replica has it.
func (p *Planner) leave(list []pointsman.Proposal) map[string]bool {
	left, seen := map[string]bool{}, map[string]time.Time{}
	for _, prop := range list {
		if _, known := p.Resolver.Catalog.Runbook(prop.Runbook); known || p.Others == 0 {
			continue
		}
		generation := fmt.Sprintf("%s generation %d", prop.ID, prop.Generation)
		first, again := p.strange[generation]
		if !again {
			first = time.Now()
		}
		seen[generation], left[prop.ID] = first, time.Since(first) < p.Others
	}
	p.strange = seen
	return left
}

func (p *Planner) answer(ctx context.Context, prop pointsman.Proposal) {
	found := p.Resolver.Resolve(ctx, prop, Propose)
	if ctx.Err() != nil {
		return // the successor asks again; the proposal is still being checked
	}
	if slices.ContainsFunc(found.Facts, storeSilent) {
		p.Log.Warn("what is held cannot be told; the proposal is checked again when the store answers", "proposal", prop.ID)
		return
	}
	pointsman.Failpoint("plan.checked", prop.Runbook)
	_, err := p.Desk.Do(ctx, pointsman.Ready{
		Proposal: prop.ID, Generation: prop.Generation, Plan: found.Plan, Facts: found.Facts,
		Already: found.Already, Problem: found.Problem, Eligible: found.Eligible,
	})
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("evidence not stored", "incident", pointsman.IncidentOf(prop.ID), "proposal", prop.ID, "err", err)
	}
}

// checksAtOnce bounds the proposals that are checked at the same time: a storm over a thousand incidents must not ask a
// database that is in trouble a thousand times at once, nor keep clicks waiting behind a thousand answers.
const checksAtOnce = 32

// take makes sure that one generation of a proposal is checked once at a time. Another replica may check it too:
// checks only read, and the reducer takes the first answer.
func (p *Planner) take(prop pointsman.Proposal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy == nil {
		p.busy = map[string]bool{}
	}
	if p.busy[prop.ID] || len(p.busy) == checksAtOnce {
		return false
	}
	p.busy[prop.ID] = true
	return true
}

func (p *Planner) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.busy) == checksAtOnce
}

func (p *Planner) drop(prop pointsman.Proposal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, prop.ID)
}
