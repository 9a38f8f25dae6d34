package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// DefaultUpdateEvery is how often people are told about an open incident where neither a route nor a runbook says.
const DefaultUpdateEvery = 10 * time.Minute

// Target is a configured target with the matchers by which labels select it. One without matchers is selected by its
// name only, which a person gives.
type Target struct {
	pointsman.Target
	Match []string
	// Says are labels that the configuration knows better than an alert: the matchers of runbooks that act on the target see
	// them, whether the alert has them or not.
	Says map[string]string
	Path string // where Match stands, for faults: "targets.postgres[0].match"
}

// Router knows what the configuration says about alerts: routes, runbooks and targets, compiled. It does not change;
// a reload builds a new one.
type Router struct {
	root    *node
	every   time.Duration
	books   []book
	targets []target
}

type book struct {
	pointsman.Runbook
	answers []Matchers
	asks    bool // a matcher names a label that a target of its kind says
}

type target struct {
	pointsman.Target
	match Matchers
	says  map[string]string
}

// NewRouter compiles the routing tree, the runbooks' matchers and the targets' matchers. The faults name everything
// that is wrong at once; with any fault the Router must not be used.
func NewRouter(route Route, targets []Target, books []pointsman.Runbook) (*Router, []pointsman.Fault) {
	var faults []pointsman.Fault
	fault := func(path, text string) { faults = append(faults, pointsman.Fault{Path: path, Text: text}) }
	r := &Router{root: compileRoute(route, "route", nil, fault), every: route.Default}
	if r.every <= 0 {
		r.every = DefaultUpdateEvery
	}
	for _, t := range targets {
		r.targets = append(r.targets, compileTarget(t, fault))
	}
	for _, b := range books {
		one := book{Runbook: b}
		for i, a := range b.Answers {
			m, err := ParseMatchers(a.Matchers)
			if err != nil {
				faults = append(faults, pointsman.Fault{File: b.File, Line: a.Line, Path: fmt.Sprintf("answers[%d]", i), Text: err.Error()})
			}
			one.answers = append(one.answers, m)
			one.asks = one.asks || r.said(m.Names())
		}
		r.books = append(r.books, one)
	}
	slices.SortStableFunc(r.books, func(a, b book) int {
		if a.Priority != b.Priority {
			return a.Priority - b.Priority
		}
		return strings.Compare(a.Name, b.Name)
	})
	r.root.walk(func(n *node) {
		for _, name := range n.runbooks {
			if r.book(name) == nil {
				fault(n.path+".runbooks", fmt.Sprintf("there is no runbook %s", name))
			}
		}
	})
	return r, faults
}

func compileTarget(t Target, fault func(path, text string)) target {
	path := t.Path
	if path == "" {
		path = "targets." + t.Key() + ".match"
	}
	m, err := ParseMatchers(t.Match)
	switch {
	case err != nil:
		fault(path, err.Error())
	case !m.Empty() && m.Match(nil):
		fault(path, fmt.Sprintf(`the matchers %s hold for an alert without any label, so every alert would select %s; add one like cluster="%s"`, m, t.Name, t.Name))
	}
	return target{Target: t.Target, match: m, says: t.Says}
}

// Check reports what is wrong with the words of a runbook that this room knows: its matchers and the labels of its
// parameters.
func Check(rb pointsman.Runbook) []pointsman.Fault {
	_, faults := NewRouter(Route{}, nil, []pointsman.Runbook{rb})
	for i, a := range rb.Answers {
		if m, err := ParseMatchers(a.Matchers); err == nil && m.Match(nil) {
			faults = append(faults, pointsman.Fault{
				File: rb.File, Line: a.Line, Path: fmt.Sprintf("answers[%d]", i),
				Text: "these matchers hold for every alert; name at least one label value that must be there",
			})
		}
	}
	for _, p := range rb.Params {
		if len(p.Labels) > 0 && (p.Type == "duration" || p.Type == "int") {
			faults = append(faults, pointsman.Fault{
				File: rb.File, Line: p.Line, Path: "params." + p.Name + ".labels",
				Text: "a label may only select among configured values, so a " + p.Type + " cannot come from one; use default, or type enum",
			})
		}
	}
	return faults
}

func (r *Router) book(name string) *book {
	for i := range r.books {
		if r.books[i].Name == name {
			return &r.books[i]
		}
	}
	return nil
}

func (b *book) fits(set map[string]string) bool {
	return slices.ContainsFunc(b.answers, func(m Matchers) bool { return m.Match(set) })
}

// said reports whether some target says one of the labels.
func (r *Router) said(labels []string) bool {
	return slices.ContainsFunc(r.targets, func(t target) bool {
		return slices.ContainsFunc(labels, func(l string) bool { _, says := t.says[l]; return says })
	})
}

// told are the labels with what the target says that the runbook would act on; none where no target is selected. An alert
// need not know what stands in front of a database, and must not be believed where the configuration knows.
func (r *Router) told(b *book, set map[string]string) map[string]string {
	if !b.asks {
		return set
	}
	for _, p := range b.Params {
		if p.Name != b.Target {
			continue
		}
		name, problem := fromLabels{r, set}.pick(p)
		for _, t := range r.targets {
			if problem == "" && t.Kind == p.Kind && t.Name == name && len(t.says) > 0 {
				set = maps.Clone(set)
				maps.Copy(set, t.says)
			}
		}
	}
	return set
}

// offers are the runbooks that answer the labels on this route, in the order of their priority.
func (r *Router) offers(n *node, set map[string]string) []pointsman.Offer {
	var out []pointsman.Offer
	for i := range r.books {
		if b := &r.books[i]; n.allows(b.Name) && b.fits(r.told(b, set)) {
			out = append(out, r.offer(b, fromLabels{r, set}))
		}
	}
	return out
}

// clocks are how often people are told about an incident and when somebody is paged. The routes decide, because they are
// the operator's, and of several the first one that says something about updates, the most urgent one about pages; where they say nothing the
// runbooks on offer do in the same way.
func (r *Router) clocks(routes []*node, offers []pointsman.Offer) (every time.Duration, esc pointsman.Escalation) {
	var byRoute, byBook pointsman.Escalation
	for _, n := range routes {
		byRoute = sooner(byRoute, n.escalate)
	}
	every = r.every
	for i, o := range offers {
		b := r.book(o.Runbook)
		if i == 0 && b.Comms.Every > 0 {
			every = b.Comms.Every
		}
		byBook = sooner(byBook, b.Escalation)
	}
	if i := slices.IndexFunc(routes, func(n *node) bool { return n.update != nil }); i >= 0 {
		every = *routes[i].update
	}
	if byRoute == (pointsman.Escalation{}) {
		return every, byBook
	}
	return every, byRoute
}

// unread is when whom to page for what nobody could read: as for every alert, since no label says more, and after a while
// also where the first route pages nobody.
func (r *Router) unread() pointsman.Escalation {
	if esc := r.root.escalate; esc.After > 0 {
		return esc
	}
	return pointsman.Escalation{After: pointsman.DefaultChase, Service: r.root.escalate.Service}
}

// sooner is the one that pages earlier; one without a time pages never.
func sooner(a, b pointsman.Escalation) pointsman.Escalation {
	if b.After > 0 && (a.After == 0 || b.After < a.After) || a == (pointsman.Escalation{}) {
		return b
	}
	return a
}
