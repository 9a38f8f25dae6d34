package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/builtin"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/configs"
)

// Doctor looks whether everything that a night would need is there: store, signing key, chat, pager, every target with
// its rights and clocks, and that none of them depends on a target. It changes nothing, and may run beside a server.
func Doctor(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	out := cfg.Storage.Examine(ctx)
	out = append(out, examineKey(cfg.Audit.KeyFile))
	if cfg.Slack.Enabled {
		out = append(out, examineSlack(ctx, cfg)...)
	}
	if cfg.PagerDuty.Enabled() {
		out = append(out, examinePager(ctx, hostPort(cfg.PagerDuty.EventsURL, "https://events.pagerduty.com")))
	}
	built, err := builtin.New(builtin.Config{Postgres: cfg.Targets.Postgres, KillSwitch: cfg.Targets.KillSwitch, Service: cfg.Targets.Service, Endpoint: cfg.Targets.Endpoint, Patroni: cfg.Targets.Patroni}, nil)
	if err != nil {
		return append(out, problemFact("targets", err.Error(), "pointsman check-config says more"))
	}
	out = append(out, built.Clusters.Examine(ctx, kindsUsed(cfg))...)
	out = append(out, built.Patroni.Examine(ctx)...)
	out = append(out, cfg.Targets.KillSwitch.Examine(ctx)...)
	out = append(out, examinePrograms(cfg)...)
	return append(out, Entanglements(ctx, cfg)...)
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

// examineKey does not make a key: the server does at its first start.
func examineKey(file string) pointsman.Fact {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return readyFact("audit key", "the key "+file+" will be made at the first start")
	}
	if err != nil {
		return problemFact("audit key", err.Error(), "set audit.key_file to a file of the server's user")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return problemFact("audit key", fmt.Sprintf("%s can be read by others (%v), who could then sign a rewritten log", file, info.Mode().Perm()), "chmod 600 "+file)
	}
	if _, err := LoadKey(file); err != nil {
		return problemFact("audit key", err.Error(), "restore the file from the backup")
	}
	return readyFact("audit key", "the log is signed with "+file)
}

func examineSlack(ctx context.Context, cfg *configs.Config) []pointsman.Fact {
	b, err := bot.New(cfg.Slack, bot.Deps{})
	if err != nil {
		return []pointsman.Fact{problemFact("slack", err.Error(), "docs/setup-slack.md")}
	}
	return b.Examine(ctx)
}

// examinePager only looks whether the address answers: a page cannot be tried without waking somebody.
func examinePager(ctx context.Context, addr string) pointsman.Fact {
	d := net.Dialer{Timeout: 3 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return problemFact("pager", "PagerDuty cannot be reached: "+err.Error(), "open "+addr+" in the firewall, or set pagerduty.events_url")
	}
	return errFact(conn.Close(), readyFact("pager", "PagerDuty answers at "+addr+"; whether the keys are right only a page can tell"))
}

func errFact(err error, f pointsman.Fact) pointsman.Fact {
	if err != nil {
		return problemFact(f.Name, err.Error(), "")
	}
	return f
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
