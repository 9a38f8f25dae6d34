package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Examine asks every health address once. One that does not answer at all is a fault: nobody could tell by it that a
// restart helped. One that answers that the service is not well deserves a look, for the service may really be ill.
func (c Config) Examine(ctx context.Context) []pointsman.Fact {
	var out []pointsman.Fact
	d := newDoctor()
	for _, t := range c {
		asked, cancel := context.WithTimeout(ctx, 3*time.Second)
		facts, _ := d.round(asked, t)
		cancel()
		for i, f := range facts {
			f.Name, f.Kind = "service/"+t.Name+" health", pointsman.Hard
			if len(facts) > 1 {
				f.Name += fmt.Sprintf("[%d]", i)
			}
			if f.Result == pointsman.Pass {
				f.Text = f.Source + " is well: " + f.Value
			} else if strings.HasPrefix(f.Value, noAnswer) {
				f.Clears = "correct targets.service[].health[].url, or open the way to it"
			} else {
				f.Kind, f.Clears = pointsman.Warn, "look after the service, or correct status and contains"
			}
			facts[i] = f
		}
		out = append(out, facts...)
	}
	return out
}

// Addresses lists host:port of every health address by the target's key.
func (c Config) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, t := range c {
		key := pointsman.Target{Kind: "service", Name: t.Name}.Key()
		for _, h := range t.Health {
			if addr := actions.HostPort(h.URL); addr != "" {
				out[key] = append(out[key], addr)
			}
		}
	}
	return out
}
