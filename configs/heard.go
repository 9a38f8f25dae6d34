package configs

import (
	"slices"
	"strings"
)

// heard checks that somebody hears of what happens. A section slack that only lacks the word that turns it on would be
// noticed on the first night, by silence.
func (c *checker) heard() {
	if c.cfg.Slack.Enabled {
		return
	}
	var said []string
	for path := range c.cfg.origin {
		if key, ok := strings.CutPrefix(path, "slack."); ok && key != "enabled" && !strings.ContainsAny(key, ".[") {
			said = append(said, key)
		}
	}
	slices.Sort(said)
	if _, explicit := c.cfg.origin["slack.enabled"]; len(said) > 0 && !explicit {
		c.fault("slack", "%s is set, and Slack is off, because enabled is not; write enabled: true, or enabled: false to leave it off", said[0])
		return
	}
	if !c.cfg.PagerDuty.Enabled() {
		c.warn("slack", "Slack is off and no PagerDuty service is configured, so nobody is told of anything; whoever wants to know has to ask the command line")
	}
}
