package configs

import (
	"fmt"
	"slices"

	"github.com/pointsman/pointsman"
)

// owners warns of manual steps that belong to nobody who is configured: whoever may steer the run can still say done,
// but the one who is told at night that it is late does not exist.
func (c *checker) owners() {
	var known []string
	for _, p := range c.cfg.People {
		known = append(append(known, p.ID), p.Roles...)
	}
	for _, rb := range c.cfg.Runbooks {
		if c.told[rb.File] || !c.usable(rb) || len(known) == 0 {
			continue
		}
		for i, s := range rb.Steps {
			owner, _ := s.With["owner"].(string)
			if s.Kind != "manual.task" || owner == "" || slices.Contains(known, owner) {
				continue
			}
			c.warnings = append(c.warnings, pointsman.Fault{
				File: rb.File, Line: s.Line, Path: rb.PathOf(i) + ".with.owner",
				Text: fmt.Sprintf("%s is neither a person nor a role of the configuration, so nobody is told when step %s is late%s", owner, s.Name, maybe(owner, known)),
			})
		}
	}
}
