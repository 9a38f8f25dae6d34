package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// Recognised are the people whom a door of the running server recognises: an account that no door asks for decides nothing.
func (c *Config) Recognised(running *Config) []pointsman.Person {
	var out []pointsman.Person
	for _, p := range c.People {
		if running.shut(p) == "" {
			out = append(out, p.noun())
		}
	}
	return out
}

// shut says why no door recognises the person; empty where one does.
func (c *Config) shut(p Person) string {
	if p.Token != "" || p.TokenFile != "" {
		return "" // the port is always open
	}
	var why []string
	switch {
	case p.Slack == "":
	case c.Slack.Enabled:
		return ""
	default:
		why = append(why, "Slack is off")
	}
	switch {
	case p.UnixUID == nil:
	case c.Web.Socket != "":
		return ""
	default:
		why = append(why, "web.socket is empty")
	}
	if len(why) == 0 {
		return "there is no account (slack, unix_uid, token_file)"
	}
	return strings.Join(why, " and ")
}

// doors warns of people whom no door recognises, whatever roles they have.
func (c *checker) doors() {
	for i, p := range c.cfg.People {
		if why := c.cfg.shut(p); why != "" {
			c.warn(fmt.Sprintf("people[%d]", i), "%s cannot be recognised and decides nothing: %s; add an account of another kind, or open that door", p.ID, why)
		}
	}
}

// nobody begins the sentence about a role that nobody fills who can be recognised.
func (c *checker) nobody(role string) string {
	var names []string
	for _, p := range c.cfg.People {
		if slices.Contains(p.Roles, role) {
			names = append(names, fmt.Sprintf("%s has it, but %s", p.ID, c.cfg.shut(p)))
		}
	}
	if len(names) == 0 {
		return "nobody has the role " + role
	}
	return fmt.Sprintf("nobody who can be recognised has the role %s (%s)", role, strings.Join(names, "; "))
}

// unheard ends the sentence about too few people with those who have a role that is asked for, and whom no door recognises.
func (c *checker) unheard(policy pointsman.Policy) string {
	var names []string
	for _, p := range c.cfg.People {
		asked := slices.ContainsFunc(policy.Require, func(r pointsman.Requirement) bool { return slices.Contains(p.Roles, r.Role) })
		if why := c.cfg.shut(p); asked && why != "" {
			names = append(names, p.ID+": "+why)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (not counted, because no door recognises them: " + strings.Join(names, "; ") + ")"
}
