package configs

import (
	"fmt"
	"slices"
)

// guards checks the section "guards" against the configured targets and the roles that people have.
func (c *checker) guards() {
	var keys, roles []string
	for _, t := range c.cfg.AlertTargets() {
		keys = append(keys, t.Key())
	}
	for _, p := range c.cfg.People {
		roles = append(roles, p.Roles...)
	}
	c.section("guards", c.cfg.Guards.Validate(keys))
	for at, list := range map[string][]string{"lock": c.cfg.Guards.Lock.Roles, "freeze": c.cfg.Guards.Freeze.Roles} {
		for i, role := range list {
			if !slices.Contains(roles, role) {
				c.warn(fmt.Sprintf("guards.%s.roles[%d]", at, i), "nobody has the role %s%s", role, maybe(role, roles))
			}
		}
	}
}
