package configs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

// runbooks reads the folders, or the shipped runbooks where none are named.
func (c *checker) runbooks() {
	var faults []pointsman.Fault
	var there []string
	for i, f := range c.cfg.Folders {
		if _, err := os.Stat(f); err != nil {
			c.fault(fmt.Sprintf("runbooks[%d]", i), "%s: %s", f, reason(err))
			continue
		}
		there = append(there, f)
	}
	if len(c.cfg.Folders) == 0 {
		c.cfg.Runbooks, faults = ShippedRunbooks()
	} else {
		c.cfg.Runbooks, faults = RunbooksOnDisk(there...)
	}
	c.faults = append(c.faults, faults...)
	for _, f := range faults {
		c.told[f.File] = true
	}
	for _, rb := range c.cfg.Runbooks {
		if c.told[rb.File] {
			continue // what could not be read cannot be judged
		}
		c.faults = append(c.faults, alerts.Check(rb)...)
		c.warnings = append(c.warnings, RunbookWarnings(rb, time.Now())...)
	}
}

// people checks who is who: an account that belongs to two people would let one of them decide twice.
func (c *checker) people() {
	ids, slack, uids := map[string]int{}, map[string]int{}, map[string]int{}
	once := func(seen map[string]int, i int, key, path, what string) {
		if first, ok := seen[key]; ok {
			c.fault(path, "%s %s belongs to people[%d] too; one account is one person", what, key, first)
			return
		}
		seen[key] = i
	}
	for i, p := range c.cfg.People {
		at := fmt.Sprintf("people[%d]", i)
		switch {
		case p.ID == "":
			c.fault(at, "a person needs an id; it stands in the log for ever")
		case !nameForm.MatchString(p.ID):
			c.fault(at+".id", "%q is no id; use a-z, 0-9 and dashes", p.ID)
		default:
			once(ids, i, p.ID, at+".id", "the id")
		}
		switch {
		case p.Slack == "":
		case !slackForm.MatchString(p.Slack):
			c.fault(at+".slack", "%q is no Slack account; write team and user id, for example T0123/U0ANA", p.Slack)
		default:
			once(slack, i, p.Slack, at+".slack", "the Slack account")
			c.workspace(at+".slack", p)
		}
		if p.UnixUID != nil {
			once(uids, i, fmt.Sprint(*p.UnixUID), at+".unix_uid", "the user id")
			if *p.UnixUID == 0 {
				c.warn(at+".unix_uid", "whoever is root on this machine decides as %s; prefer a personal account", p.ID)
			}
		}
		if len(p.Roles) == 0 {
			c.warn(at, "%s has no roles and can approve nothing", p.ID)
		}
	}
	c.doors()
}

// workspace refuses an account of another workspace than the one of the section slack: the bot turns each of its requests
// away, also over Slack Connect, and the approvals below would count on somebody who cannot decide.
func (c *checker) workspace(path string, p Person) {
	ours := c.cfg.Slack.Team
	if team, _, _ := strings.Cut(p.Slack, "/"); c.cfg.Slack.Enabled && !c.known("slack.team") && team != ours {
		c.fault(path, "%s is of workspace %s, and slack.team is %s: every click and command of %s would be turned away; write the account that this person has in %s, or leave it out", p.Slack, team, ours, p.ID, ours)
	}
}

// targets checks the names by which plans, locks and people call them.
func (c *checker) targets() {
	seen := map[string]bool{}
	for _, t := range c.cfg.AlertTargets() {
		at := strings.TrimSuffix(t.Path, ".match")
		switch {
		case t.Name == "":
			c.fault(at, "a target needs a name; runs lock it by that")
		case !nameForm.MatchString(t.Name):
			c.fault(at+".name", "%q is no name; use a-z, 0-9 and dashes", t.Name)
		case seen[t.Key()]:
			c.fault(at+".name", "another %s is called %s; labels could not tell them apart", t.Kind, t.Name)
		}
		seen[t.Key()] = true
		if len(t.Match) == 0 && t.Kind != "killswitch" && t.Kind != "endpoint" { // people and steps name these
			c.warn(at, `no alert selects %s, because it has no match; add for example match: ['cluster="%s"']`, t.Name, t.Name)
		}
		if t.Environment == "" {
			c.warn(at, "%s has no environment; write production, staging or drill, it stands on every card", t.Name)
		}
	}
}

// routes compiles the routing tree and checks the words that other sections must know.
func (c *checker) routes() {
	_, faults := alerts.NewRouter(c.cfg.Route, c.cfg.AlertTargets(), c.cfg.Runbooks)
	faults = slices.DeleteFunc(faults, func(f pointsman.Fault) bool { return f.File != "" }) // runbooks were checked one by one
	c.faults = append(c.faults, c.cfg.Locate(faults...)...)
	c.escalations(c.cfg.Route, "route")
	c.unreached(c.cfg.Route, "route")
	services := c.services()
	for _, rb := range c.cfg.Runbooks {
		if s := rb.Escalation.Service; s != "" && len(services) > 0 && !slices.Contains(services, s) {
			f := pointsman.Fault{File: rb.File, Line: rb.Line, Path: "escalation.service", Text: fmt.Sprintf("PagerDuty service %s is not configured; ", s)}
			f.Text += orWord(c.cfg.PagerDuty.DefaultService, services[0]) + " is paged instead"
			c.warnings = append(c.warnings, f)
		}
	}
	if len(services) == 0 {
		c.warn("pagerduty", "no PagerDuty service is configured, so nobody is paged when nobody decides")
	}
}

func (c *checker) services() []string {
	var out []string
	for _, s := range c.cfg.PagerDuty.Services {
		out = append(out, s.Name)
	}
	return out
}

func (c *checker) escalations(r alerts.Route, path string) {
	e := r.Escalate
	switch services := c.services(); {
	case e.Service != "" && !slices.Contains(services, e.Service):
		c.fault(path+".escalate.service", "%s", didYouMean("service", e.Service, services)+emptyHint(services))
	case e.Service != "" && e.After <= 0:
		c.fault(path+".escalate.after", "says whom to page and not when; add for example after: 5m")
	}
	if r.UpdateEvery != nil && *r.UpdateEvery != 0 && *r.UpdateEvery < time.Minute {
		c.fault(path+".update_every", "%s is shorter than 1m; people stop reading", *r.UpdateEvery)
	}
	for i, child := range r.Routes {
		c.escalations(child, fmt.Sprintf("%s.routes[%d]", path, i))
	}
}

func emptyHint(services []string) string {
	if len(services) == 0 {
		return "none, add it under pagerduty.services"
	}
	return ""
}

// approvals checks that the policy of each runbook can be met: nobody wants to learn at night that the second dba
// never got the role. A runbook whose kind of target is not configured cannot run and is left out. Of the shipped
// runbooks, which nobody chose, it is a warning only: whoever needs two of them should not have to staff all.
func (c *checker) approvals() {
	if c.unsound() {
		return
	}
	people, roles := c.deciders()
	nobody := map[string][]string{} // role -> runbooks that need it
	for _, rb := range c.cfg.Runbooks {
		if len(rb.Approval.Require) == 0 || c.told[rb.File] || !c.usable(rb) {
			continue
		}
		missing := false
		for _, r := range rb.Approval.Require {
			if !slices.Contains(roles, r.Role) {
				missing = true
				nobody[r.Role] = append(nobody[r.Role], rb.Name)
			}
		}
		at := pointsman.Fault{File: rb.File, Line: rb.Line, Path: "approval.require"}
		if st := rb.Approval.Count(people); !missing && !st.Met {
			at.Text = fmt.Sprintf("%s needs %s, but the configured people fill only %s places%s; give more people the roles", rb.Name, rb.Approval, st, c.unheard(rb.Approval))
			c.unmet(at)
		}
		if name := short(rb, people); name != "" {
			at.Text = fmt.Sprintf("when %s asks for %s, too few people remain who may approve it: it needs %s besides the one who asks", name, rb.Name, rb.Approval)
			c.warnings = append(c.warnings, at)
		}
	}
	c.gates(people, roles)
	for role, books := range nobody {
		f := pointsman.Fault{Path: "people", Text: fmt.Sprintf("%s, so nobody can approve %s; give it to somebody under people[].roles%s", c.nobody(role), listed(books), maybe(role, roles))}
		c.unmet(c.cfg.Locate(f)[0])
	}
}

// unsound: first the people, then what they may do.
func (c *checker) unsound() bool {
	return c.known("people") || slices.ContainsFunc(c.faults, func(f pointsman.Fault) bool { return strings.HasPrefix(f.Path, "people[") })
}

// deciders are the people who can be recognised, and their roles.
func (c *checker) deciders() (people []pointsman.Person, roles []string) {
	people = c.cfg.Recognised(c.cfg)
	for _, p := range people {
		roles = append(roles, p.Roles...)
	}
	return people, roles
}

func (c *checker) unmet(f pointsman.Fault) {
	if len(c.cfg.Folders) == 0 {
		c.warnings = append(c.warnings, f)
		return
	}
	c.faults = append(c.faults, f)
}

// short names somebody without whom the policy cannot be met, in a runbook that only people ask for.
func short(rb pointsman.Runbook, people []pointsman.Person) string {
	if rb.Approval.RequesterMayApprove || len(rb.Answers) > 0 || !rb.Approval.Count(people).Met {
		return ""
	}
	for i, p := range people {
		if !rb.Approval.Count(slices.Delete(slices.Clone(people), i, i+1)).Met {
			return p.ID
		}
	}
	return ""
}

func (c *checker) usable(rb pointsman.Runbook) bool {
	for _, p := range rb.Params {
		kind := func(t alerts.Target) bool { return t.Kind == p.Kind }
		if p.Type == "target" && !slices.ContainsFunc(c.cfg.AlertTargets(), kind) {
			return false
		}
	}
	return true
}

func maybe(role string, roles []string) string {
	if s := nearest(role, slices.Clone(roles)); s != "" {
		return fmt.Sprintf(" (there is a role %s)", s)
	}
	return ""
}
