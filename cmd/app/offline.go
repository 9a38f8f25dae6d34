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

// NotAsked says what a dry run without a server cannot know, and who does.
const NotAsked = "not asked: locks, freezes, runs at work, cool-downs and earlier samples of the primary, which the running server alone knows; with --running it is asked"

// blank are the records of nobody: windows, drills and the blast radius are judged from the configuration alone.
type blank struct{}

func (blank) Held(context.Context) (pointsman.Held, error) { return pointsman.Held{}, nil }

// Plan is the dry run of a runbook without a server: it resolves it, runs every check and judges windows, drills and blast
// radius as the configuration says. It reads only and stores nothing. See NotAsked for what it leaves out.
func Plan(ctx context.Context, cfg *configs.Config, runbook string, args []string) (pointsman.Proposal, error) {
	snap, faults, err := compile(cfg)
	if err := joinAll(err, faults); err != nil {
		return pointsman.Proposal{}, err
	}
	catalog := newCatalog(snap)
	args, _ = pointsman.InIncident(args)
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
	by := pointsman.Actor{Person: pointsman.Person{ID: "dry-run", Name: "dry run"}, Door: pointsman.DoorCLI}
	p, ans, err := dryRun{resolver, blank{}, time.Now}.Plan(ctx, offer, by)
	if err == nil && !ans.OK() {
		err = fmt.Errorf("%s", ans.Text)
	}
	return p.Proposal, err
}
