package actions

import (
	"fmt"
	"maps"
	"time"

	"github.com/pointsman/pointsman"
)

// forNewer is how long a proposal that only a newer version may change is left alone. It is looked at again, because that
// version may have been taken back.
const forNewer = time.Minute

// leaves reports whether the proposal is left to other replicas for now: its runbook is not configured here, or the store
// said that it is a newer version's. The first answer counts, and it must not be that there is no such runbook while
// another replica has it.
func (p *Planner) leaves(prop pointsman.Proposal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, again := p.left[generation(prop)]
	if _, known := p.Resolver.Catalog.Runbook(prop.Runbook); !again && !known && p.Others > 0 {
		until = p.leave(prop, p.Others)
	}
	return time.Now().Before(until)
}

// leaveToNewer leaves it alone, so that it is not checked here again and again to no end.
func (p *Planner) leaveToNewer(prop pointsman.Proposal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(prop, forNewer)
}

// leave is called under the lock. It forgets what was over long ago: those have been answered.
func (p *Planner) leave(prop pointsman.Proposal, lasts time.Duration) (until time.Time) {
	now := time.Now()
	if p.left == nil {
		p.left = map[string]time.Time{}
	}
	maps.DeleteFunc(p.left, func(_ string, until time.Time) bool { return now.Sub(until) > time.Hour })
	p.left[generation(prop)] = now.Add(lasts)
	return now.Add(lasts)
}

// generation names one asking of a proposal: what is said of it does not hold for the next.
func generation(prop pointsman.Proposal) string {
	return fmt.Sprintf("%s generation %d", prop.ID, prop.Generation)
}
