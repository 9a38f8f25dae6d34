package actions

import (
	"fmt"
	"slices"

	"github.com/pointsman/pointsman"
)

// gates tells before anybody is asked that a gate on the way can be opened by nobody: in the middle of a failover it is
// too late to learn that.
func (r *Resolver) gates(steps []pointsman.RunbookStep, requester pointsman.Actor) []pointsman.Fact {
	var out []pointsman.Fact
	places := pointsman.Places(steps)
	for i, s := range steps {
		if s.Kind != KindGate {
			continue
		}
		if f, short := r.tooFew(s.Approval, requester); short {
			f.Name = "people who may open gate " + s.Name
			f.Text = fmt.Sprintf("step %s (%s): %s", places[i], s.Name, f.Text)
			out = append(out, f)
		}
	}
	return out
}

// eligible are the people who may approve, the requester left out where the policy says so.
func (r *Resolver) eligible(p pointsman.Policy, requester pointsman.Actor) []pointsman.Person {
	return slices.DeleteFunc(slices.Clone(r.Catalog.People()), func(who pointsman.Person) bool {
		ok, _ := p.Eligible(pointsman.Actor{Person: who}, requester)
		return !ok
	})
}

// named are the people as they are addressed.
func named(people []pointsman.Person) []string {
	var out []string
	for _, who := range people {
		out = append(out, pointsman.Actor{Person: who}.String())
	}
	return out
}

// tooFew tells before anybody is asked that the quorum cannot be reached.
func (r *Resolver) tooFew(p pointsman.Policy, requester pointsman.Actor) (pointsman.Fact, bool) {
	st := p.Count(r.eligible(p, requester))
	if st.Met {
		return pointsman.Fact{}, false
	}
	return pointsman.Fact{
		Guard: "G33", Kind: pointsman.Hard, Name: "people who may approve", Value: fmt.Sprint(st.Have), Limit: p.String(),
		Source: sourceConfiguration, Result: pointsman.Fail,
		Text:   fmt.Sprintf("approval needs %s, but only %s places can be filled from the configured people besides the requester", p, st),
		Clears: "give more people the role under people[].roles",
	}, true
}
