package configs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// pair is a group on lines 6 to 9: its keys beside the members, and what the second member says beside its kind.
func pair(keys, second string) string {
	return "  - name: both\n    parallel:\n" +
		"      - {name: eu, kind: http.check, with: {service: eu}, timeout: 10s}\n" +
		"      - {name: us, kind: http.check, with: {service: us}, timeout: 20s" + second + "}\n" + keys + last
}

func TestLint_groups(t *testing.T) {
	t.Parallel()
	for steps, want := range map[string]string{
		pair("", ""): "",
		pair("    timeout: 30s\n    when: {fact: f, is: ==, value: v}\n    skip: {by: [dba]}\n", ""): "",
		pair("    timeout: 15s\n", ""):                                                              "6: steps[0].parallel[1].timeout: the group has 15s, less than the 20s of its member us; give the group more or leave its timeout out",
		pair("    kind: exec.run\n", ""):                                                            "6: steps[0]: a group has name, parallel, when, skip and timeout; what is done stands under its members",
		pair("    irreversible: true\n", ""):                                                        "6: steps[0]: a group has name, parallel, when, skip and timeout; what is done stands under its members",
		pair("    parallels: []\n", ""):                                                             "10: steps[0].parallels: unknown key, did you mean parallel?",
		pair("", ", irreversible: true"):                                                            "9: steps[0].parallel[1].irreversible: a point of no return has its position to itself; put it into a step of its own",
		pair("", ", when: {fact: f, is: ==, value: v}"):                                             "9: steps[0].parallel[1].when: the condition belongs to the group; put it beside parallel",
		pair("", ", skip: {by: [dba]}"):                                                             "9: steps[0].parallel[1].skip: a group is left out as a whole; put skip beside parallel",
		pair("", ", ungraceful: {every: 1s}"):                                                       "9: steps[0].parallel[1].ungraceful: a member of a group has no harder form; put it into a step of its own",
		pair("", ", parallel: [{name: a, kind: b}]"):                                                "9: steps[0].parallel[1].parallel: unknown key; known here: approval, irreversible, kind, name, skip, timeout, ungraceful, when, with",
		pair("", ", timeot: 5s"):                                                                    "9: steps[0].parallel[1].timeot: unknown key, did you mean timeout?",
		strings.Replace(pair("", ""), "name: us", "name: both", 1):                                  "9: steps[0].parallel[1].name: the group is called both, too; a person must know which one is meant",
		strings.Replace(pair("", ""), "name: us", "name: last", 1):                                  "10: steps[1].name: another step is called last; a person must know which one is meant",
		strings.Replace(pair("", ""), "name: both", "name: last", 1):                                "6: steps[0].name: another step is called last; a person must know which one is meant",
		strings.Replace(pair("", ""), ", timeout: 20s", "", 1):                                      "9: steps[0].parallel[1].timeout: a step of kind http.check needs a timeout, for example 30s",
		strings.Replace(pair("", ""), "us, kind: http.check", "us, kind: gate", 1):                  "9: steps[0].parallel[1].kind: a step of kind gate waits; put it before or after the group",
		"  - name: one\n    parallel:\n      - {name: eu, kind: http.check, timeout: 10s}\n" + last: "6: steps[0].parallel: a group has at least two members; write a single step without parallel",
		"  - name: none\n    parallel: []\n" + last:                                                 "6: steps[0].parallel: a group has at least two members; write a single step without parallel",
	} {
		if diff := cmp.Diff(want, strings.Join(faultsOf(t, steps), "\n")); diff != "" {
			t.Errorf("%s%s", steps, diff)
		}
	}
}

func TestDecodeRunbook_lays_a_group_out_as_its_members(t *testing.T) {
	t.Parallel()
	text := "name: x\ntitle: X\ndescription: For tests.\nowner: dba\nsteps:\n" + pair("    timeout: 30s\n    when: {fact: f, is: ==, value: v}\n    skip: {by: [dba]}\n", "") +
		"review: 2027-02-01\napproval: {require: [1 of dba]}\n"
	rb, faults := configs.DecodeRunbook("x.yaml", []byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	group := pointsman.Group{Name: "both", Timeout: 30 * time.Second}
	when := &pointsman.Condition{Fact: "f", Is: "==", Value: "v"}
	member := func(name string, timeout time.Duration, line int) pointsman.RunbookStep {
		return pointsman.RunbookStep{
			Name: name, Kind: "http.check", With: map[string]any{"service": name}, Timeout: timeout, When: when, SkipBy: []string{"dba"}, Group: group, Line: line,
		}
	}
	want := []pointsman.RunbookStep{
		member("eu", 10*time.Second, 8), member("us", 20*time.Second, 9),
		{Name: "last", Kind: "manual.task", With: map[string]any{"text": "look"}, Line: 13},
	}
	if diff := cmp.Diff(want, rb.Steps); diff != "" {
		t.Error(diff)
	}
	var paths []string
	for i := range rb.Steps {
		paths = append(paths, rb.PathOf(i))
	}
	if got := strings.Join(paths, " "); got != "steps[0].parallel[0] steps[0].parallel[1] steps[1]" {
		t.Error(got)
	}
}
