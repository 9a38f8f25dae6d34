package patroni

import (
	"context"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Failover is the kind patroni.failover: a cluster without a leader is given one. For a lost leader Patroni does it
// itself; this is for when it does not, because it is paused or nobody passes its own conditions.
type Failover struct{ onCluster }

var (
	_ actions.Action    = Failover{}
	_ actions.Describer = Failover{}
	_ actions.Handy     = Failover{}
)

// FailoverArgs are the arguments of patroni.failover.
type FailoverArgs struct {
	Cluster   string `json:"cluster"`
	Candidate string `json:"candidate"`
}

// Kind implements actions.Action.
func (Failover) Kind() string { return "patroni.failover" }

// Describe implements actions.Describer.
func (k Failover) Describe(in actions.Input) (string, error) {
	args, err := k.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("let Patroni fail %s over to %s", args.Cluster, args.Candidate), nil
}

func (Failover) args(in actions.Input) (FailoverArgs, error) {
	var args FailoverArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "candidate", args.Candidate)
}

func (k Failover) resolve(in actions.Input) (Cluster, wish, error) {
	args, err := k.args(in)
	if err != nil {
		return Cluster{}, wish{}, err
	}
	cluster, err := k.c.find(in, args.Cluster)
	if err != nil {
		return cluster, wish{}, err
	}
	return cluster, wanted(in, "", args.Candidate), cluster.has(args.Candidate)
}

// Check implements actions.Action.
func (k Failover) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := k.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.judgeFailover(w)
	ev.Pins = nil // the choice is made by patroni.status; here it is only confirmed
	if !cluster.Clients.empty() && !ev.Already {
		ev.Facts = append(ev.Facts, cluster.silent(ctx))
	}
	return ev, nil
}

// Apply implements actions.Action. All guards are judged once more on fresh readings. The request names no leader: with
// one in it Patroni would make a switchover of it.
func (k Failover) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	s, err := cluster.look(ctx)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	ev := s.judgeFailover(w)
	if !cluster.Clients.empty() && !ev.Already {
		ev.Facts = append(ev.Facts, cluster.silent(ctx))
	}
	no := pointsman.Refusals(ev.Facts)
	for _, b := range ev.Bounds {
		if f, above := exceeds(in, b, s); above {
			no = append(no, f)
		}
	}
	if len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	m := memo{
		Asked: "failover", Leader: w.Leader, Candidate: w.Candidate, Timeline: s.timeline(), SystemID: s.systemID(),
	}
	if ev.Already {
		return m.done(w, ev)
	}
	return carryOut(ctx, in, s, request{
		path: "/failover", body: map[string]string{"candidate": w.Candidate}, via: cluster.first(w.Candidate),
	}, m)
}

// exceeds compares a figure of now with the one that an approval accepted.
func exceeds(in actions.Input, b pointsman.Bound, s Situation) (pointsman.Fact, bool) {
	accepted, ok := in.Bound(b.Name)
	if !ok || b.Max <= accepted.Max {
		return pointsman.Fact{}, false
	}
	return pointsman.Fact{
		Guard: "G5", Kind: pointsman.Hard, Name: b.Name, Value: b.Text, Limit: accepted.Text, Source: "/cluster of all members", At: s.At, Result: pointsman.Fail,
		Text: fmt.Sprintf("approved was %s, now it is %s", accepted.Text, b.Text), Clears: "approve the new figure", Excess: pointsman.Exceeds(b, accepted.Text),
	}, true
}

// Verify implements actions.Action: the candidate leads on the next timeline, and everybody agrees.
func (k Failover) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	m, recorded, err := recall(in, w)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return cluster.observe(ctx, m, recorded)
}

// asksOnce stands before a command that reads its answer where the next pasted line would be.
var asksOnce = actions.Remark("it asks whether you are sure, and takes the next line for the answer: paste nothing behind it")

// ByHand implements actions.Handy. There is no way back but a switchover, once the lost leader follows.
func (k Failover) ByHand(in actions.Input) (do, undo []string) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return nil, nil
	}
	return []string{asksOnce, actions.Shell("patronictl", "failover", cluster.Scope, "--candidate", w.Candidate)}, nil
}
