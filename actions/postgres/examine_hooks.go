package postgres

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// examineHooks asks the node hook about each node where a runbook needs it. It is the one command that the doctor runs: inspect
// only reads, and a hook that was not copied to one of the machines would be found out by the run that needs it.
func (c Cluster) examineHooks(ctx context.Context, met nodesMet, used map[string]string) []pointsman.Fact {
	by := cmp.Or(used["postgres.switchover"], used["postgres.rejoin"])
	if by == "" || len(c.NodeHook.Command) == 0 {
		return nil
	}
	out := make([]pointsman.Fact, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() { out[i] = c.examineHook(ctx, n.Name, met, by) })
	}
	wg.Wait()
	return out
}

func (c Cluster) examineHook(ctx context.Context, node string, met nodesMet, by string) pointsman.Fact {
	ctx, cancel := context.WithTimeout(ctx, inspectWait)
	defer cancel()
	in, err := c.inspect(ctx, node, Reading{})
	e := examination{cluster: c.Name, node: node, at: time.Now()}
	e.say(pointsman.Hard, "node hook", true, "the node hook answers and reads the node's own data folder", "")
	f := e.facts[0]
	if err != nil {
		f.Value, f.Result = "no", pointsman.Fail
		f.Text = fmt.Sprintf("%v; the runbook %s needs it", err, by)
		f.Clears = "run it as the server's user with POINTSMAN_STEP=inspect; what it must do is in docs/actions/postgres.rejoin.md"
		return f
	}
	f, ok := in.keeps(f, node)
	if !ok {
		return f
	}
	for _, r := range met {
		if r.node == node && in.SystemID != r.systemID {
			f.Value, f.Result = "no", pointsman.Fail
			f.Text = fmt.Sprintf("the hook's data folder for %s is of the database %s, and the node is of %s: it would be rewound or started in its place", node, cmp.Or(in.SystemID, "an unknown identifier"), r.systemID)
			f.Clears = "correct the data folder that the hook uses on the machine of " + node
		}
	}
	return f
}
