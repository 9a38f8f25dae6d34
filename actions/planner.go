package actions

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// Desk is what the planner needs of the store.
type Desk interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	Checking(ctx context.Context, after string) (some []pointsman.Proposal, next string, err error)
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

	mu   sync.Mutex
	busy map[string]bool
	left map[string]time.Time // until when which generation is left to other replicas
	wg   sync.WaitGroup
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

// look takes up what can be checked here. What is left to others, however much it is, hides nothing that comes after it.
func (p *Planner) look(ctx context.Context) {
	for after := ""; !p.full(); { // where it is full, each answer is a commit, which wakes the loop again
		list, next, err := p.Desk.Checking(ctx, after)
		if err != nil {
			if ctx.Err() == nil {
				p.Log.Warn("proposals unreadable", "err", err)
			}
			return
		}
		for _, prop := range list {
			if p.leaves(prop) || !p.take(prop) {
				continue
			}
			p.wg.Go(func() {
				defer p.drop(prop)
				p.answer(ctx, prop)
			})
		}
		if after = next; after == "" {
			return
		}
	}
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
	if newer(err) {
		p.leaveToNewer(prop)
	}
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
