package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says who must approve a plan. An empty list means nobody can: forgetting it must never mean everybody may.
type Policy struct {
	Require             []Requirement `json:"require,omitempty"`
	RequesterMayApprove bool          `json:"requester_may_approve,omitempty"` // only for the safe direction, such as engaging a kill switch
	ReasonRequired      bool          `json:"reason_required,omitempty"`
	Expires             time.Duration `json:"expires,omitempty"`
}

// DefaultExpires is how long an approval may be asked for where the runbook does not say: a policy without a limit
// must not mean one that never ends, nor one that ends at once.
const DefaultExpires = 15 * time.Minute

// Lasts is how long votes are taken, and how long a complete quorum waits for its run to begin.
func (p Policy) Lasts() time.Duration {
	if p.Expires <= 0 {
		return DefaultExpires
	}
	return p.Expires
}

// Requirement is a number of distinct people of one role.
type Requirement struct {
	Count int    `json:"count"`
	Role  string `json:"role"`
	Why   string `json:"why,omitempty"` // set where a risk asks for one more: the risk's sentence
}

// String is how a requirement is written in runbooks and on cards: "2 of dba".
func (r Requirement) String() string { return fmt.Sprintf("%d of %s", r.Count, r.Role) }

// String lists all requirements, equal roles together: "2 of dba and 1 of incident-commander".
func (p Policy) String() string {
	if len(p.Require) == 0 {
		return "nobody"
	}
	var sum []Requirement
	for _, r := range p.Require {
		i := slices.IndexFunc(sum, func(s Requirement) bool { return s.Role == r.Role })
		if i < 0 {
			sum = append(sum, Requirement{Count: r.Count, Role: r.Role})
			continue
		}
		sum[i].Count += r.Count
	}
	parts := make([]string, len(sum))
	for i, r := range sum {
		parts[i] = r.String()
	}
	return strings.Join(parts, " and ")
}

// Needed is how many distinct people the policy asks for.
func (p Policy) Needed() int {
	n := 0
	for _, r := range p.Require {
		n += r.Count
	}
	return n
}

// Eligible reports whether the person may vote at all, and if not, why in one sentence.
func (p Policy) Eligible(who Actor, requester Actor) (bool, string) {
	if len(p.Require) == 0 {
		return false, "this runbook names no approvers, so nobody may approve it; add approval.require to the runbook"
	}
	if !who.Known() {
		return false, fmt.Sprintf("%s is not a person of the configuration; an operator can add the account under people", who)
	}
	if !p.RequesterMayApprove && requester.Known() && who.Person.ID == requester.Person.ID {
		return false, fmt.Sprintf("%s asked for this run and so may not approve it; it needs %s", who, p)
	}
	for _, r := range p.Require {
		if who.Person.Has(r.Role) {
			return true, ""
		}
	}
	return false, fmt.Sprintf("%s has none of the roles that decide here; it needs %s", who, p)
}

// OneMore is the policy with the approver whom a risk asks for in addition: one of the first role.
func (p Policy) OneMore(why string) Policy {
	if len(p.Require) > 0 {
		p.Require = append(slices.Clone(p.Require), Requirement{Count: 1, Role: p.Require[0].Role, Why: why})
	}
	return p
}

// Standing is how far the votes have come.
type Standing struct {
	Met  bool
	Have int // people who fill a place
	Need int
}

// String is the short form on cards: "1 of 2".
func (s Standing) String() string { return fmt.Sprintf("%d of %d", s.Have, s.Need) }

// Count seats distinct people on the places that the policy asks for. Somebody with two roles fills one place only;
// which one is chosen so that the most places are filled (a maximum matching, by augmenting paths).
func (p Policy) Count(approvers []Person) Standing {
	var places []string
	for _, r := range p.Require {
		for range r.Count {
			places = append(places, r.Role)
		}
	}
	people := distinct(approvers)
	seated := make([]int, len(places)) // place -> index of the person + 1
	var seat func(person int, tried []bool) bool
	seat = func(person int, tried []bool) bool {
		for i, role := range places {
			if tried[i] || !people[person].Has(role) {
				continue
			}
			tried[i] = true
			if seated[i] == 0 || seat(seated[i]-1, tried) {
				seated[i] = person + 1
				return true
			}
		}
		return false
	}
	have := 0
	for i := range people {
		if seat(i, make([]bool, len(places))) {
			have++
		}
	}
	return Standing{Met: len(places) > 0 && have == len(places), Have: have, Need: len(places)}
}

func distinct(in []Person) []Person {
	var out []Person
	for _, p := range in {
		if p.ID != "" && !slices.ContainsFunc(out, func(q Person) bool { return q.ID == p.ID }) {
			out = append(out, p)
		}
	}
	return out
}

func sortStable[T any](in []T, less func(a, b T) bool) {
	slices.SortStableFunc(in, func(a, b T) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	})
}
