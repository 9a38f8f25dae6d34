package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Undo implements actions.Undoer: it opens the databases again that Apply closed, resumes the poolers that it paused, and
// takes the network hook back where there is a hook for that. What the stop hook stopped is started by a person. With
// another primary, or a node that may be one, it refuses: the node would be a second one. What stays as it is, it says.
func (a Fencing) Undo(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	memo, err := fenceMemo(in)
	if err == nil && len(in.Memo) == 0 && len(in.Earlier) == 0 {
		err = errNoRecord
	}
	if err != nil {
		return actions.Outcome{}, err
	}
	s, _ := a.c.look(ctx, cluster)
	if f := s.onlyPrimary(args.Node, memo); f.Refuses() {
		return actions.Outcome{}, &actions.RefusedError{Facts: []pointsman.Fact{f}}
	}
	notes, err := cluster.unfence(ctx, args.Node, memo)
	if err == nil {
		err = a.stays(ctx, cluster, args.Node, memo, notes)
	}
	return actions.Outcome{Memo: in.Memo, Note: strings.Join(notes, "; ")}, err
}

// onlyPrimary is G1 for the way back: no other node takes writes, as it tells itself or as all vantage points see it. One that
// only does not answer may have been promoted.
func (s Situation) onlyPrimary(node string, memo FenceMemo) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "other primaries", Value: "none", Limit: "none", Source: "all nodes", At: s.At, Result: pointsman.Pass,
		Clears: "by hand, once no other node is primary: " + strings.Join(s.Cluster.reopening(node, memo), "; "),
	}
	if id := s.identity(); id.Result == pointsman.Fail {
		f.Value, f.Result, f.Text = "unknown", pointsman.Unknown, id.Text
		return f
	}
	for _, r := range s.Readings {
		if r.Node == node {
			continue
		}
		views := s.sightings(r.Node)
		if i := slices.IndexFunc(views, func(v view) bool { return v.State == Writable }); i >= 0 {
			f.Value, f.Result = r.Node, pointsman.Fail
			f.Text = fmt.Sprintf("%s is primary as seen from %s: opening %s again would make a second one", r.Node, views[i].From, node)
			return f
		}
		toldItself := (r.State == Standby || r.State == Fenced) && !s.answersAnywhere(r.Node)
		if !toldItself && slices.ContainsFunc(views, func(v view) bool { return !s.proves(r.Node, v) }) {
			f.Value, f.Result = "unknown", pointsman.Unknown
			f.Text = fmt.Sprintf("%s may be primary, it %s: opening %s again could make a second one", r.Node, told(views), node)
		}
	}
	return f
}

// reopening are the commands with which a person takes the fence back.
func (c Cluster) reopening(node string, memo FenceMemo) []string {
	var out []string
	if memo.cut() {
		out = append(out, "let clients reach "+node+" again")
	}
	if memo.stopped() {
		out = append(out, "start "+node)
	}
	for _, name := range memo.Databases {
		out = append(out, fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS true on %s, connected to the database %s, after %s", pgx.Identifier{name}.Sanitize(), node, maintenance, localCommit))
	}
	for _, p := range c.Poolers {
		if slices.Contains(memo.Poolers, p.Name) {
			out = append(out, fmt.Sprintf("RESUME %s in the console of %s", quotedEntry(p.entry(c)), p.Name))
		}
	}
	return out
}

// stays says what no command of ours takes back: recorded as undone, nobody would be told that there is no primary.
func (a Fencing) stays(ctx context.Context, cluster Cluster, node string, memo FenceMemo, notes []string) error {
	var left []string
	if memo.cut() && len(cluster.Fence.NetworkUndo) == 0 {
		left = append(left, node+" stays cut off by the network hook; let clients reach it again by hand")
	}
	if memo.stopped() {
		if r := a.c.readNode(ctx, cluster, node); r.State != Writable {
			left = append(left, fmt.Sprintf("the stop hook ran for %s, which %s; start it by hand", node, r.State.Words()))
		}
	}
	if len(left) == 0 {
		return nil
	}
	return actions.Refuse("%s", strings.Join(append(left, notes...), "; "))
}

// unfence climbs down: first the way to the node, then the node, then its clients.
func (c Cluster) unfence(ctx context.Context, node string, memo FenceMemo) ([]string, error) {
	var notes []string
	switch undo := c.Fence.NetworkUndo; {
	case !memo.cut():
	case len(undo) == 0: // stays says so
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
