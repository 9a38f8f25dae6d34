package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Fencing is the kind postgres.fence: it makes sure that a node takes no writes and does not come back to take them.
type Fencing struct{ onCluster }

var (
	_ actions.Action    = Fencing{}
	_ actions.Describer = Fencing{}
	_ actions.Undoer    = Fencing{}
)

// FenceArgs are the arguments of postgres.fence.
type FenceArgs struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	// Living says that the node is meant to be fenced although it takes writes, as after a split brain. Without it a
	// node that takes writes is refused.
	Living bool `json:"living,omitempty"`
	// Modes are the rungs to climb instead of the configured ladder: stop, revoke, pooler, network.
	Modes []string `json:"modes,omitempty"`
}

// FenceMemo is what Apply leaves for Verify and Undo.
type FenceMemo struct {
	Node      string   `json:"node"`
	Hook      string   `json:"hook"`                // the stop hook: none, begun, done, failed
	Network   string   `json:"network,omitempty"`   // the network hook: begun, done, failed
	Databases []string `json:"databases,omitempty"` // closed to new connections, or about to be
	Poolers   []string `json:"poolers,omitempty"`   // paused by us, or about to be
	Cut       bool     `json:"cut,omitempty"`       // an earlier attempt's network hook ran: to be undone, no proof any more
	Stopped   bool     `json:"stopped,omitempty"`   // an earlier attempt's stop hook ran: the same
}

// fenceMemo is what the attempt left, with what earlier ones left to be undone.
func fenceMemo(in actions.Input) (FenceMemo, error) {
	var memo, earlier FenceMemo
	for _, m := range []struct {
		raw json.RawMessage
		to  *FenceMemo
	}{{in.Memo, &memo}, {in.Earlier, &earlier}} {
		if len(m.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(m.raw, m.to); err != nil {
			return memo, fmt.Errorf("memo of the fence: %w", err)
		}
	}
	memo.Databases, memo.Poolers = joint(earlier.Databases, memo.Databases), joint(earlier.Poolers, memo.Poolers)
	memo.Cut, memo.Stopped = memo.Cut || earlier.cut(), memo.Stopped || earlier.stopped()
	return memo, nil
}

// stopped and cut report whether a hook ran, in whichever attempt and however it ended: half of it may have been done.
func (m FenceMemo) stopped() bool { return m.Stopped || m.Hook != "" && m.Hook != hookNone }
func (m FenceMemo) cut() bool     { return m.Cut || m.Network != "" }

// remember keeps it before an effect, so that whoever takes over in the middle can take it back.
func (m FenceMemo) remember(in actions.Input, note string) error {
	if in.Remember == nil {
		return nil
	}
	raw, err := json.Marshal(m)
	if err == nil {
		err = in.Remember(raw, note)
	}
	return err
}

// joint is a with what only b has.
func joint(a, b []string) []string {
	out := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// What became of a hook.
const (
	hookNone   = "none"
	hookBegun  = "begun" // on record before it runs: whoever finds that cannot tell more
	hookDone   = "done"
	hookFailed = "failed"
)

// Kind implements actions.Action.
func (Fencing) Kind() string { return "postgres.fence" }

// Describe implements actions.Describer.
func (a Fencing) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	by := ""
	if len(args.Modes) > 0 {
		by = " by " + strings.Join(args.Modes, ", then ")
	}
	return fmt.Sprintf("fence %s of %s%s, so that it takes no writes", args.Node, args.Cluster, by), nil
}

func (Fencing) args(in actions.Input) (FenceArgs, error) {
	var args FenceArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	for _, mode := range args.Modes {
		if err := oneOf("modes", mode, rungs...); err != nil {
			return args, err
		}
	}
	return args, actions.Required("cluster", args.Cluster, "node", args.Node)
}

func (a Fencing) resolve(in actions.Input) (FenceArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.having(in, args.Cluster, args.Node)
	return args, cluster, err
}

// Check implements actions.Action.
func (a Fencing) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.judgeFence(args, in.Pins)
	ev.Facts = append(ev.Facts, cluster.rungFacts(ctx, cluster.ladder(args))...)
	return ev, nil
}

// judgeFence is pure. A node is never fenced by mistake: not the candidate, not a standby, not a primary that works.
func (s Situation) judgeFence(args FenceArgs, pins map[string]string) pointsman.Evidence {
	r := s.reading(args.Node)
	target := pointsman.Fact{
		Guard: "G14", Kind: pointsman.Hard, Name: "node to fence", Value: args.Node + ", which " + r.State.Words(),
		Limit: "the old primary", Source: args.Node, At: r.At, Result: pointsman.Pass,
	}
	if old := pins["old_primary"]; args.Node == pins["candidate"] || old != "" && old != args.Node || r.State == Standby && old == "" {
		target.Result = pointsman.Fail
		target.Text = fmt.Sprintf("%s is not the old primary of this plan: it %s", args.Node, r.State.Words())
		target.Clears = "name the old primary"
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{s.identity(), target}}
	if !args.Living {
		ev.Facts = append(ev.Facts, s.writers(), s.notWritable(args.Node))
	}
	ev.Facts = append(ev.Facts, s.hook(args.Node))
	ev.Facts = append(ev.Facts, s.Cluster.missingRungs(s.Cluster.ladder(args))...)
	if !s.Cluster.Fence.keepsOff() && r.State.Stopped() && !s.answersAnywhere(args.Node) {
		ev.Already, ev.AlreadyBy = true, "itself: it "+told(s.sightings(args.Node))
	}
	return ev
}

// Apply implements actions.Action: it climbs the ladder, each rung only where the one before did not prove the node
// fenced. A hook runs for a dead node too, so that nothing starts it again. Verify tells whether it was enough.
func (a Fencing) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	s, _ := a.c.look(ctx, cluster)
	if no := pointsman.Refusals(s.judgeFence(args, in.Pins).Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	memo, err := fenceMemo(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	memo.Node, memo.Hook = args.Node, hookNone
	var notes []string
	for i, rung := range cluster.ladder(args) {
		// Before the first rung nothing is proven: a node that is only silent may come back.
		if i > 0 && s.fenced(args.Node, memo) {
			break
		}
		if i > 0 {
			if s, _ = a.c.look(ctx, cluster); s.fenced(args.Node, memo) {
				break
			}
		}
		note, err := cluster.climb(ctx, in, rung, args.Node, &memo)
		if err != nil {
			note = err.Error()
			if rung == rungRevoke && !s.answersAnywhere(args.Node) {
				note = args.Node + " " + told(s.sightings(args.Node)) // nothing to close
			}
			if in.Log != nil {
				in.Log.Info("rung did not hold", "rung", rung, "err", err)
			}
		}
		notes = append(notes, note)
	}
	raw, err := json.Marshal(memo)
	return actions.Outcome{Memo: raw, Note: strings.Join(notes, "; ")}, err
}

// fenced reports whether what was seen proves the fence.
func (s Situation) fenced(node string, memo FenceMemo) bool {
	ev, err := s.judgeFenced(node, memo)
	return err == nil && ev.Holds
}

// Verify implements actions.Action: the node takes no writes from any vantage point.
func (a Fencing) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	memo, err := fenceMemo(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, _ := a.c.look(ctx, cluster)
	ev, err := s.judgeFenced(args.Node, memo)
	if err == nil && ev.Holds && memo.Node == "" && cluster.Fence.keepsOff() {
		return unhooked(args.Node, ev), nil
	}
	return ev, err
}

// unhooked: whoever began the attempt stopped before the first rung. The node is as it was found, dead, and systemd may start it
// again beside the new primary; so the step begins again, and the hook runs.
func unhooked(node string, ev pointsman.Evidence) pointsman.Evidence {
	f := ev.Facts[0]
	f.Result, f.Text = pointsman.Fail, node+" is stopped, and the hook that keeps it so has not run: something may start it again"
	f.Clears = "the hook runs when the step begins again"
	return pointsman.Evidence{Facts: []pointsman.Fact{f}}
}

// judgeFenced is pure. Silence proves a fence only where a hook said that it stopped or cut off the node, or where there
// is no hook and people accepted that; after a failed hook the node itself must be seen stopped. A paused pooler proves nothing:
// there are other ways to a server.
func (s Situation) judgeFenced(node string, memo FenceMemo) (pointsman.Evidence, error) {
	views := s.sightings(node)
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "fenced " + node, Value: told(views), Limit: "writable from nowhere",
		Source: node, At: s.At, Result: pointsman.Pass,
	}
	gone, stopped := 0, 0
	for _, v := range views {
		switch {
		case v.State.Answers():
			f.Result, f.Text = pointsman.Fail, fmt.Sprintf("%s is not stopped: it %s as seen from %s%s", node, v.State.Words(), v.From, detail(v.Detail))
			f.Clears = "stop " + node + " by hand"
			return pointsman.Evidence{Facts: []pointsman.Fact{f}}, nil
		case s.proves(node, v):
			stopped++
		}
		if v.State.Gone() {
			gone++
		}
	}
	if gone == 0 {
		return pointsman.Evidence{}, fmt.Errorf("no vantage point can tell whether %s takes writes: it %s%s", node, told(views), detail(views[0].Detail))
	}
	if stopped == 0 && s.Cluster.Fence.keepsOff() && memo.Hook != hookDone && memo.Network != hookDone {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("%s is silent and no hook ended well: it may come back and take writes", node)
		if slices.ContainsFunc(views, func(v view) bool { return v.State.Stopped() }) {
			f.Text = fmt.Sprintf("no hook ended well, and that %s is stopped is not proven: it %s, which may be another server", node, told(views))
		}
		f.Clears = "stop " + node + " by hand"
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{f}, Holds: f.Result == pointsman.Pass}, nil
}
