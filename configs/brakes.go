package configs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/actions/postgres"
)

// brakes checks that what the program itself asks for at the worst moment is there: a kill switch that nobody can engage
// is noticed when somebody has to.
func (c *checker) brakes() {
	if len(c.cfg.Targets.Postgres) > 0 {
		c.alarmed()
	}
	if len(c.cfg.Guards.Freeze.Roles) == 0 && !c.known("guards") {
		c.warn("guards.freeze", "nobody may freeze everything, which is noticed when somebody wants to; name roles, for example freeze: {roles: [incident-commander]}")
	}
	if len(c.cfg.Targets.KillSwitch) == 0 {
		return
	}
	for _, name := range []string{killswitch.EngageRunbook, killswitch.ReleaseRunbook} {
		rb, ok := c.cfg.Runbook(name)
		switch {
		case !c.offers(name):
			c.fault("runbooks", "kill switches are configured, and there is no runbook %s, so nobody could ask for it; add it, or the shipped one of that name", name)
		case !ok || c.told[rb.File]:
		default:
			if at, why := unfit(rb); why != "" {
				c.faults = append(c.faults, pointsman.Fault{File: rb.File, Line: rb.Line, Path: at, Text: why})
			} else if name == killswitch.EngageRunbook {
				c.engageable(rb)
			}
		}
	}
}

// engageable: of the other shipped runbooks, which nobody chose, that nobody can approve them is a warning only. This one is
// asked for by the program itself, as soon as there is a switch.
func (c *checker) engageable(rb pointsman.Runbook) {
	if len(c.cfg.Folders) > 0 || c.unsound() {
		return // approvals says it
	}
	if people, _ := c.deciders(); !rb.Approval.Count(people).Met {
		role := rb.Approval.Require[0].Role
		f := pointsman.Fault{Path: "people", Text: fmt.Sprintf("kill switches are configured, and %s, so nobody can engage one; give it to somebody under people[].roles", c.nobody(role))}
		c.faults = append(c.faults, c.cfg.Locate(f)...)
	}
}

// alarmed looks at the runbook that an alarm of two writers offers.
func (c *checker) alarmed() {
	const name = postgres.SplitBrainRunbook
	rb, ok := c.cfg.Runbook(name)
	switch {
	case !c.offers(name):
		c.warn("runbooks", "there is no runbook %s, so an alarm of two writers offers nothing; add it, or the shipped one of that name", name)
	case !ok || c.told[rb.File]:
	default:
		if at, why := unasked(rb, "postgres", "a cluster"); why != "" {
			c.warnings = append(c.warnings, pointsman.Fault{File: rb.File, Line: rb.Line, Path: at, Text: why + "; until then an alarm of two writers offers nothing"})
		}
	}
}

// offers reports whether there is a runbook of the name, or a file that was meant to be one and whose faults are told.
func (c *checker) offers(name string) bool {
	_, ok := c.cfg.Runbook(name)
	return ok || c.known("runbooks") || slices.ContainsFunc(c.faults, func(f pointsman.Fault) bool {
		return path.Base(f.File) == name+".yaml" || strings.HasPrefix(f.Path, "runbooks[")
	})
}

// unfit says why the runbook is not what the short door to a kill switch asks for: by the name of the switch alone, and to
// engage it by one person's word, whatever is locked or frozen.
func unfit(rb pointsman.Runbook) (at, why string) {
	if at, why := unasked(rb, "killswitch", "a kill switch"); why != "" {
		return at, why
	}
	if rb.Name != killswitch.EngageRunbook {
		return "", ""
	}
	if rb.Approval.Needed() != 1 || !rb.Approval.RequesterMayApprove {
		return "approval", "whoever engages a kill switch decides alone; write one requirement of one person, for example 1 of risk, and requester_may_approve: true"
	}
	stops := false
	for i, s := range rb.Steps {
		if s.Kind != killswitch.KindEngage && s.Kind != killswitch.KindVerify {
			return rb.PathOf(i) + ".kind", fmt.Sprintf("with a step of kind %s a lock or a freeze would hold the brake; put it into another runbook", s.Kind)
		}
		stops = stops || s.Kind == killswitch.KindEngage
	}
	if !stops {
		return "steps", "no step engages the kill switch; add one of kind " + killswitch.KindEngage
	}
	return "", ""
}

// unasked says why the runbook cannot be asked for by the name of its target alone, which is all that the program itself says.
func unasked(rb pointsman.Runbook, kind, called string) (at, why string) {
	if !slices.ContainsFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == rb.Target && p.Kind == kind }) {
		param := map[string]string{"killswitch": "switch", "postgres": "cluster"}[kind]
		return "target", fmt.Sprintf("%s is asked for by the name of %s; write params: {%s: {type: target, kind: %s}} and target: %s", rb.Name, called, param, kind, param)
	}
	if i := slices.IndexFunc(rb.Params, func(p pointsman.Param) bool { return p.Name != rb.Target && p.Default == "" }); i >= 0 {
		return "params." + rb.Params[i].Name, fmt.Sprintf("%s is asked for by the name of %s alone, so every other parameter needs a default", rb.Name, called)
	}
	if _, err := rb.ModeOf(""); err != nil {
		return "modes", fmt.Sprintf("%s is asked for without a word about its mode, and a drill is never meant then; put another mode first", rb.Name)
	}
	return "", ""
}
