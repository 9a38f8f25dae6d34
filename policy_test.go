package pointsman

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func person(id string, roles ...string) Person { return Person{ID: id, Name: id, Roles: roles} }

func TestCount(t *testing.T) {
	t.Parallel()
	two := Policy{Require: []Requirement{{Count: 2, Role: "dba"}}}
	mixed := Policy{Require: []Requirement{{Count: 1, Role: "dba"}, {Count: 1, Role: "commander"}}}
	for _, tc := range []struct {
		name   string
		policy Policy
		people []Person
		want   string
		met    bool
	}{
		{"no list means that nobody can", Policy{}, []Person{person("a", "dba")}, "0 of 0", false},
		{"one of two is not enough", two, []Person{person("a", "dba")}, "1 of 2", false},
		{"two different people are", two, []Person{person("a", "dba"), person("b", "dba")}, "2 of 2", true},
		{"one person counts once, however often", two, []Person{person("a", "dba"), person("a", "dba")}, "1 of 2", false},
		{"somebody with both roles fills one place only", mixed, []Person{person("a", "dba", "commander")}, "1 of 2", false},
		{"the places are given so that most are filled", mixed, []Person{person("a", "dba", "commander"), person("b", "dba")}, "2 of 2", true},
		{"also in the other order", mixed, []Person{person("b", "dba"), person("a", "dba", "commander")}, "2 of 2", true},
		{"a role that is not asked for fills nothing", mixed, []Person{person("a", "intern")}, "0 of 2", false},
		{"somebody without an id is nobody", two, []Person{person("", "dba"), person("b", "dba")}, "1 of 2", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.policy.Count(tc.people); got.String() != tc.want || got.Met != tc.met {
				t.Errorf("got %s met=%v, want %s met=%v", got, got.Met, tc.want, tc.met)
			}
		})
	}
}

func TestEligible(t *testing.T) {
	t.Parallel()
	pol := Policy{Require: []Requirement{{Count: 1, Role: "dba"}}}
	ana, eve := Actor{Person: person("ana", "dba")}, Actor{Person: person("eve", "intern")}
	alertmanager := Actor{Door: DoorAlertmanager}
	for _, tc := range []struct {
		name           string
		policy         Policy
		who, requester Actor
		ok             bool
		says           string
	}{
		{"a dba may", pol, ana, alertmanager, true, ""},
		{"no list means nobody", Policy{}, ana, alertmanager, false, "names no approvers"},
		{"the role is missing", pol, eve, alertmanager, false, "has none of the roles"},
		{"the requester may not", pol, ana, ana, false, "asked for this run"},
		{"the requester may where the policy says so", Policy{Require: pol.Require, RequesterMayApprove: true}, ana, ana, true, ""},
		{"an unknown account may not", pol, Actor{Ref: "T1/U9"}, alertmanager, false, "not a person of the configuration"},
		{"an unknown account is not the unknown requester", pol, ana, Actor{Ref: "T1/U9"}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ok, why := tc.policy.Eligible(tc.who, tc.requester)
			if ok != tc.ok || !strings.Contains(why, tc.says) {
				t.Errorf("got %v %q, want %v %q", ok, why, tc.ok, tc.says)
			}
		})
	}
}

// TestCountIsTheLargestSeating compares the matching with a plain search over every seating.
func TestCountIsTheLargestSeating(t *testing.T) {
	t.Parallel()
	roles := []string{"dba", "commander", "security"}
	rapid.Check(t, func(t *rapid.T) {
		var pol Policy
		for _, r := range roles[:rapid.IntRange(1, 3).Draw(t, "roles")] {
			pol.Require = append(pol.Require, Requirement{Count: rapid.IntRange(0, 2).Draw(t, "count"), Role: r})
		}
		var people []Person
		for i := range rapid.IntRange(0, 5).Draw(t, "people") {
			people = append(people, Person{ID: string(rune('a' + i)), Roles: rapid.SliceOfN(rapid.SampledFrom(roles), 0, 3).Draw(t, "held")})
		}
		var places []string
		for _, r := range pol.Require {
			for range r.Count {
				places = append(places, r.Role)
			}
		}
		if got, want := pol.Count(people).Have, search(places, people); got != want {
			t.Fatalf("matching fills %d places, search %d: %v %v", got, want, places, people)
		}
	})
}

func search(places []string, people []Person) int {
	if len(people) == 0 {
		return 0
	}
	best := search(places, people[1:])
	for i, role := range places {
		if people[0].Has(role) {
			rest := append(append([]string(nil), places[:i]...), places[i+1:]...)
			best = max(best, 1+search(rest, people[1:]))
		}
	}
	return best
}
