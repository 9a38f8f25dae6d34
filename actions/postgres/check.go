package postgres

import (
	"context"
	"fmt"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Check is the kind postgres.check: it looks, judges, and chooses the candidate. It has no effect.
type Check struct{ onCluster }

var (
	_ actions.Action    = Check{}
	_ actions.Describer = Check{}
)

// CheckArgs are the arguments of postgres.check.
type CheckArgs struct {
	Cluster   string `json:"cluster"`
	Want      string `json:"want"`                // "failover"
	Candidate string `json:"candidate,omitempty"` // a person's choice; empty for the most advanced standby
}

// Kind implements actions.Action.
func (Check) Kind() string { return "postgres.check" }

// Describe implements actions.Describer.
func (a Check) Describe(in actions.Input) (string, error) {
	args, err := a.args(in)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("check that %s may be failed over", args.Cluster), nil
}

func (Check) args(in actions.Input) (CheckArgs, error) {
	var args CheckArgs
	if err := in.Args(&args); err != nil {
		return args, err
	}
	if err := actions.Required("cluster", args.Cluster, "want", args.Want); err != nil {
		return args, err
	}
	return args, oneOf("want", args.Want, "failover")
}

// Check implements actions.Action.
func (a Check) Check(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	args, err := a.args(in)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	cluster, err := a.c.find(in, args.Cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	s, err := a.c.shared(ctx, cluster)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return s.Judge(wish(in, args.Candidate)), nil
}

// Apply implements actions.Action: a check changes nothing.
func (a Check) Apply(_ context.Context, in actions.Input) (actions.Outcome, error) {
	if _, err := a.args(in); err != nil {
		return actions.Outcome{}, &actions.RefusedError{Text: err.Error()}
	}
	return actions.Outcome{}, nil
}

// Verify implements actions.Action: the step holds while nothing stands in the way.
func (a Check) Verify(ctx context.Context, in actions.Input) (pointsman.Evidence, error) {
	ev, err := a.Check(ctx, in)
	ev.Holds = err == nil && (ev.Already || len(pointsman.Refusals(ev.Facts)) == 0)
	return ev, err
}

// wish joins what the plan fixed with what the step names.
func wish(in actions.Input, candidate string) Wish {
	w := Wish{Candidate: candidate, Old: in.Pins["old_primary"], Bounds: in.Bounds}
	if w.Candidate == "" {
		w.Candidate = in.Pins["candidate"]
	}
	return w
}
