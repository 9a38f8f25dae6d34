package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Undo implements actions.Undoer: it opens the databases again that Apply closed, resumes the poolers that it paused, and
// takes the network hook back where there is a hook for that. What the stop hook stopped is started by a person. With
// another primary it refuses: the node would be a second one.
func (a Fencing) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	memo, err := fenceMemo(in)
	if err == nil && len(in.Memo) == 0 && len(in.Earlier) == 0 {
		err = errors.New("what the fence did is not on record")
	}
	if err != nil {
		return actions.Outcome{}, err
	}
	s, _ := a.c.look(ctx, cluster)
	for _, r := range s.in(Writable) {
		if r.Node != args.Node {
			return actions.Outcome{}, actions.Refuse("%s is primary: opening %s again would make a second one", r.Node, args.Node)
		}
	}
	notes, err := cluster.unfence(ctx, args.Node, memo)
	return actions.Outcome{Memo: in.Memo, Note: strings.Join(notes, "; ")}, err
}

// unfence climbs down: first the way to the node, then the node, then its clients.
func (c Cluster) unfence(ctx context.Context, node string, memo FenceMemo) ([]string, error) {
	var notes []string
	switch undo := c.Fence.NetworkUndo; {
	case memo.Network != hookDone && !memo.Cut:
	case len(undo) == 0:
		notes = append(notes, node+" stays cut off by the network hook: no fence.network_undo is configured")
	default:
		if err := (hook{"network hook back", undo, c.Fence.Timeout}).run(ctx, node); err != nil {
			return notes, err
		}
		notes = append(notes, "the network of "+node+" is open again")
	}
	if len(memo.Databases) == 0 {
		notes = append(notes, "no database of "+node+" had been closed")
	} else {
		n, _ := c.node(node)
		if err := n.open(ctx, 2*c.ReadTimeout, memo.Databases); err != nil {
			return notes, err
		}
		notes = append(notes, fmt.Sprintf("open again on %s: %s", node, pointsman.Count(len(memo.Databases), "database")))
	}
	resumed := 0
	err := c.eachPooler(func(p Pooler) error {
		if !slices.Contains(memo.Poolers, p.Name) {
			return nil
		}
		ok, err := p.resume(ctx, c)
		if ok {
			resumed++
		}
		return err
	})
	if resumed > 0 {
		notes = append(notes, "resumed: "+pointsman.Count(resumed, "pooler"))
	}
	return notes, err
}

// resume lets the clients through again, and reports whether they had to wait. RESUME of what is not paused is an error.
func (p Pooler) resume(ctx context.Context, c Cluster) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	is, err := p.show(ctx, p.entry(c))
	if err != nil || !is.Paused {
		return false, err
	}
	if err := p.command(ctx, "RESUME "+quotedEntry(p.entry(c))); err != nil {
		return false, errors.Join(fmt.Errorf("its clients still wait; by hand: %s in its console", is.release(p.entry(c))), err)
	}
	return true, nil
}
