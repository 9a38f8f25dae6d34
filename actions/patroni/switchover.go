package patroni

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Switchover is the kind patroni.switchover: the leader hands over to a replica, and follows it.
type Switchover struct{ onCluster }

var (
	_ actions.Action    = Switchover{}
	_ actions.Describer = Switchover{}
	_ actions.Handy     = Switchover{}
)

// SwitchoverArgs are the arguments of patroni.switchover.
type SwitchoverArgs struct {
	Cluster   string `json:"cluster"`
	Leader    string `json:"leader"` // who hands over: Patroni refuses when somebody else leads by then
	Candidate string `json:"candidate"`
}

// Kind implements actions.Action.
func (Switchover) Kind() string { return "patroni.switchover" }

// Describe implements actions.Describer.
func (k Switchover) Describe(in actions.Input) (string, error) {
	args, err := k.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("let Patroni switch %s over from %s to %s", args.Cluster, args.Leader, args.Candidate), nil
}

func (Switchover) args(in actions.Input) (SwitchoverArgs, error) {
	var args SwitchoverArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	return args, actions.Required("cluster", args.Cluster, "leader", args.Leader, "candidate", args.Candidate)
}

func (k Switchover) resolve(in actions.Input) (Cluster, wish, error) {
	args, err := k.args(in)
	if err != nil {
		return Cluster{}, wish{}, err
	}
	cluster, err := k.c.find(in, args.Cluster)
	if err != nil {
		return cluster, wish{}, err
	}
	for _, member := range []string{args.Leader, args.Candidate} {
		if err := cluster.has(member); err != nil {
			return cluster, wish{}, err
		}
	}
	return cluster, wanted(in, args.Leader, args.Candidate), nil
}

// Check implements actions.Action.
func (k Switchover) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := k.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.judgeSwitchover(w)
	ev.Pins = nil // the choice is made by patroni.status; here it is only confirmed
	if !cluster.Clients.empty() && !ev.Already {
		ev.Facts = append(ev.Facts, cluster.reachable(ctx, s.systemID()))
	}
	return ev, nil
}

// Apply implements actions.Action. All guards are judged once more on fresh readings, then Patroni is asked, once, and
// named the leader: if somebody else leads by then it refuses.
func (k Switchover) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	s, err := cluster.look(ctx)
	if err != nil {
		return actions.Outcome{}, actions.Refuse("%v", err)
	}
	ev := s.judgeSwitchover(w)
	if no := pointsman.Refusals(ev.Facts); len(no) > 0 {
		return actions.Outcome{}, &actions.RefusedError{Facts: no}
	}
	m := memo{
		Asked: "switchover", Leader: w.Leader, Candidate: w.Candidate, Timeline: s.timeline(), SystemID: s.systemID(),
	}
	if ev.Already {
		return m.done(w, ev)
	}
	return carryOut(ctx, in, s, request{
		path: "/switchover", body: map[string]string{"leader": w.Leader, "candidate": w.Candidate}, via: cluster.first(w.Leader, w.Candidate),
	}, m)
}

// done is the outcome where somebody else was quicker. The timeline before is the plan's, where it has one.
func (m memo) done(w wish, ev pointsman.Evidence) (actions.Outcome, error) {
	m.Already = true
	m.Timeline--
	if w.Timeline > 0 {
		m.Timeline = w.Timeline
	}
	return m.outcome(fmt.Sprintf("%s leads already, by %s", m.Candidate, ev.AlreadyBy))
}

// carryOut asks, and leaves the memo whatever came back.
func carryOut(ctx context.Context, in actions.Input, s Situation, r request, m memo) (actions.Outcome, error) {
	began := time.Now()
	m.At = began.UTC()
	if in.Remember != nil { // the answer takes seconds: who takes over meanwhile must know what was asked
		out, err := m.outcome("")
		if err == nil {
			err = in.Remember(out.Memo, fmt.Sprintf("asks Patroni for a %s to %s", m.Asked, m.Candidate))
		}
		if err != nil {
			return actions.Outcome{}, actions.Refuse("what would be asked could not be stored, so nothing was asked: %v", err)
		}
	}
	err := s.ask(ctx, r, &m)
	out, merr := m.outcome("")
	if err != nil {
		return out, err
	}
	out.Note = fmt.Sprintf("Patroni answered after %s: %s", pointsman.Span(time.Since(began)), m.Answer)
	return out, merr
}

// Verify implements actions.Action: the candidate leads on the next timeline, and everybody agrees.
func (k Switchover) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
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

// ByHand implements actions.Handy.
func (k Switchover) ByHand(in actions.Input) (do, undo []string) {
	cluster, w, err := k.resolve(in)
	if err != nil {
		return nil, nil
	}
	line := func(from, to string) []string {
		return []string{asksOnce, actions.Shell("patronictl", "switchover", cluster.Scope, "--leader", from, "--candidate", to, "--scheduled", "now")}
	}
	return line(w.Leader, w.Candidate), line(w.Candidate, w.Leader)
}
