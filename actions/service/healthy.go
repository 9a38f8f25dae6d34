package service

import (
	"context"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

var (
	_ actions.Prober = check{}
	_ actions.Aimed  = run{}
)

// Probes implements actions.Prober.
func (check) Probes() string { return "service" }

// Healthy implements actions.Prober: it asks all health addresses once.
func (k check) Healthy(ctx context.Context, name string) (bool, string, error) {
	t, err := k.pickHealthy(wanted{service: name}, actions.Input{})
	if err != nil {
		return false, "", err
	}
	facts, well := k.doctor.round(ctx, t)
	for _, f := range facts {
		if f.Result != pointsman.Pass {
			return false, f.Sentence(), nil
		}
	}
	return well, "", nil
}

// Needs implements actions.Frugal: it only looks.
func (check) Needs() (target, lock bool) { return false, false }

// Beside implements actions.Together.
func (k check) Beside(in actions.Input) (pointsman.Target, error) {
	w, err := k.args(in)
	if err != nil || k.open(w.service, in) {
		return pointsman.Target{Kind: "service", Name: w.service}, err
	}
	t, err := k.pick(w.service, in)
	return pointsman.Target{Kind: "service", Name: t.Name}, err
}

// Beside implements actions.Together.
func (k run) Beside(in actions.Input) (pointsman.Target, error) {
	var a runArgs
	if err := in.Args(&a); err != nil || k.open(a.Service, in) {
		return pointsman.Target{Kind: "service", Name: a.Service}, err
	}
	return k.Aims(in)
}

// Aims implements actions.Aimed.
func (k run) Aims(in actions.Input) (pointsman.Target, error) {
	var a runArgs
	if err := in.Args(&a); err != nil {
		return pointsman.Target{}, err
	}
	t, err := k.pick(a.Service, in)
	return pointsman.Target{Kind: "service", Name: t.Name}, err
}
