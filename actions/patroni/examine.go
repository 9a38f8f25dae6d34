package patroni

import (
	"context"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres/dsn"
)

// Examine looks, before anything burns, whether every configured cluster could be judged: its members answer, are the ones
// that are meant, and agree. Whether the password is right cannot be told without changing something. It changes nothing.
func (c *Clusters) Examine(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	for _, name := range c.order {
		cluster := c.byName[name]
		s, err := cluster.look(ctx)
		if err != nil {
			out = append(out, pointsman.Fact{
				Kind: pointsman.Hard, Name: "patroni/" + name + " certificates", Value: "no", Result: pointsman.Fail, Text: err.Error(),
				Clears: "correct ca_file, cert_file and key_file", Source: "configuration", At: time.Now(),
			})
			continue
		}
		facts := []pointsman.Fact{s.identity(wish{}), s.quorum(len(cluster.Members))}
		leader := s.agreement()
		if leader.Result == pointsman.Pass && s.leader().Name == "" {
			leader.Result, leader.Text, leader.Clears = pointsman.Fail, "nobody leads, as far as the members tell", "start the runbook patroni-failover, or make the members reach their DCS"
		}
		facts = append(facts, leader)
		if !cluster.Clients.empty() {
			facts = append(append(facts, cluster.reachable(ctx, s.systemID())), cluster.Clients.nextHost(ctx)...)
		}
		for _, f := range facts {
			f.Name = "patroni/" + name + " " + f.Name
			if f.Text == "" {
				f.Text = f.Value
			}
			out = append(out, f)
		}
	}
	return out
}

// nextHost warns of an address whose clients would stay with a leader that hangs: it takes the connection and never answers, and only a
// connect_timeout leads on to the next one.
func (c Clients) nextHost(ctx context.Context) []pointsman.Fact {
	cfg, err := c.config()
	if err != nil {
		return nil // told already
	}
	why := dsn.Lingers(ctx, cfg)
	if why == "" {
		return nil
	}
	return []pointsman.Fact{{
		Kind: pointsman.Warn, Name: "clients' address goes on to the next host", Value: "no", Result: pointsman.Fail, Source: "clients", At: time.Now(),
		Text:   why + ": where the first one hangs, nobody comes to the next, and no move of the leadership is proven",
		Clears: "add connect_timeout=2 to it, and to what the applications connect with",
	}}
}

// Addresses lists host:port of every member's REST API and of the clients' address, by the target's key, for whoever must
// know what lives there.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, cluster := range c {
		key := pointsman.Target{Kind: "patroni", Name: cluster.Name}.Key()
		for _, m := range cluster.Members {
			if addr := actions.HostPort(m.URL); addr != "" {
				out[key] = append(out[key], addr)
			}
		}
		if cfg, err := cluster.Clients.config(); err == nil {
			out[key] = append(out[key], dsn.Hosts(cfg)...)
		}
	}
	return out
}
