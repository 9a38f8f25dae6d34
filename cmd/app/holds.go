package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// holds carries out lock, unlock, freeze and unfreeze for every door: it finds the target that a person typed and says
// who may.
type holds struct {
	store interface {
		Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
		Held(ctx context.Context) (pointsman.Held, error)
	}
	catalog *Catalog
}

// Held returns what people and runs hold.
func (h holds) Held(ctx context.Context) (pointsman.Held, error) { return h.store.Held(ctx) }

// Protect gives the command for the target as it was typed, "postgres/orders" or "orders"; empty for everything.
func (h holds) Protect(ctx context.Context, target string, c pointsman.Protect) (pointsman.Answer, error) {
	g := h.catalog.Guards()
	c.Roles = g.Freeze.Roles
	if c.Verb == pointsman.Lockout || c.Verb == pointsman.Unlock {
		c.Roles = g.Lock.Roles
		t, why := h.catalog.target(target)
		if why != "" {
			return pointsman.Answer{Code: pointsman.CodeNotFound, Text: why}, nil
		}
		c.Target = t
	}
	res, err := h.store.Do(ctx, c)
	return res.Answer, err
}

// Guards are the guards as configured now.
func (c *Catalog) Guards() actions.Guards { return c.now.Load().cfg.Guards }

// target finds the configured target with the key or, where only one has it, the name.
func (c *Catalog) target(text string) (pointsman.Target, string) {
	var found, all []string
	var t pointsman.Target
	for _, one := range c.now.Load().cfg.AlertTargets() {
		all = append(all, one.Key())
		if one.Key() == text || one.Name == text {
			found, t = append(found, one.Key()), one.Target
		}
	}
	switch len(found) {
	case 1:
		return t, ""
	case 0:
		return t, fmt.Sprintf("there is no target %q; configured are %s", text, cmp.Or(strings.Join(all, ", "), "none"))
	}
	return t, fmt.Sprintf("%q could be %s; name one of them", text, strings.Join(found, " or "))
}
