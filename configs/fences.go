package configs

import (
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/postgres"
)

// fences warns of fence steps that end before their ladder does: behind a hook that hangs the next one would never run, and
// the run would park at night with the old primary as it was.
func (c *checker) fences() {
	for _, rb := range c.cfg.Runbooks {
		for i, s := range rb.Steps {
			if s.Kind != "postgres.fence" || s.Timeout <= 0 || c.told[rb.File] {
				continue
			}
			for n, cluster := range c.cfg.Targets.Postgres {
				if text := tooShort(s, cluster, fmt.Sprintf("targets.postgres[%d]", n)); text != "" {
					c.warnings = append(c.warnings, pointsman.Fault{File: rb.File, Line: s.Line, Path: rb.PathOf(i) + ".timeout", Text: text})
				}
			}
		}
	}
}

// tooShort says by how much the step is, for a cluster that it names or may be pointed to.
func tooShort(s pointsman.RunbookStep, cluster postgres.Cluster, at string) string {
	if name, _ := s.With["cluster"].(string); name != cluster.Name && !strings.Contains(name, "${") {
		return ""
	}
	var modes []string
	list, _ := s.With["modes"].([]any)
	for _, m := range list {
		modes = append(modes, fmt.Sprint(m))
	}
	most, rungs := cluster.FenceTime(modes)
	if most <= s.Timeout {
		return ""
	}
	limit := cluster.WithDefaults().Fence.Timeout
	return fmt.Sprintf("the step has %s, and the rungs %s of %s may take %s, each hook %s; give the step %s or more, or lower %s.fence.timeout",
		s.Timeout, strings.Join(rungs, ", "), cluster.Name, most, limit, most, at)
}
