package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Checkpoint is the kind postgres.checkpoint: it writes the new timeline into the control file of a promoted server,
// without which pg_rewind does not see that the old primary diverged.
type Checkpoint struct{ onCluster }

var (
	_ actions.Action    = Checkpoint{}
	_ actions.Describer = Checkpoint{}
)

// CheckpointArgs are the arguments of postgres.checkpoint.
type CheckpointArgs struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"` // the new primary
}

// CheckpointMemo is what Apply leaves: the last checkpoint before ours.
type CheckpointMemo struct {
	Before  string `json:"before"`
	Refused bool   `json:"refused,omitempty"` // the role may not; the server makes one by itself in its time
}

// Kind implements actions.Action.
func (Checkpoint) Kind() string { return "postgres.checkpoint" }

// Describe implements actions.Describer.
func (a Checkpoint) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("checkpoint on %s of %s, so that the old primary can be rewound", args.Node, args.Cluster), nil
}

func (Checkpoint) args(in actions.Input) (CheckpointArgs, error) {
	var args CheckpointArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "node", args.Node)
}

func (a Checkpoint) resolve(in actions.Input) (CheckpointArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.having(in, args.Cluster, args.Node)
	return args, cluster, err
}

// controlFile is what the server's control file says, beside the timeline that it writes on.
type controlFile struct {
	Recovery bool
	Timeline int // of the last checkpoint
	LSN      string
	Current  int  // of the WAL file; 0 in recovery
	May      bool // our role may ask for a checkpoint
	Grants   bool // the server has a role to grant for that
	at       time.Time
}

// Whether the server has the role that may ask for a checkpoint, which is there from PostgreSQL 15 on, and whether ours
// may. The role is looked up, never named to pg_has_role: of one that does not exist that is an error.
const (
	grantsCheckpointSQL = `EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_checkpoint')`
	mayCheckpointSQL    = `(current_setting('is_superuser') = 'on'
		OR coalesce((SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = 'pg_checkpoint'), false))`
)

const controlSQL = `SELECT pg_is_in_recovery(), c.timeline_id, c.checkpoint_lsn::text,
	CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
	` + mayCheckpointSQL + `, ` + grantsCheckpointSQL + `
	FROM pg_control_checkpoint() c`

func (n Node) control(ctx context.Context, limit time.Duration) (controlFile, *pgx.Conn, error) {
	var f controlFile
	readCtx, cancel := context.WithTimeout(ctx, budget(ctx, limit))
	defer cancel()
	conn, err := n.connect(readCtx, "")
	if err != nil {
		return f, nil, err
	}
	if err := conn.QueryRow(readCtx, controlSQL).Scan(&f.Recovery, &f.Timeline, &f.LSN, &f.Current, &f.May, &f.Grants); err != nil {
		discard(conn)
		return f, nil, scrubbed(err, nil)
	}
	f.at = time.Now()
	return f, conn, nil
}

// Check implements actions.Action.
func (a Checkpoint) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	n, _ := cluster.node(args.Node)
	f, conn, err := n.control(ctx, cluster.ReadTimeout)
	discard(conn)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("%s does not tell its last checkpoint: %w", args.Node, err)
	}
	return f.judge(args.Node, in.Promises("postgres.promote"), in.StepN), nil
}

// judge is pure. The missing right only warns: the server makes a checkpoint by itself some minutes later, and a
// failover must not wait for it.
func (f controlFile) judge(node string, promised bool, step int) pointsman.Evidence {
	primary := pointsman.Fact{
		Guard: "G28", Kind: pointsman.Hard, Name: "checkpoint on " + node, Value: Standby.Words(), Limit: Writable.Words(), Source: node, At: f.at,
	}
	switch {
	case !f.Recovery:
		primary = good(primary, Writable.Words())
	case promised:
		primary.Result, primary.BeforeN = pointsman.Later, step
		primary.Text = fmt.Sprintf("that %s takes writes will be checked in step %d", node, step)
	default:
		primary.Result, primary.Clears = pointsman.Fail, "promote "+node+" first"
		primary.Text = fmt.Sprintf("%s %s: a checkpoint there says nothing about a new timeline", node, Standby.Words())
	}
	right := pointsman.Fact{
		Guard: "G28", Kind: pointsman.Warn, Name: "right to checkpoint on " + node, Value: "granted", Limit: "granted", Source: node, At: f.at, Result: pointsman.Pass,
	}
	if !f.May {
		right.Value, right.Result = "missing", pointsman.Fail
		right.Text = fmt.Sprintf("Pointsman's role may not CHECKPOINT on %s: until the server does so by itself, up to checkpoint_timeout later, pg_rewind finds no divergence", node)
		right.Clears = f.clears(node)
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{primary, right}}
	if !f.Recovery && f.Timeline == f.Current {
		ev.Already, ev.AlreadyBy = true, "the server itself: its last checkpoint is on timeline "+fmt.Sprint(f.Timeline)
	}
	return ev
}

// clears is what gives the role a checkpoint.
func (f controlFile) clears(node string) string {
	if f.Grants {
		return "GRANT pg_checkpoint to Pointsman's role"
	}
	return "CHECKPOINT on " + node + " as a superuser (before PostgreSQL 15 nobody else may), or wait for the server's own"
}

// Apply implements actions.Action.
func (a Checkpoint) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	n, _ := cluster.node(args.Node)
	f, conn, err := n.control(ctx, cluster.ReadTimeout)
	if actions.NoConnection(err) {
		return actions.Outcome{}, actions.NotSent(fmt.Errorf("%s cannot be reached: %w", args.Node, err))
	} else if err != nil {
		return actions.Outcome{}, actions.Refuse("%s does not tell its last checkpoint: %v", args.Node, err)
	}
	defer discard(conn)
	if no := pointsman.Refusals(f.judge(args.Node, false, 0).Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	memo := CheckpointMemo{Before: f.LSN, Refused: !f.May}
	raw, err := json.Marshal(memo)
	if err != nil {
		return actions.Outcome{}, err
	}
	out := actions.Outcome{Memo: raw, Note: fmt.Sprintf("Pointsman's role may not CHECKPOINT on %s; the server does so by itself", args.Node)}
	if memo.Refused {
		return out, nil
	}
	began := time.Now()
	_, err = conn.Exec(ctx, "CHECKPOINT")
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return actions.Outcome{}, actions.Refuse("%s refused the checkpoint: %s", args.Node, plain(e))
	}
	out.Note = fmt.Sprintf("checkpoint on %s, timeline %d, after %s", args.Node, f.Current, pointsman.Span(time.Since(began)))
	return out, scrubbed(err, nil)
}

// Verify implements actions.Action: the control file is on the timeline that is written on, by a checkpoint after the
// one that Apply found.
func (a Checkpoint) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo CheckpointMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the checkpoint: %w", err)
		}
	}
	n, _ := cluster.node(args.Node)
	f, conn, err := n.control(ctx, cluster.ReadTimeout)
	discard(conn)
	if err != nil {
		return pointsman.Evidence{}, fmt.Errorf("%s does not tell its last checkpoint: %w", args.Node, err)
	}
	fact := pointsman.Fact{
		Guard: "G28", Kind: pointsman.Hard, Name: "last checkpoint of " + args.Node, Value: fmt.Sprintf("timeline %d, at %s", f.Timeline, f.LSN),
		Limit: fmt.Sprintf("timeline %d", f.Current), Source: args.Node + ": pg_control_checkpoint", At: f.at, Result: pointsman.Pass,
	}
	switch {
	case f.Recovery || f.Timeline != f.Current:
		fact.Result = pointsman.Fail
		fact.Text = fmt.Sprintf("the last checkpoint of %s is on timeline %d, it writes on timeline %d: pg_rewind would find no divergence", args.Node, f.Timeline, f.Current)
		fact.Clears = "CHECKPOINT on " + args.Node
	case !memo.Refused && memo.Before == f.LSN:
		fact.Result = pointsman.Fail
		fact.Text = fmt.Sprintf("the last checkpoint of %s is still the one at %s", args.Node, f.LSN)
	}
	return pointsman.Evidence{Facts: []pointsman.Fact{fact}, Holds: fact.Result == pointsman.Pass}, nil
}
