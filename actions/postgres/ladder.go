package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Fence says how a node is kept from taking writes. A hook is argv without a shell, in which {node} is replaced by the
// node's name.
type Fence struct {
	// Command is the stop hook. Exit code 0 means that the node is stopped and will not come back by itself.
	Command []string      `yaml:"command"`
	Timeout time.Duration `yaml:"timeout"` // of each hook, 10 s by default
	// Network is the network hook. Exit code 0 means that no client can reach the node any more.
	Network     []string `yaml:"network"`
	NetworkUndo []string `yaml:"network_undo"` // lets clients reach it again
	// Ladder is the order of the rungs; by default those of stop, revoke and network that are configured.
	Ladder []string `yaml:"ladder"`
}

// The rungs. Stop and network are proven by the hook's word and the node's silence, revoke by closed databases. A paused
// pooler keeps clients off and proves nothing, so it never ends the ladder.
const (
	rungStop    = "stop"
	rungRevoke  = "revoke"
	rungPooler  = "pooler"
	rungNetwork = "network"
)

var rungs = []string{rungStop, rungRevoke, rungPooler, rungNetwork}

// keepsOff reports whether something keeps a node from coming back that is silent now.
func (f Fence) keepsOff() bool { return len(f.Command) > 0 || len(f.Network) > 0 }

func (c Cluster) validateFence(at string) []pointsman.Fault {
	var faults []pointsman.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{Path: at + path, Text: fmt.Sprintf(format, args...)})
	}
	for _, h := range []struct {
		path string
		argv []string
	}{{".command", c.Fence.Command}, {".network", c.Fence.Network}, {".network_undo", c.Fence.NetworkUndo}} {
		if len(h.argv) > 0 && h.argv[0] == "" {
			fault(h.path+"[0]", "the program is empty")
		}
		if wrong := misnamed(h.argv); wrong != "" {
			fault(h.path, "nothing takes the place of %s; only {node} is replaced, by the node's name", wrong)
		}
	}
	for i, rung := range c.Fence.Ladder {
		path := fmt.Sprintf(".ladder[%d]", i)
		switch {
		case !slices.Contains(rungs, rung):
			fault(path, "%q is none of %s", rung, strings.Join(rungs, ", "))
		case slices.Contains(c.Fence.Ladder[:i], rung):
			fault(path, "%q stands in it twice", rung)
		case !c.canFence(rung):
			fault(path, "%s is not configured: set %s", rung, rungNeeds(rung))
		}
	}
	return faults
}

// canFence reports whether the rung has what it needs.
func (c Cluster) canFence(rung string) bool {
	switch rung {
	case rungStop:
		return len(c.Fence.Command) > 0
	case rungNetwork:
		return len(c.Fence.Network) > 0
	case rungPooler:
		return len(c.Poolers) > 0
	}
	return true
}

func rungNeeds(rung string) string {
	return map[string]string{rungStop: "fence.command", rungNetwork: "fence.network", rungPooler: "poolers"}[rung]
}

// ladder are the rungs in order: those of the step, else those of the configuration, else all that are configured but
// the pooler's, which somebody has to resume. It is the caller's own: runs that climb the same one are beside each other.
func (c Cluster) ladder(args FenceArgs) []string {
	switch {
	case len(args.Modes) > 0:
		return slices.Clone(args.Modes)
	case len(c.Fence.Ladder) > 0:
		return slices.Clone(c.Fence.Ladder)
	}
	return slices.DeleteFunc([]string{rungStop, rungRevoke, rungNetwork}, func(rung string) bool { return !c.canFence(rung) })
}

// rungFacts name the ladder, and every rung that would not work. A hook whose program is not there is as good as none, so
// one more approver accepts that.
func (c Cluster) rungFacts(ctx context.Context, ladder []string) []pointsman.Fact {
	out := []pointsman.Fact{{
		Guard: "G1", Kind: pointsman.Warn, Name: "fence", Value: strings.Join(ladder, ", then "), Source: "configuration", At: time.Now(), Result: pointsman.Pass,
	}}
	for _, rung := range ladder {
		var err error
		switch {
		case !c.canFence(rung): // missingRungs tells
		case rung == rungStop:
			err = runnable(c.Fence.Command)
		case rung == rungNetwork:
			err = runnable(c.Fence.Network)
		case rung == rungPooler:
			err = c.eachPooler(func(p Pooler) error {
				ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
				defer cancel()
				_, err := p.show(ctx, p.entry(c))
				return err
			})
		}
		if err != nil {
			out = append(out, pointsman.Fact{
				Guard: "G1", Kind: pointsman.Ack, Name: "fence by " + rung, Value: "not possible", Source: "this host", At: time.Now(), Result: pointsman.Fail,
				Text: fmt.Sprintf("the fence by %s would not work: %v", rung, err), Clears: "make it work, or leave it out",
			})
		}
	}
	return out
}

// missingRungs refuse a step that names what is not configured: without it the ladder would be shorter than it reads.
func (c Cluster) missingRungs(ladder []string) []pointsman.Fact {
	var out []pointsman.Fact
	for _, rung := range ladder {
		if !c.canFence(rung) {
			out = append(out, pointsman.Fact{
				Guard: "G1", Kind: pointsman.Hard, Name: "fence by " + rung, Value: "not configured", Source: "configuration", At: time.Now(), Result: pointsman.Fail,
				Text: fmt.Sprintf("the step fences by %s, which is not configured", rung), Clears: "set " + rungNeeds(rung),
			})
		}
	}
	return out
}

func runnable(argv []string) error {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return fmt.Errorf("the program %s cannot be run on this host", argv[0])
	}
	return nil
}

// climb does one rung, and keeps in the memo what Verify and Undo need. Its error says why the rung does not hold.
func (c Cluster) climb(ctx context.Context, in actions.Input, rung, node string, memo *FenceMemo) (string, error) {
	switch rung {
	case rungStop:
		if err := memo.begin(in, "stop hook for "+node, &memo.Hook); err != nil {
			return "", err
		}
		memo.Hook = hookFailed
		if err := (hook{"stop hook", c.Fence.Command, c.Fence.Timeout}).run(ctx, node); err != nil {
			return "", err
		}
		memo.Hook = hookDone
		return "the stop hook for " + node + " ended well", nil
	case rungNetwork:
		if err := memo.begin(in, "network hook for "+node, &memo.Network); err != nil {
			return "", err
		}
		memo.Network = hookFailed
		if err := (hook{"network hook", c.Fence.Network, c.Fence.Timeout}).run(ctx, node); err != nil {
			return "", err
		}
		memo.Network = hookDone
		return "the network hook for " + node + " ended well", nil
	case rungPooler:
		err := c.eachPooler(func(p Pooler) error {
			return p.pause(ctx, c, func() error {
				memo.Poolers = joint(memo.Poolers, []string{p.Name})
				return memo.remember(in, "pausing the pooler "+p.Name)
			})
		})
		return "paused: " + pointsman.Count(len(memo.Poolers), "pooler"), err
	}
	n, _ := c.node(node)
	was := slices.Clone(memo.Databases) // by an earlier attempt
	done, err := n.revoke(ctx, budget(ctx, 3*c.ReadTimeout), func(names []string) error {
		memo.Databases = joint(was, names)
		return memo.remember(in, "closing the databases of "+node)
	})
	memo.Databases = joint(was, done.Closed)
	if err != nil {
		return "", fmt.Errorf("the databases of %s could not be closed: %w", node, err)
	}
	return fmt.Sprintf("closed on %s: %s, ended: %s", node, pointsman.Count(len(done.Closed), "database"), pointsman.Count(done.Ended, "session")), nil
}

// begin keeps that a hook is about to run, so that an abort after a crash takes it back. An error means that it may not run.
func (m *FenceMemo) begin(in actions.Input, what string, state *string) error {
	was := *state
	*state = hookBegun
	if err := m.remember(in, "running the "+what); err != nil {
		*state = was
		return fmt.Errorf("that the %s would run could not be kept, so it did not: %w", what, err)
	}
	return nil
}

func (c Cluster) eachPooler(do func(Pooler) error) error {
	var faults []error
	for _, p := range c.Poolers {
		if err := do(p); err != nil {
			faults = append(faults, fmt.Errorf("pooler %s: %w", p.Name, err))
		}
	}
	return errors.Join(faults...)
}

// pause lets no client through: PAUSE where the open transactions end in time, else KILL, which drops them and leaves the
// database paused too. One that is paused already shows so at once, while the transactions in it may still write. before is
// called where it is we who pause it; its error keeps the pooler as it is.
func (p Pooler) pause(ctx context.Context, c Cluster, before func() error) error {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, 3*c.ReadTimeout))
	defer cancel()
	entry := p.entry(c)
	was, err := p.show(ctx, entry)
	switch {
	case err != nil, was.Paused && !was.Busy:
		return err
	case was.Whole: // then no command for one database is taken
		return errors.New("somebody has paused it with all its databases, and transactions in it are still open; by hand: RESUME, then KILL " + quotedEntry(entry) + " in its console")
	}
	if err := actions.InTime(ctx); err != nil {
		return err
	}
	if !was.Paused {
		if err := before(); err != nil {
			return fmt.Errorf("that it would be paused could not be kept, so it was not: %w", err)
		}
	}
	politely, done := context.WithTimeout(ctx, c.ReadTimeout)
	defer done()
	if err := p.command(politely, "PAUSE "+quotedEntry(entry)); err == nil {
		return nil
	}
	return p.command(ctx, "KILL "+quotedEntry(entry))
}
