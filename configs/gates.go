package configs

import (
	"fmt"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// lintGate checks the approval of a step: a gate needs one, no other kind has one.
func lintGate(rb pointsman.Runbook, i int, at func(int, string, string, ...any)) {
	s, path := rb.Steps[i], rb.PathOf(i)
	p := s.Approval
	named := len(p.Require) > 0 || p.Expires != 0
	switch {
	case s.Kind != pointsman.KindGate && named:
		at(s.Line, path+".approval", "a step of kind %s has no approval of its own; put a step of kind gate before it", s.Kind)
	case s.Kind != pointsman.KindGate:
	case len(p.Require) == 0:
		at(s.Line, path+".approval", "a gate needs an approval, for example approval: {require: [1 of %s]}", orWord(rb.Owner, "dba"))
	case p.RequesterMayApprove:
		at(s.Line, path+".approval.requester_may_approve", "whoever asked for a run never opens its gates; remove it")
	case p.Expires < time.Minute || p.Expires > 24*time.Hour:
		at(s.Line, path+".approval.expires", "%s is outside 1m to 24h", p.Expires)
	case s.Irreversible:
		at(s.Line, path+".irreversible", "a gate has no effect, so nothing of it could be undone; remove it")
	case s.Timeout != 0:
		at(s.Line, path+".timeout", "a gate waits until its approval expires; remove the timeout, or write approval.expires")
	case i == len(rb.Steps)-1:
		at(s.Line, path, "nothing follows after the gate; remove it, or put it before the step that it guards")
	}
}

// gates checks that the gates of each runbook can be opened by the people who are configured.
func (c *checker) gates(people []pointsman.Person, roles []string) {
	for _, rb := range c.cfg.Runbooks {
		if c.told[rb.File] || !c.usable(rb) {
			continue
		}
		for i, s := range rb.Steps {
			if s.Kind != pointsman.KindGate {
				continue
			}
			at := pointsman.Fault{File: rb.File, Line: s.Line, Path: rb.PathOf(i) + ".approval.require"}
			missing := slices.IndexFunc(s.Approval.Require, func(r pointsman.Requirement) bool { return !slices.Contains(roles, r.Role) })
			st := s.Approval.Count(people)
			switch {
			case missing >= 0:
				role := s.Approval.Require[missing].Role
				at.Text = fmt.Sprintf("%s, so nobody can open the gate %s; give it to somebody under people[].roles%s", c.nobody(role), s.Name, maybe(role, roles))
			case !st.Met:
				at.Text = fmt.Sprintf("the gate %s needs %s, but the configured people fill only %s places%s; give more people the roles", s.Name, s.Approval, st, c.unheard(s.Approval))
			default:
				continue
			}
			c.unmet(at)
		}
	}
}
