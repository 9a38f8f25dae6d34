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

// The runbooks behind pointsman killswitch engage and release.
const (
	engageRunbook  = "killswitch-engage"
	releaseRunbook = "killswitch-release"
)

// brakes checks that what the program itself asks for at the worst moment is there: a kill switch that nobody can engage
// is noticed when somebody has to.
func (c *checker) brakes() {
	if len(c.cfg.Targets.Postgres) > 0 && !c.offers(postgres.SplitBrainRunbook) {
		c.warn("runbooks", "there is no runbook %s, so an alarm of two writers offers nothing; add it, or the shipped one of that name", postgres.SplitBrainRunbook)
	}
	if len(c.cfg.Targets.KillSwitch) == 0 {
		return
	}
	for _, name := range []string{engageRunbook, releaseRunbook} {
		rb, ok := c.cfg.Runbook(name)
		switch {
		case !c.offers(name):
			c.fault("runbooks", "kill switches are configured, and there is no runbook %s, so nobody could ask for it; add it, or the shipped one of that name", name)
		case !ok || c.told[rb.File]:
		default:
			if at, why := unfit(rb); why != "" {
				c.faults = append(c.faults, pointsman.Fault{File: rb.File, Line: rb.Line, Path: at, Text: why})
			}
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
	if !slices.ContainsFunc(rb.Params, func(p pointsman.Param) bool { return p.Name == rb.Target && p.Kind == "killswitch" }) {
		return "target", fmt.Sprintf("%s is asked for by the name of a kill switch; write params: {switch: {type: target, kind: killswitch}} and target: switch", rb.Name)
	}
	if i := slices.IndexFunc(rb.Params, func(p pointsman.Param) bool { return p.Name != rb.Target && p.Default == "" }); i >= 0 {
		return "params." + rb.Params[i].Name, fmt.Sprintf("%s is asked for by the name of a kill switch alone, so every other parameter needs a default", rb.Name)
	}
	if rb.Name != engageRunbook {
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
