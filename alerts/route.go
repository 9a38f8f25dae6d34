package alerts

import (
	"fmt"
	"slices"
	"time"

	"github.com/pointsman/pointsman"
)

// Route is a node of the routing tree, in Alertmanager's vocabulary. What a child leaves out it takes from its parent.
type Route struct {
	Matchers []string `yaml:"matchers"`
	Continue bool     `yaml:"continue"` // look at the later siblings too
	Routes   []Route  `yaml:"routes"`
	// IncidentBy are the labels whose values make alerts one incident. Without it the resolved target does.
	IncidentBy  []string       `yaml:"incident_by"`
	UpdateEvery *time.Duration `yaml:"update_every"` // how often people are told while it is open; 0 for never
	Escalate    Escalate       `yaml:"escalate"`
	Runbooks    []string       `yaml:"runbooks"` // only these; default: every runbook whose answers match

	// Default is how often people are told where neither a route nor a runbook says; DefaultUpdateEvery if zero. Only
	// the first route's counts.
	Default time.Duration `yaml:"-"`
}

// Escalate says when which PagerDuty service is paged because nobody decided.
type Escalate struct {
	After   time.Duration `yaml:"after"`
	Service string        `yaml:"service"`
}

// node is a compiled Route with what it inherited.
type node struct {
	path       string // "route.routes[1]"
	matchers   Matchers
	goOn       bool
	children   []*node
	incidentBy []string
	update     *time.Duration // nil: nobody said
	escalate   pointsman.Escalation
	runbooks   []string
}

// maxDepth bounds the tree: a configuration that a program generated must not exhaust the stack.
const maxDepth = 20

func compileRoute(r Route, path string, parent *node, fault func(path, text string)) *node {
	n := &node{path: path, goOn: r.Continue}
	if parent != nil {
		n.incidentBy, n.update, n.escalate, n.runbooks = parent.incidentBy, parent.update, parent.escalate, parent.runbooks
	}
	m, err := ParseMatchers(r.Matchers)
	if err != nil {
		fault(path+".matchers", err.Error())
	}
	n.matchers = m
	if r.IncidentBy != nil {
		n.incidentBy = r.IncidentBy
	}
	if r.UpdateEvery != nil {
		n.update = r.UpdateEvery
	}
	if r.Escalate != (Escalate{}) {
		n.escalate = pointsman.Escalation(r.Escalate)
	}
	if r.Runbooks != nil {
		n.runbooks = r.Runbooks
	}
	if parent == nil && (len(r.Matchers) > 0 || r.Continue) {
		fault(path, "the first route takes every alert, so it has no matchers and no continue; put them into routes")
		n.matchers = Matchers{}
	}
	if depth(path) > maxDepth {
		fault(path, fmt.Sprintf("routes are nested more than %d deep", maxDepth))
		return n
	}
	for i, c := range r.Routes {
		n.children = append(n.children, compileRoute(c, fmt.Sprintf("%s.routes[%d]", path, i), n, fault))
	}
	return n
}

func depth(path string) int {
	n := 0
	for _, c := range path {
		if c == '[' {
			n++
		}
	}
	return n
}

// match returns the routes of the labels as Alertmanager finds them: depth first, the deepest that matches, and the
// later siblings only where a route says continue. It is never empty for the first route.
func (n *node) match(set map[string]string) []*node {
	if !n.matchers.Match(set) {
		return nil
	}
	var out []*node
	for _, c := range n.children {
		found := c.match(set)
		out = append(out, found...)
		if len(found) > 0 && !c.goOn {
			break
		}
	}
	if len(out) == 0 {
		out = []*node{n}
	}
	return out
}

func (n *node) allows(runbook string) bool {
	return n.runbooks == nil || slices.Contains(n.runbooks, runbook)
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, c := range n.children {
		c.walk(visit)
	}
}
