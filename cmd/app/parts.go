package app

import (
	"cmp"
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/builtin"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/cmd/api"
	"github.com/pointsman/pointsman/comms"
	"github.com/pointsman/pointsman/comms/pagerduty"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
)

// parts are the rooms that depend on what is configured: kinds with their targets, ways out, doors.
type parts struct {
	kinds    []actions.Action
	ways     []comms.Way
	loops    []func(context.Context) error
	switches *switches
	bot      *bot.Bot // nil without Slack
}

func newParts(cfg *configs.Config, a *App) (parts, error) {
	var p parts
	built, err := builtin.New(builtin.Config{
		Postgres: cfg.Targets.Postgres, KillSwitch: cfg.Targets.KillSwitch, Service: cfg.Targets.Service,
		Endpoint: cfg.Targets.Endpoint, Patroni: cfg.Targets.Patroni, Clock: a.store.Now,
	}, a.log.With("room", "actions"))
	if err != nil {
		return p, err
	}
	if err := built.Clusters.Keep(filepath.Join(filepath.Dir(cfg.Audit.KeyFile), "samples.json")); err != nil {
		a.log.Warn("what was known of the primaries is lost with the restart", "err", err)
	}
	p.kinds, p.loops = built.Kinds(), built.Loops(a.store, func(runbook, cluster string) (pointsman.Offer, pointsman.Escalation) {
		offer, pages, err := a.catalog.onCluster(runbook, cluster)
		if err != nil {
			a.log.Error("an alarm offers nothing", "runbook", runbook, "err", err)
		}
		return offer, pages
	})
	if cfg.Storage.Driver == "postgres" && len(cfg.Targets.Postgres) > 0 {
		p.loops = append(p.loops, shareSamples(a, postgres.Sharer{Clusters: built.Clusters, Shelf: a.store}))
	}
	built.Switches.OnChange = a.switchChanged
	p.switches = &switches{
		store: a.store, offer: a.catalog.Offer, runbook: a.catalog.Runbook, status: func() []api.SwitchStatus { return statuses(built) },
		look: func(ctx context.Context, name string) (api.SwitchStatus, error) {
			st, err := built.Switches.Look(ctx, name)
			return status(st), err
		},
		bound: a.store, wait: doorWait, log: a.log.With("room", "switches"),
	}
	if len(cfg.Targets.KillSwitch) > 0 {
		p.loops = append(p.loops, orders{store: a.store, now: a.store.Now, warn: a.log.With("room", "switches").Warn}.watch)
	}
	if cfg.Slack.Enabled {
		if p.bot, err = newBot(cfg, a, p.switches); err != nil {
			return p, err
		}
		p.ways = append(p.ways, p.bot.Sender)
		if cfg.Slack.Mode != bot.ModeHTTP {
			p.loops = append(p.loops, p.bot.Listen)
		}
		away := &slackAway{rows: a.store, desk: a.store, now: a.store.Now, after: cmp.Or(cfg.Slack.AwayAfter, time.Minute), service: cfg.PagerDuty.DefaultService, log: a.log.With("room", "bot")}
		p.loops = append(p.loops, away.run)
	}
	if cfg.PagerDuty.Enabled() {
		where, err := site(cfg.Web.ExternalURL, a.store)
		if err != nil {
			return p, err
		}
		pager, err := pagerduty.New(cfg.PagerDuty, where, link(cfg.Slack), a.store.Now, nil)
		if err != nil {
			return p, err
		}
		p.ways = append(p.ways, pager)
	}
	return p, nil
}

// shareSamples learns from the other replicas before anything is judged, and returns the loop that goes on with it.
func shareSamples(a *App, s postgres.Sharer) func(context.Context) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Fetch(ctx); err != nil {
		a.log.Warn("what other replicas knew of the primaries is not known here yet", "err", err)
	}
	return s.Run
}

func newBot(cfg *configs.Config, a *App, s *switches) (*bot.Bot, error) {
	return bot.New(cfg.Slack, bot.Deps{
		Store: electorate{a.store, a.catalog}, Read: a.store, Pages: pagesOf(cfg, a.store), Notes: a.store, People: a.catalog, Crew: recognised{a.catalog}, Desk: a.catalog, Switches: forBot{s}, Holds: holds{a.store, a.catalog}, Now: a.store.Now,
		Log: a.log.With("room", "bot"), Metrics: a.reg,
	})
}

// pagesOf is nil where nobody can be paged.
func pagesOf(cfg *configs.Config, s *store.Store) bot.Pages {
	if !cfg.PagerDuty.Enabled() {
		return nil
	}
	return paging{s}
}

// paging asks for the pages that go to PagerDuty.
type paging struct{ *store.Store }

// Paging implements bot.Pages.
func (p paging) Paging(ctx context.Context, incident string) (pointsman.Paging, error) {
	return p.Store.Paging(ctx, pagerduty.Name, incident)
}

// forBot gives the kill switches in the bot's own words.
type forBot struct{ *switches }

// Status implements bot.Switches.
func (f forBot) Status(context.Context) ([]bot.Switch, error) {
	var out []bot.Switch
	for _, s := range f.status() {
		out = append(out, bot.Switch(s))
	}
	return out, nil
}

func statuses(b *builtin.List) []api.SwitchStatus {
	var out []api.SwitchStatus
	for _, s := range b.Switches.All() {
		out = append(out, status(s))
	}
	return out
}

func status(s killswitch.Status) api.SwitchStatus {
	return api.SwitchStatus{Name: s.Name, Engaged: s.Engaged(), Stale: s.State == killswitch.Stale, Reason: s.Reason, Text: s.Text()}
}

// site tells installations apart that page the same service: by their address, and where none is configured by the database,
// for staging counts its incidents from INC-1 as production does.
func site(external string, of interface {
	Installation(ctx context.Context) (string, error)
},
) (string, error) {
	if u, err := url.Parse(external); err == nil && u.Host != "" {
		return u.Host, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	id, err := of.Installation(ctx)
	if id == "" {
		return "pointsman", err
	}
	return "pointsman-" + id, err
}

// link leads whoever was woken to the channel in which the card stands; nowhere without Slack, because nothing of ours is
// for browsers. It is made without asking Slack, whose answer a page must not wait for: team and channel are all that
// this form of a link wants (https://api.slack.com/reference/deep-linking).
func link(cfg bot.Config) func(string) string {
	return func(string) string {
		if !cfg.Enabled {
			return ""
		}
		host := "slack.com"
		if u, err := url.Parse(cfg.APIURL); err == nil && strings.HasSuffix("."+u.Hostname(), ".slack-gov.com") {
			host = "slack-gov.com"
		}
		return "https://" + host + "/app_redirect?" + url.Values{"team": {cfg.Team}, "channel": {cfg.Channel}}.Encode()
	}
}

// register mounts Slack's doors, where Slack calls us.
func (p parts) register(e *echo.Echo) {
	if p.bot == nil {
		return
	}
	p.bot.Handler.Register(e)
}

// drain waits for the answers to Slack that are still under way.
func (p parts) drain() {
	if p.bot != nil {
		p.bot.Handler.Drain()
	}
}

// kindsOf makes the kinds of a configuration without the program around them, for dry runs.
func kindsOf(cfg *configs.Config) ([]actions.Action, error) {
	built, err := builtin.New(builtin.Config{Postgres: cfg.Targets.Postgres, KillSwitch: cfg.Targets.KillSwitch, Service: cfg.Targets.Service, Endpoint: cfg.Targets.Endpoint, Patroni: cfg.Targets.Patroni}, nil)
	if err != nil {
		return nil, err
	}
	return built.Kinds(), nil
}

// kindNames are the kinds of steps that this version can carry out.
func kindNames() ([]string, error) {
	registry, err := actions.NewRegistry(nil, builtin.Unconfigured().Kinds()...)
	if err != nil {
		return nil, err
	}
	return registry.Kinds(), nil
}
