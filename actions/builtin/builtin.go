// Package builtin is the one list of action kinds. A kind that is not here does not exist; nothing registers itself.
package builtin

import (
	"context"
	"log/slog"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/endpoint"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/service"
)

// Config are the configured targets of all kinds.
type Config struct {
	Postgres   postgres.Config
	KillSwitch killswitch.Config
	Service    service.Config
	Endpoint   endpoint.Config
	Patroni    patroni.Config

	Clock actions.Clock // the store's; nil is this process's own
}

// List holds what the kinds work on.
type List struct {
	Clusters *postgres.Clusters
	Switches *killswitch.Watcher
	Patroni  *patroni.Clusters
	services []actions.Action
	switched []actions.Action
}

// New makes the list. log may be nil.
func New(cfg Config, log *slog.Logger) (*List, error) {
	switches, err := killswitch.New(cfg.KillSwitch, log)
	if err != nil {
		return nil, err
	}
	services, err := service.Kinds(cfg.Service)
	if err != nil {
		return nil, err
	}
	clusters := postgres.New(cfg.Postgres, log)
	clusters.Clock = cfg.Clock
	return &List{Clusters: clusters, Switches: switches, services: services, switched: endpoint.Kinds(cfg.Endpoint), Patroni: patroni.New(cfg.Patroni)}, nil
}

// Unconfigured is the list where no configuration was read: enough to know the kinds and to look at their arguments.
func Unconfigured() *List {
	return &List{Clusters: postgres.New(nil, nil), Switches: killswitch.Unconfigured(), services: service.Unconfigured(), switched: endpoint.Kinds(nil), Patroni: patroni.New(nil)}
}

// Kinds are all kinds.
func (l *List) Kinds() []actions.Action {
	var out []actions.Action
	out = append(out, l.Clusters.Kinds()...) // postgres.check, fence, promote, verify, lag, checkpoint, terminate; pgbouncer.repoint
	out = append(out, l.Switches.Kinds()...) // killswitch.engage, release, verify
	out = append(out, l.services...)         // http.check, exec.run
	out = append(out, l.switched...)         // endpoint.switch
	out = append(out, l.Patroni.Kinds()...)  // patroni.status, switchover, failover
	return out
}

// Loops keep watch while the program runs: what a healthy primary last wrote, whether there are two, what the kill switches
// say. What the watch over the clusters sees goes to the desk; offer resolves the runbook for it.
func (l *List) Loops(desk postgres.Desk, offer func(runbook, cluster string) (pointsman.Offer, pointsman.Escalation)) []func(context.Context) error {
	return []func(context.Context) error{
		postgres.Sampler{Clusters: l.Clusters}.Run, postgres.Watch{Clusters: l.Clusters, Desk: desk, Offer: offer}.Run, l.Switches.Run,
	}
}
