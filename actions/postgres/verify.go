package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Verify is the kind postgres.verify: a real write and read through the addresses that clients use.
type Verify struct{ onCluster }

var (
	_ actions.Action    = Verify{}
	_ actions.Describer = Verify{}
)

// VerifyArgs are the arguments of postgres.verify.
type VerifyArgs struct {
	Cluster   string `json:"cluster"`
	Candidate string `json:"candidate"` // the node that must be the primary
}

// VerifyMemo is what Apply leaves: what it wrote through every endpoint.
type VerifyMemo struct {
	Token string `json:"token"`
}

// Kind implements actions.Action.
func (Verify) Kind() string { return "postgres.verify" }

// Describe implements actions.Describer.
func (a Verify) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("write and read through the clients' address of %s, on %s", args.Cluster, args.Candidate), nil
}

func (Verify) args(in actions.Input) (VerifyArgs, error) {
	var args VerifyArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "candidate", args.Candidate)
}

func (a Verify) resolve(in actions.Input) (VerifyArgs, Cluster, error) {
	args, err := a.args(in)
	if err != nil {
		return args, Cluster{}, err
	}
	cluster, err := a.c.having(in, args.Cluster, args.Candidate)
	return args, cluster, err
}

// Check implements actions.Action: before the promotion it tells whether the write can be made at all.
func (a Verify) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	r := s.reading(args.Candidate)
	table := pointsman.Fact{
		Guard: "G22", Kind: pointsman.Hard, Name: "heartbeat table", Value: cluster.HeartbeatTable, Limit: "writable by Pointsman's role",
		Source: args.Candidate, At: r.At, Result: pointsman.Pass,
	}
	if !r.BeatWrites {
		table.Result = pointsman.Fail
		table.Text = fmt.Sprintf("%s cannot tell that Pointsman's role may write the table %s: the promotion could not be verified", args.Candidate, cluster.HeartbeatTable)
		table.Clears = fmt.Sprintf("on the primary: CREATE TABLE %s (id int PRIMARY KEY, at timestamptz, token text), and GRANT SELECT, INSERT, UPDATE on it", cluster.HeartbeatTable)
	}
	ev := pointsman.Evidence{Facts: []pointsman.Fact{table}}
	if in.Promises("postgres.promote") {
		for _, e := range cluster.endpoints() {
			ev.Facts = append(ev.Facts, pointsman.Fact{
				Guard: "G22", Kind: pointsman.Hard, Name: "write through " + e.name,
				Value: "not due yet", Limit: "on " + args.Candidate, Source: e.name, At: s.At, Result: pointsman.Later, BeforeN: in.StepN,
				Text: fmt.Sprintf("a write through %s will be checked in step %d", e.name, in.StepN),
			})
		}
		ev.Facts = append(ev.Facts, cluster.leftBehind(args.Candidate, in.Promised)...)
	}
	return ev, nil
}

// Apply implements actions.Action. The write is tried until it arrives on the new primary or the step's time is over;
// writing it again does no harm.
func (a Verify) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	r := a.c.readNode(ctx, cluster, args.Candidate)
	if r.State != Writable {
		return actions.Outcome{}, actions.Refuse("%s %s%s, it must take writes as the primary", args.Candidate, r.State.Words(), detail(r.Detail))
	}
	memo := VerifyMemo{Token: rand.Text()}
	raw, err := json.Marshal(memo)
	if err != nil {
		return actions.Outcome{}, err
	}
	writeCtx, cancel := context.WithTimeout(ctx, budget(ctx, writeLimit))
	defer cancel()
	points := cluster.endpoints()
	faults := make([]error, len(points))
	var wg sync.WaitGroup
	for i, e := range points {
		wg.Go(func() { faults[i] = e.write(writeCtx, cluster, memo.Token, r) })
	}
	wg.Wait()
	out := actions.Outcome{Memo: raw}
	if err := errors.Join(faults...); err != nil {
		return out, err
	}
	out.Note = fmt.Sprintf("a write through %s arrived on %s, timeline %d", pointsman.Count(len(points), "endpoint"), args.Candidate, r.Timeline)
	return out, nil
}

func (c *Clusters) readNode(ctx context.Context, cluster Cluster, node string) Reading {
	ctx, cancel := context.WithTimeout(ctx, budget(ctx, cluster.ReadTimeout))
	defer cancel()
	n, _ := cluster.node(node)
	r, conn := c.lines.read(ctx, n, cluster.HeartbeatTable)
	c.lines.keep(conn)
	return r
}

// Verify implements actions.Action: the token is read back over new connections through every endpoint, from the
// promoted server, and no other node takes writes.
func (a Verify) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, cluster, err := a.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	var memo VerifyMemo
	if len(in.Memo) > 0 {
		if err := json.Unmarshal(in.Memo, &memo); err != nil {
			return pointsman.Evidence{}, fmt.Errorf("memo of the write: %w", err)
		}
	}
	if memo.Token == "" {
		return pointsman.Evidence{Facts: []pointsman.Fact{{
			Guard: "G22", Kind: pointsman.Hard, Name: "write through clients", Value: "none",
			Source: "memo", Result: pointsman.Unknown, Text: "no write is recorded, so none can be read back",
		}}}, nil
	}
	points := cluster.endpoints()
	seen, faults := make([]arrival, len(points)), make([]error, len(points))
	var wg sync.WaitGroup
	for i, e := range points {
		wg.Go(func() {
			pathCtx, cancel := context.WithTimeout(ctx, budget(ctx, 2*cluster.ReadTimeout))
			defer cancel()
			seen[i], faults[i] = e.readBack(pathCtx, cluster.HeartbeatTable)
		})
	}
	s, _ := a.c.look(ctx, cluster)
	wg.Wait()
	ev := pointsman.Evidence{}
	for i, e := range points {
		ev.Facts = append(ev.Facts, s.arrived(e.name, args.Candidate, memo.Token, seen[i], faults[i]))
	}
	ev.Facts = append(ev.Facts, s.writers(), s.identity(), s.standbysOf(args.Candidate+" runs without a standby", s.reading(args.Candidate)))
	ev.Facts = append(ev.Facts, s.following(args.Candidate)...)
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	return ev, nil
}

// arrived is G22 for one endpoint.
func (s Situation) arrived(endpoint, primary, token string, a arrival, err error) pointsman.Fact {
	r := s.reading(primary)
	f := pointsman.Fact{
		Guard: "G22", Kind: pointsman.Hard, Name: "write through " + endpoint, Limit: "on " + primary,
		Source: endpoint, At: a.At, Result: pointsman.Fail, Clears: "let " + endpoint + " lead to " + primary,
	}
	switch {
	case err != nil:
		f.Result, f.Value = pointsman.Unknown, "no answer"
		f.Text = fmt.Sprintf("%s could not be read through: %v", endpoint, err)
	case r.State != Writable:
		f.Value = primary + " " + r.State.Words()
		f.Text = fmt.Sprintf("%s %s%s, it must take writes as the primary", primary, r.State.Words(), detail(r.Detail))
	case !a.is(r) || a.Timeline != r.Timeline:
		f.Value = fmt.Sprintf("port %d, timeline %d", a.Port, a.Timeline)
		f.Text = fmt.Sprintf("%s leads to another server (port %d, timeline %d) than %s (timeline %d)", endpoint, a.Port, a.Timeline, primary, r.Timeline)
	case a.Token != token:
		f.Value = "another token"
		f.Text = fmt.Sprintf("the write through %s was not read back", endpoint)
	default:
		f.Result, f.Clears = pointsman.Pass, ""
		f.Value = fmt.Sprintf("read back on %s, port %d, timeline %d", primary, a.Port, a.Timeline)
	}
	return f
}
