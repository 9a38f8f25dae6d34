package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/builtin"
	"github.com/pointsman/pointsman/alerts"
	"github.com/pointsman/pointsman/configs"
)

// Check holds the whole configuration against what this version knows, without opening or reaching anything.
func Check(cfg *configs.Config) error {
	_, faults, err := compile(cfg)
	kinds, unmade := kindsOf(cfg)
	if unmade == nil {
		faults = append(faults, lintWith(kinds, cfg.Runbooks)...)
	}
	return errors.Join(err, unmade, configs.Joined(faults)) // all of it: what is told one by one costs a night each
}

func joinAll(err error, faults []pointsman.Fault) error {
	if err != nil {
		return err
	}
	return configs.Joined(faults)
}

// LintRunbooks checks what needs no configuration: matchers, parameters, kinds and their arguments, but not whether there
// is a target of the name that a step gives.
func LintRunbooks(books []pointsman.Runbook) []pointsman.Fault {
	return lintWith(builtin.Unconfigured().Kinds(), books)
}

func lintWith(kinds []actions.Action, books []pointsman.Runbook) []pointsman.Fault {
	var faults []pointsman.Fault
	registry, err := actions.NewRegistry(nil, kinds...)
	if err != nil {
		return []pointsman.Fault{{Text: err.Error()}}
	}
	for _, rb := range books {
		faults = append(append(faults, alerts.Check(rb)...), registry.Check(rb)...)
	}
	return faults
}

// Explain says in text what an alert with these labels would lead to under the configuration.
func Explain(cfg *configs.Config, labels map[string]string) (string, error) {
	snap, faults, err := compile(cfg)
	if err := joinAll(err, faults); err != nil {
		return "", err
	}
	return newCatalog(snap).Explain(labels), nil
}

// NotAsked says what a dry run cannot know: it lies in the store of the running server.
const NotAsked = "not asked: locks, freezes, runs at work and cool-downs, which the running server alone knows; pointsman locks shows them"

// blank are the records of nobody: windows, drills and the blast radius are judged from the configuration alone.
type blank struct{}

func (blank) Held(context.Context) (pointsman.Held, error) { return pointsman.Held{}, nil }

// Plan is the dry run of a runbook: it resolves it, runs every check and judges windows, drills and blast radius as the
// configuration says. It reads only and stores nothing. See NotAsked for what it leaves out.
func Plan(ctx context.Context, cfg *configs.Config, runbook string, args []string) (pointsman.Proposal, error) {
	snap, faults, err := compile(cfg)
	if err := joinAll(err, faults); err != nil {
		return pointsman.Proposal{}, err
	}
	catalog := newCatalog(snap)
	offer, err := catalog.Offer(runbook, args)
	if err != nil {
		return pointsman.Proposal{}, err
	}
	kinds, err := kindsOf(cfg)
	if err != nil {
		return pointsman.Proposal{}, err
	}
	registry, err := actions.NewRegistry(nil, kinds...)
	if err != nil {
		return pointsman.Proposal{}, err
	}
	log := slog.New(slog.DiscardHandler)
	warden := &actions.Warden{Records: blank{}, Guards: catalog.Guards, Drills: catalog.Drills, Kinds: registry, CheckTimeout: cfg.Timings.CheckTimeout}
	resolver := &actions.Resolver{Kinds: registry, Catalog: recognised{catalog}, CheckTimeout: cfg.Timings.CheckTimeout, Warden: warden, Log: log}
	cmd := pointsman.Request{Offer: offer, By: pointsman.Actor{Person: pointsman.Person{ID: "dry-run", Name: "dry run"}, Door: pointsman.DoorCLI}}
	st, _, ans := pointsman.Decide(pointsman.State{Incident: pointsman.Incident{ID: "DRY-RUN"}}, cmd, time.Now())
	if !ans.OK() {
		return pointsman.Proposal{}, fmt.Errorf("%s", ans.Text)
	}
	found := resolver.Resolve(ctx, st.Proposals[0], actions.Propose)
	st, _, _ = pointsman.Decide(st, pointsman.Ready{
		Proposal: st.Proposals[0].ID, Generation: 1, Plan: found.Plan, Facts: found.Facts,
		Already: found.Already, Problem: found.Problem, Eligible: found.Eligible,
	}, time.Now())
	return st.Proposals[0], nil
}
