package patroni

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Status is the kind patroni.status: it looks, judges and chooses the candidate. It has no effect.
type Status struct{ onCluster }

var (
	_ actions.Action    = Status{}
	_ actions.Describer = Status{}
)

// StatusArgs are the arguments of patroni.status.
type StatusArgs struct {
	Cluster   string `json:"cluster"`
	Want      string `json:"want"`                // "switchover", "failover", or "leader" after one of them
	Candidate string `json:"candidate,omitempty"` // a person's choice, empty for the best one; who must lead, for "leader"
	Former    string `json:"former,omitempty"`    // for "leader": who handed over, was alive, and must follow
}

// Kind implements actions.Action.
func (Status) Kind() string { return "patroni.status" }

// wantLeader is what a step wants that comes after the move.
const wantLeader = "leader"

// Describe implements actions.Describer.
func (k Status) Describe(in actions.Input) (string, error) {
	args, err := k.args(in)
	if err != nil {
		return "", err
	}
	if args.Want == wantLeader {
		return fmt.Sprintf("look whether %s leads %s, all follow, and clients reach it", args.Candidate, args.Cluster), nil
	}
	return fmt.Sprintf("look whether Patroni can make a %s in %s", args.Want, args.Cluster), nil
}

// Beside implements actions.Together.
func (k Status) Beside(in actions.Input) (pointsman.Target, error) {
	args, err := k.args(in)
	return pointsman.Target{Kind: "patroni", Name: args.Cluster}, err
}

func (Status) args(in actions.Input) (StatusArgs, error) {
	var args StatusArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("cluster", args.Cluster); err != nil {
		return args, err
	}
	if !actions.Reference(args.Want) && !slices.Contains([]string{"switchover", "failover", wantLeader}, args.Want) {
		return args, fmt.Errorf("want is %q, it must be switchover, failover or leader", args.Want)
	}
	if args.Want == wantLeader && args.Candidate == "" {
		return args, errors.New("the argument candidate is missing: who must lead")
	}
	if args.Want != wantLeader && args.Former != "" {
		return args, errors.New("the argument former belongs to want: leader")
	}
	return args, nil
}

func (k Status) resolve(in actions.Input) (Cluster, wish, StatusArgs, error) {
	args, err := k.args(in)
	if err != nil {
		return Cluster{}, wish{}, args, err
	}
	cluster, err := k.c.find(in, args.Cluster)
	for _, name := range []string{args.Candidate, args.Former} {
		if err == nil && name != "" {
			err = cluster.has(name)
		}
	}
	return cluster, wanted(in, "", args.Candidate), args, err
}

// Check implements actions.Action.
func (k Status) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	cluster, w, args, err := k.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := k.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	switch args.Want {
	case wantLeader:
		return cluster.led(ctx, in, s, w, args.Former), nil
	case "failover":
		return s.judgeFailover(w), nil
	}
	return s.judgeSwitchover(w), nil
}

// Apply implements actions.Action: a look changes nothing, but for the row that proves the way of the clients.
func (k Status) Apply(ctx context.Context, in actions.Input) (actions.Outcome, error) {
	cluster, w, args, err := k.resolve(in)
	if err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	if args.Want != wantLeader || cluster.Clients.empty() {
		return actions.Outcome{Memo: json.RawMessage("{}")}, nil
	}
	return cluster.proveWrite(ctx, in, w)
}

// Verify implements actions.Action: the step holds while nothing stands in the way.
func (k Status) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	cluster, w, args, err := k.resolve(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	if args.Want != wantLeader {
		ev, err := k.Check(ctx, in)
		ev.Holds = err == nil && (ev.Already || len(pointsman.Refusals(ev.Facts)) == 0)
		return ev, err
	}
	var back arrival
	var visited error
	var wg sync.WaitGroup
	if !cluster.Clients.empty() { // beside the look: behind it, a member that is silent would leave it a fraction of the time
		wg.Go(func() { back, visited = cluster.readBack(ctx) })
	}
	s, err := cluster.look(ctx)
	wg.Wait()
	if err != nil {
		return pointsman.Evidence{}, err
	}
	ev := s.judgeLed(w, args.Former)
	if !cluster.Clients.empty() {
		f, err := s.proven(in, back, visited)
		if err != nil {
			return ev, err
		}
		ev.Facts = append(ev.Facts, f)
	}
	ev.Holds = len(pointsman.Refusals(ev.Facts)) == 0
	return ev, nil
}
