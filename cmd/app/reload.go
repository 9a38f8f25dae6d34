package app

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// errTargets keeps what a plan would do from changing under a run that is at work.
var errTargets = errors.New("targets changed, which needs a restart")

// ErrUnrecorded is the error of a reload that is in force and not in the log: the own store was away at that moment.
var ErrUnrecorded = errors.New("it is in force, and the record of it could not be written")

// noteWithin bounds the entry about a reload: whoever asked for it may be gone by then.
const noteWithin = 5 * time.Second

// Reload puts another configuration in force for routes, runbooks, guards, people and the webhook's tokens, or keeps the
// old one and says why. It returns the names of the sections that changed too and stay as they were until a restart. After
// ErrUnrecorded the new one is in force, after any other error the old one.
func (a *App) Reload(ctx context.Context, by pointsman.Actor) (waiting []string, err error) {
	waiting, err = a.reload()
	outcome := "reloaded the configuration"
	switch {
	case errors.Is(err, errTargets):
		a.reloaded.Set(0)
		outcome = "kept its configuration: " + err.Error()
	case err != nil:
		a.reloaded.Set(0)
		outcome = "kept its configuration, the offered one has faults: " + firstFault(err)
	default:
		a.reloaded.Set(1)
	}
	if len(waiting) > 0 {
		outcome += "; " + restartFor(waiting)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	noteErr := a.store.Note(ctx, pointsman.Event{Type: pointsman.EvServerState, Actor: by, Text: "the server " + outcome})
	if err == nil && noteErr != nil {
		return waiting, fmt.Errorf("%w: %w", ErrUnrecorded, noteErr)
	}
	return waiting, errors.Join(err, noteErr)
}

// firstFault is what the record says of a configuration with faults: the first one, and how many more there are.
func firstFault(err error) string {
	faults := configs.Faults(err)
	if len(faults) == 0 {
		return strings.SplitN(err.Error(), "\n", 2)[0]
	}
	text := faults[0].Error()
	if more := len(faults) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func (a *App) reload() ([]string, error) {
	a.reloading.Lock() // a signal and a request at once: what was read first must not come into force last
	defer a.reloading.Unlock()
	if a.opts.Load == nil {
		return nil, errors.New("this server was started without a configuration file")
	}
	cfg, err := a.opts.Load()
	if err != nil {
		return nil, err
	}
	if cfg.Digest != a.catalog.now.Load().cfg.Digest {
		return nil, errTargets
	}
	snap, faults, err := compile(cfg)
	if err != nil || len(faults) > 0 {
		return nil, errors.Join(err, configs.Joined(faults))
	}
	if err := errors.Join(configs.Joined(cfg.Within(a.cfg)), lint(cfg, a.planner.Resolver.Kinds)); err != nil {
		return nil, err
	}
	if err := a.webhook.Reload(cfg.Alertmanager, snap.router); err != nil {
		return nil, err
	}
	a.catalog.now.Store(snap)
	return untouched(a.cfg, cfg), nil
}

// untouched are the sections in which the file differs from what the server was started with and that a reload leaves
// alone: what they configure is open, connected or listening.
func untouched(started, offered *configs.Config) []string {
	var out []string
	timings := started.Timings
	timings.UpdateEvery = offered.Timings.UpdateEvery // belongs to the routes, and is in force with them
	for _, s := range []struct {
		name     string
		was, now any
	}{
		{"web", started.Web, offered.Web},
		{"storage", started.Storage, offered.Storage},
		{"slack", started.Slack, offered.Slack},
		{"pagerduty", started.PagerDuty, offered.PagerDuty},
		{"targets", started.Targets, offered.Targets}, // the digest is the same, so only passwords and other inline secrets differ
		{"timings", timings, offered.Timings},
		{"audit", started.Audit, offered.Audit},
		{"log", started.Log, offered.Log},
	} {
		if !reflect.DeepEqual(s.was, s.now) {
			out = append(out, s.name)
		}
	}
	return out
}

// restartFor says it to people.
func restartFor(sections []string) string {
	if len(sections) == 1 {
		return sections[0] + " changed too, which needs a restart"
	}
	return strings.Join(sections[:len(sections)-1], ", ") + " and " + sections[len(sections)-1] + " changed too, which needs a restart"
}
