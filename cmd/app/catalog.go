package app

import (
	"cmp"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/configs"
)

// snapshot is one configuration in force, compiled. It does not change; a reload puts another one in its place, and
// what is under way keeps the plan it was approved with.
type snapshot struct {
	cfg    *configs.Config
	router *alerts.Router
	people *configs.Directory
}

func compile(cfg *configs.Config) (*snapshot, []pointsman.Fault, error) {
	router, faults := alerts.NewRouter(cfg.Route, cfg.AlertTargets(), cfg.Runbooks)
	people, err := cfg.Directory()
	if err != nil {
		return nil, cfg.Locate(faults...), err
	}
	return &snapshot{cfg: cfg, router: router, people: people}, cfg.Locate(faults...), nil
}

// Catalog answers what the rooms ask about the configuration in force.
type Catalog struct {
	now     atomic.Pointer[snapshot]
	started *configs.Config // whose doors are open and whose services are paged: a reload leaves both alone
}

// newCatalog is the catalog of a program that starts with the configuration.
func newCatalog(snap *snapshot) *Catalog {
	c := &Catalog{started: snap.cfg}
	c.now.Store(snap)
	return c
}

// Runbook finds a runbook by name.
func (c *Catalog) Runbook(name string) (pointsman.Runbook, bool) {
	return c.now.Load().cfg.Runbook(name)
}

// Runbooks lists all runbooks by name.
func (c *Catalog) Runbooks() []pointsman.Runbook {
	out := append([]pointsman.Runbook(nil), c.now.Load().cfg.Runbooks...)
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// People lists everybody who is configured.
func (c *Catalog) People() []pointsman.Person { return c.now.Load().people.People() }

// recognised is the catalog for those who ask who could approve: of the people only those whom a door that is open recognises.
type recognised struct{ *Catalog }

func (r recognised) People() []pointsman.Person { return r.now.Load().cfg.Recognised(r.started) }

// Accounts implements bot.Crew: the same people, with what Slack knows them by.
func (r recognised) Accounts() []bot.Account {
	cfg := r.now.Load().cfg
	slack := map[string]string{}
	for _, p := range cfg.People {
		slack[p.ID] = p.Slack
	}
	var out []bot.Account
	for _, p := range cfg.Recognised(r.started) {
		out = append(out, bot.Account{Person: p, Slack: slack[p.ID]})
	}
	return out
}

// Digest is the digest of the configuration in force.
func (c *Catalog) Digest() string { return c.now.Load().cfg.Digest }

// BySlack finds the person who owns a Slack account.
func (c *Catalog) BySlack(team, user string) (pointsman.Person, bool) {
	return c.now.Load().people.BySlack(team, user)
}

// ByToken finds the person to whom a personal token belongs.
func (c *Catalog) ByToken(token string) (pointsman.Person, bool) {
	return c.now.Load().people.ByToken(token)
}

// ByUID finds the person whose uid on this machine it is.
func (c *Catalog) ByUID(uid uint32) (pointsman.Person, bool) { return c.now.Load().people.ByUID(uid) }

// Explain says in text what an alert with these labels would lead to.
func (c *Catalog) Explain(labels map[string]string) string {
	text := c.now.Load().router.Explain(labels).String()
	if strings.Contains(text, "\npage ") && len(c.started.PagerDuty.Services) == 0 {
		text += "\nnobody would be paged: no PagerDuty service is configured\n"
	}
	return text
}

// Drills reports whether exercises may change the target with the key.
func (c *Catalog) Drills(key string) bool { return c.now.Load().cfg.Drills(key) }

// Offer resolves a runbook and what a person typed after it: "orders", "cluster=orders". A word without "=" is the
// value of the runbook's target, and "mode=drill" says what the run is for.
func (c *Catalog) Offer(runbook string, args []string) (pointsman.Offer, error) {
	now := c.now.Load() // once: a reload in between must not mix the modes of one configuration with the targets of the other
	rb, ok := now.cfg.Runbook(runbook)
	if !ok {
		return pointsman.Offer{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no runbook %q; known are %s", runbook, c.names())
	}
	values := map[string]string{}
	for _, a := range args {
		name, value, pair := strings.Cut(a, "=")
		if !pair {
			name, value = rb.Target, a
		}
		if name == "" {
			return pointsman.Offer{}, pointsman.Errorf(pointsman.CodeInvalid, "%s takes no target, so %q means nothing to it", runbook, a)
		}
		if old, twice := values[name]; twice {
			return pointsman.Offer{}, pointsman.Errorf(pointsman.CodeInvalid, "%s is given twice: %q and %q", name, old, value)
		}
		values[name] = value
	}
	mode, err := rb.ModeOf(pointsman.Mode(values["mode"]))
	if err != nil {
		return pointsman.Offer{}, err
	}
	delete(values, "mode")
	offer, err := now.router.Offer(runbook, values)
	if err == nil && mode == pointsman.ModeDrill && !now.cfg.Drills(offer.Target.Key()) {
		err = pointsman.Errorf(pointsman.CodeInvalid, "no drill may run on %s: its configuration does not say drills: true", cmp.Or(offer.Target.Key(), "a run without a target"))
	}
	offer.Mode = mode
	return offer, err
}

// onCluster is the offer of a runbook for a cluster, and whom it pages; empty where there is no such runbook. The error says
// why one that is there cannot be offered: an alarm that offers nothing must not do so silently.
func (c *Catalog) onCluster(runbook, cluster string) (pointsman.Offer, pointsman.Escalation, error) {
	rb, ok := c.Runbook(runbook)
	if !ok {
		return pointsman.Offer{}, pointsman.Escalation{}, nil
	}
	offer, err := c.Offer(runbook, []string{cluster})
	if err != nil {
		return pointsman.Offer{}, rb.Escalation, err
	}
	return offer, rb.Escalation, nil
}

func (c *Catalog) names() string {
	var out []string
	for _, rb := range c.Runbooks() {
		out = append(out, rb.Name)
	}
	return strings.Join(out, ", ")
}
