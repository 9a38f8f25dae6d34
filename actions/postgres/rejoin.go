package postgres

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Rejoin is the kind postgres.rejoin: it makes an old primary, or a standby that lost its primary, a standby of the
// primary that there is now.
type Rejoin struct{ onCluster }

var (
	_ actions.Action    = Rejoin{}
	_ actions.Describer = Rejoin{}
)

// RejoinArgs are the arguments of postgres.rejoin.
type RejoinArgs struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node,omitempty"`   // by default the check chooses one that does not follow the primary
	Limit   string `json:"limit,omitempty"`  // bytes not yet replayed at which it counts as caught up, "16MiB" by default
	Within  string `json:"within,omitempty"` // and the time, "30s" by default
}

// RejoinMemo is what Apply leaves for Verify and for whoever looks for the lost transactions.
type RejoinMemo struct {
	Node    string `json:"node"`
	Primary string `json:"primary"`
	Rewound bool   `json:"rewound,omitempty"`
	From    string `json:"from,omitempty"` // the WAL that was rewound
	To      string `json:"to,omitempty"`
	Commits int    `json:"commits,omitempty"`
	// Uncounted: the hook did not say how many commits. Memos of before do not have it, and say 0 there.
	Uncounted bool   `json:"uncounted,omitempty"`
	Kept      string `json:"kept,omitempty"` // the folder of the kept WAL, on the node's machine
	// Stopped: the node ran, and was stopped by this step, which began it before it asked for that.
	Stopped bool `json:"stopped,omitempty"`
}

// Kind implements actions.Action.
func (Rejoin) Kind() string { return "postgres.rejoin" }

// Describe implements actions.Describer.
func (a Rejoin) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	who := args.Node
	if who == "" {
		who = "the node that does not follow"
	}
	return fmt.Sprintf("make %s a standby of the primary of %s", who, args.Cluster), nil
}

func (Rejoin) args(in actions.Input) (RejoinArgs, error) {
	args := RejoinArgs{Limit: defaultLagBytes, Within: defaultLagTime}
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("cluster", args.Cluster, "limit", args.Limit, "within", args.Within); err != nil {
		return args, err
	}
	_, err := args.lag().limits()
	return args, err
}

func (a RejoinArgs) lag() LagArgs {
	return LagArgs(a)
}

func (a Rejoin) resolve(in actions.Input) (RejoinArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return args, cluster, err
	}
	if args.Node == "" {
		args.Node = in.Pins[RejoinNode]
	}
	if args.Node == "" {
		return args, cluster, nil
	}
	return args, cluster, cluster.has(args.Node)
}

// Check implements actions.Action.
func (a Rejoin) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	j := rejoining{Situation: s, node: args.Node, moves: in.Promises("postgres.switchover"), promotes: in.Promises("postgres.promote"), accepted: in.Bounds, stepN: in.StepN}
	if j.node == "" {
		j.node = j.choose()
	}
	if j.node == "" {
		return j.nobody(), nil
	}
	ev := j.inspect(ctx).judge()
	ev.Pins = map[string]string{RejoinNode: j.node}
	return ev, nil
}

// inspect asks the primary who follows it and the hook what is on the node's disk. Where nothing may be done anyway,
// the hook is not asked.
func (j rejoining) inspect(ctx context.Context) rejoining {
	primary := j.primary()
	if primary.Node == "" {
		return j
	}
	var err error
	if j.followers, err = j.Cluster.followersOf(ctx, primary.Node); err == nil && j.follows() {
		return j
	}
	if len(j.Cluster.NodeHook.Command) == 0 || j.reading(j.node).State == Writable {
		return j
	}
	hookCtx, cancel := context.WithTimeout(ctx, budget(ctx, j.Cluster.NodeHook.Timeout))
	defer cancel()
	j.found, j.fault = j.Cluster.inspect(hookCtx, j.node, primary)
	if r := j.reading(j.node); j.fault == nil && j.found.Running && r.State == Standby {
		j.found.Last = r.Replay // its own word; what it received and did not replay is not in its data
	}
	return j
}

// Apply implements actions.Action. Everything is judged on fresh readings; the WAL that only this node has is kept
// before anything is rewound.
func (a Rejoin) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	if args.Node == "" {
		return actions.Outcome{}, actions.Refuse("the plan names no node of %s to rejoin", cluster.Name)
	}
	j, ev := a.fresh(ctx, cluster, args, in)
	memo := RejoinMemo{Node: args.Node, Primary: j.primary().Node, Stopped: stoppedBefore(in) && j.reading(args.Node).State != Standby}
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		return memo.left(&actions.RefusedError{Facts: no})
	}
	if ev.Already {
		return memo.outcome(ev.AlreadyBy)
	}
	task := nodeTask{cluster: cluster, node: args.Node, primary: j.primary(), clock: j.found.clock}
	if j.reading(args.Node).State == Standby {
		if j, err = a.halt(ctx, task, args, in, &memo); err != nil {
			return memo.left(err)
		}
		task.primary, task.clock, memo.Primary = j.primary(), j.found.clock, j.primary().Node // others may have failed over meanwhile
	}
	if j.found.diverged() > 0 {
		if memo, err = a.rewind(ctx, in, task, j, memo); err != nil {
			return memo.left(err)
		}
	}
	task.step, task.settled = nodeStart, j.settled()
	if _, err := task.run(ctx); err != nil {
		return memo.left(err)
	}
	return memo.outcome(memo.note())
}

// halt stops a standby that runs, and judges again: now that it stands still, the end of its WAL is known for certain. It is
// on record before, because readers may lose a server by it.
func (a Rejoin) halt(ctx context.Context, task nodeTask, args RejoinArgs, in actions.Input, memo *RejoinMemo) (rejoining, error) {
	stopping := *memo
	stopping.Stopped = true
	if err := stopping.remember(in, "stopping "+args.Node); err != nil {
		return rejoining{}, actions.Refuse("that %s is about to be stopped could not be stored, so nothing was done: %v", args.Node, err)
	}
	*memo = stopping
	task.step, task.attempt = nodeStop, rand.Text()
	if _, err := task.run(ctx); err != nil {
		return rejoining{}, fmt.Errorf("%w: %w", errHalf, err)
	}
	j, ev := a.fresh(ctx, task.cluster, args, in)
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		return j, &actions.RefusedError{Facts: no}
	}
	return j, nil
}

// fresh looks, inspects and judges right before an effect.
func (a Rejoin) fresh(ctx context.Context, cluster Cluster, args RejoinArgs, in actions.Input) (rejoining, pointsman.Evidence) {
	s, _ := a.c.look(ctx, cluster)
	j := rejoining{Situation: s, node: args.Node, moves: in.Promises("postgres.switchover"), promotes: in.Promises("postgres.promote"), accepted: in.Bounds, applying: true}.inspect(ctx)
	return j, j.judge()
}

// rewind keeps the diverged WAL, lets the primary write a checkpoint, and rewinds.
func (a Rejoin) rewind(ctx context.Context, in actions.Input, task nodeTask, j rejoining, memo RejoinMemo) (RejoinMemo, error) {
	task.fork, task.last, task.keepName = j.found.Fork, j.found.Last, keepName(j.node, j.found)
	memo = memo.counted(j.found)
	task.step = nodeKeep
	got, err := task.run(ctx)
	if err != nil {
		return memo, actions.Refuse("the WAL that only %s has could not be kept, so nothing was rewound: %v", j.node, err)
	}
	if memo.Kept = got["kept"]; memo.Kept == "" {
		return memo, actions.Refuse("the hook does not say where it kept the WAL of %s, so nothing was rewound", j.node)
	}
	// Whoever looks for the WAL finds it also where the process dies in the rewind.
	if err := memo.remember(in, fmt.Sprintf("rewinding %s, its WAL is kept in %s", j.node, memo.Kept)); err != nil {
		return memo, actions.Refuse("that the WAL of %s is kept in %s could not be stored, so nothing was rewound: %v", j.node, memo.Kept, err)
	}
	if err := checkpoint(ctx, j.Cluster, task.primary.Node); err != nil {
		return memo, err
	}
	// Keeping it may have taken minutes, in which somebody may have started the node.
	if r := a.c.readNode(ctx, j.Cluster, j.node); !r.State.Gone() || r.State == Standby {
		return memo, actions.Refuse("%s %s by now, so nothing was rewound", j.node, r.State.Words())
	}
	if err := ctx.Err(); err != nil {
		return memo, actions.Refuse("the step's time was over before the rewind; the WAL of %s is kept in %s", j.node, memo.Kept)
	}
	// A rewind that is killed halfway leaves no usable data folder, so it is not cut off with the step's context; the
	// step's deadline and the hook's own limit still end it.
	held, cancel := context.WithoutCancel(ctx), context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		held, cancel = context.WithDeadline(held, deadline)
	}
	defer cancel()
	task.step = nodeRewind
	if _, err := task.run(held); err != nil {
		return memo, fmt.Errorf("the WAL of %s is kept in %s: %w", j.node, memo.Kept, err)
	}
	memo.Rewound = true
	return memo, nil
}

// checkpoint makes the primary write its timeline into its control file. Until it has, pg_rewind reads the old one
// there, finds both servers on the same timeline and no rewind required, although they diverged.
func checkpoint(ctx context.Context, cluster Cluster, node string) error {
	n, _ := cluster.node(node)
	f, conn, err := n.control(ctx, cluster.ReadTimeout)
	if err != nil {
		return actions.Refuse("%s does not tell its last checkpoint, so nothing was rewound: %v", node, err)
	}
	defer discard(conn)
	switch {
	case f.Timeline == f.Current:
		return nil // it has made one since
	case !f.May:
		return actions.Refuse("Pointsman's role may not CHECKPOINT on %s, and its last one is on timeline %d: %s", node, f.Timeline, f.clears(node))
	}
	if _, err = conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return actions.Refuse("%s made no checkpoint, so nothing was rewound: %v", node, scrubbed(err, nil))
	}
	return nil
}
