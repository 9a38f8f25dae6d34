package postgres

import (
	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

var (
	_ actions.Aimed = Fencing{}
	_ actions.Aimed = Promote{}
	_ actions.Aimed = Repoint{}
	_ actions.Aimed = Rejoin{}
	_ actions.Aimed = Terminate{}

	_ actions.Together = Lag{}
)

// Beside implements actions.Together.
func (a Lag) Beside(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}

// Aims implements actions.Aimed.
func (a Fencing) Aims(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}

// Aims implements actions.Aimed.
func (a Promote) Aims(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}

// Aims implements actions.Aimed.
func (a Repoint) Aims(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}

// Aims implements actions.Aimed.
func (a Rejoin) Aims(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}

// Aims implements actions.Aimed.
func (a Terminate) Aims(in actions.Input) (pointsman.Target, error) {
	args, err := a.args(in)
	return pointsman.Target{Kind: "postgres", Name: args.Cluster}, err
}
