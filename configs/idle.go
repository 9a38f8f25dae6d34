package configs

import "fmt"

// idle warns of services with which nothing can be done. One may be configured only to be locked or to select a
// runbook of manual tasks, so it is no fault; mostly its addresses and commands were forgotten.
func (c *checker) idle() {
	for i, t := range c.cfg.Targets.Service {
		if len(t.Health) == 0 && len(t.Commands) == 0 {
			c.warn(fmt.Sprintf("targets.service[%d]", i), "%s has neither health nor commands, so runbooks can neither look at it nor restart it; add health: [{url: http://...}] or commands: {restart: [...]}", t.Name)
		}
	}
}
