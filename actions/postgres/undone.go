package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/ini"
)

var (
	_ actions.Undone = Fencing{}
	_ actions.Undone = Pause{}
	_ actions.Undone = Repoint{}
	_ actions.Undone = Switchover{}
)

// Undone implements actions.Undone: in no pooler do clients wait. One whose console does not answer is unknown.
func (a Pause) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, _, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, args.Pooler)
	return j.judgePaused(j.look(ctx), false), err
}

// Undone implements actions.Undone: in no pooler do clients wait.
func (a Switchover) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, _, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j, err := a.c.poolersFor(in, args.Cluster, "")
	return j.judgePaused(j.look(ctx), false), err
}

// Undone implements actions.Undone: file and running pooler lead to where each led before.
func (a Repoint) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	j, err := a.journey(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	moved, err := j.moved(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	before := map[string]ini.Place{}
	for _, m := range moved {
		before[m.Pooler] = m.From
	}
	var ev pointsman.Evidence
	for _, v := range j.look(ctx) {
		if at, led := before[v.pooler.Name]; led {
			ev.Facts = append(ev.Facts, v.arrived(at))
		}
	}
	// One that is not configured any more was not looked at.
	ev.Holds = len(ev.Facts) == len(before) && len(pointsman.Refusals(ev.Facts)) == 0
	return ev, nil
}

// Undone implements actions.Undone: every database is open that the fence closed, no pooler waits that it paused, and the
// node takes writes where a hook ran. Nothing tells whether a network hook was taken back whole.
func (a Fencing) Undone(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	memo, err := fenceMemo(in)
	if err == nil && len(in.Memo) == 0 && len(in.Earlier) == 0 {
		err = errNoRecord
	}
	if err != nil {
		return pointsman.Evidence{}, err
	}
	if memo.cut() {
		return pointsman.Evidence{}, fmt.Errorf("nothing tells whether the network hook of %s was taken back", args.Node)
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{cluster.opened(ctx, args.Node, memo.Databases)}}
	if memo.stopped() {
		ev.Facts = append(ev.Facts, runsAgain(a.c.readNode(ctx, cluster, args.Node)))
	}
	j := journey{cluster: cluster}
	for _, p := range cluster.Poolers {
		if slices.Contains(memo.Poolers, p.Name) {
			j.poolers = append(j.poolers, p)
		}
	}
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	if len(memo.Poolers) > 0 {
		waits := j.judgePaused(j.look(ctx), false)
		ev.Facts, ev.Holds = append(ev.Facts, waits.Facts...), ev.Holds && waits.Holds && len(j.poolers) == len(memo.Poolers)
	}
	return ev, nil
}

// runsAgain: what the stop hook stopped takes writes again. It is started by a person, and not promoted.
func runsAgain(r Reading) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "stopped " + r.Node, Value: r.State.Words(), Limit: Writable.Words(), Source: r.Node, At: r.At, Result: pointsman.Pass,
	}
	if r.State != Writable {
		f.Result = pointsman.Fail
		f.Text = fmt.Sprintf("the stop hook ran for %s, which %s%s", r.Node, r.State.Words(), detail(r.Detail))
		f.Clears = "start " + r.Node + " by hand"
	}
	return f
}

var errNoRecord = errors.New("what the fence did is not on record")

// opened says which of the databases are closed still.
func (c Cluster) opened(ctx context.Context, node string, names []string) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G1", Kind: pointsman.Hard, Name: "databases of " + node, Value: "open", Limit: "open", Source: node, At: time.Now(), Result: pointsman.Pass,
	}
	if len(names) == 0 {
		return f
	}
	closed, err := c.closedOf(ctx, node, names)
	switch {
	case err != nil:
		f.Value, f.Result, f.Text = "unknown", pointsman.Unknown, fmt.Sprintf("whether the databases of %s are open cannot be read: %v", node, err)
	case len(closed) > 0:
		f.Value, f.Result, f.Text = "closed", pointsman.Fail, fmt.Sprintf("closed still on %s: %q", node, closed)
		f.Clears = "ALTER DATABASE ... ALLOW_CONNECTIONS true, connected to the database postgres, after " + localCommit
	}
	return f
}

func (c Cluster) closedOf(ctx context.Context, node string, names []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, c.ReadTimeout))
	defer cancel()
	n, _ := c.node(node)
	conn, err := n.connect(ctx, maintenance)
	if err != nil {
		return nil, err
	}
	defer discard(conn)
	rows, err := conn.Query(ctx, `SELECT d.datname::text FROM pg_catalog.pg_database d WHERE NOT d.datallowconn AND d.datname::text = ANY ($1) ORDER BY 1`, names)
	if err != nil {
		return nil, scrubbed(err, nil)
	}
	closed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return closed, scrubbed(err, nil)
}
