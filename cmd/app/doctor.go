package app

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/configs"
)

// Doctor looks whether everything that a night would need is there: store, signing key, chat, pager, every target with
// its rights and clocks, and that none of them depends on a target. It changes nothing, and may run beside a server.
func Doctor(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	out := append(cfg.Storage.Examine(ctx), examineKey(ctx, cfg))
	out = append(out, examineEnd(ctx, cfg)...)
	out = append(out, examineWeb(ctx, cfg)...)
	if cfg.Slack.Enabled {
		out = append(out, examineSlack(ctx, cfg)...)
	} else {
		out = append(out, warnFact("slack", "Slack is off, so no card is posted, and decisions come by the command line alone", "set slack.enabled: true, if that is not meant"))
	}
	if cfg.PagerDuty.Enabled() {
		out = append(out, cfg.PagerDuty.Examine(ctx)...)
	}
	clusters := postgres.New(cfg.Targets.Postgres, nil)
	out = append(out, clusters.Examine(ctx, kindsUsed(cfg))...)
	out = append(out, patroni.New(cfg.Targets.Patroni).Examine(ctx)...)
	out = append(out, cfg.Targets.KillSwitch.Examine(ctx)...)
	out = append(out, cfg.Targets.Service.Examine(ctx)...)
	out = append(out, cfg.Targets.Endpoint.Examine(ctx)...)
	out = append(out, examinePrograms(cfg)...)
	return append(append(out, Entanglements(ctx, cfg)...), sameDatabase(ctx, cfg, clusters)...)
}

// kindsUsed names a runbook for each kind that one uses.
func kindsUsed(cfg *configs.Config) map[string]string {
	out := map[string]string{}
	for _, rb := range cfg.Runbooks {
		for _, s := range rb.Steps {
			if out[s.Kind] == "" {
				out[s.Kind] = rb.Name
			}
		}
	}
	return out
}

func problemFact(name, text, clears string) pointsman.Fact {
	return pointsman.Fact{Kind: pointsman.Hard, Name: name, Value: "not ready", Result: pointsman.Fail, Text: text, Clears: clears, At: time.Now()}
}

func readyFact(name, text string) pointsman.Fact {
	return pointsman.Fact{Kind: pointsman.Hard, Name: name, Value: "ready", Result: pointsman.Pass, Text: text, At: time.Now()}
}

// examineEnd holds the database against what this host has acknowledged, as a start does.
func examineEnd(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	storage := cfg.Storage
	of := announcedBeside(cfg.Audit.KeyFile, nil)
	var err error
	if storage.Known, err = of.read(); errors.Is(err, syscall.ENOTDIR) {
		return nil // the line of the key says it
	} else if err != nil {
		return []pointsman.Fact{problemFact("end of the log", err.Error(), "the server does not start before it is removed or restored")}
	}
	return storage.ExamineEnd(ctx)
}

func examineSlack(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	b, err := bot.New(cfg.Slack, bot.Deps{})
	if err != nil {
		return []pointsman.Fact{problemFact("slack", err.Error(), "docs/setup-slack.md")}
	}
	return b.Examine(ctx)
}

// warnOfEntanglements says at each start, in the log of the server and in the record, what must not be as it is.
func (a *App) warnOfEntanglements(ctx context.Context) error {
	var events []pointsman.Event
	for _, f := range Entanglements(ctx, a.cfg) {
		a.log.Warn("pointsman depends on what it repairs", "guard", f.Guard, "err", f.Text, "clears", f.Clears)
		events = append(events, pointsman.Event{
			Type: pointsman.EvServerState, Actor: pointsman.Actor{Door: pointsman.DoorEngine, Ref: ownerName()}, Text: "guard G25: " + f.Text,
		})
	}
	return a.store.Note(ctx, events...)
}
