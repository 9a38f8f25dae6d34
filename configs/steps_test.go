package configs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman/configs"
)

// faultsOf decodes a runbook with these lines under steps, the first of which is line 6 of the file.
func faultsOf(t *testing.T, steps string) []string {
	t.Helper()
	text := "name: x\n" + "title: X\ndescription: For tests.\nowner: dba\nsteps:\n" + steps + "review: 2027-02-01\napproval: {require: [1 of dba]}\n"
	_, faults := configs.DecodeRunbook("x.yaml", []byte(text))
	var got []string
	for _, f := range faults {
		got = append(got, strings.TrimPrefix(f.Error(), "x.yaml:"))
	}
	return got
}

const last = "  - {name: last, kind: manual.task, with: {text: look}}\n"

func TestLint_gates(t *testing.T) {
	t.Parallel()
	for steps, want := range map[string]string{
		"  - {name: g, kind: gate, approval: {require: [2 of dba], expires: 10m, reason_required: true}}\n" + last: "",
		"  - {name: g, kind: gate, approval: {require: [2 of dba]}}\n" + last:                                      "",
		"  - {name: g, kind: gate}\n" + last:                                                                       "6: steps[0].approval: a gate needs an approval, for example approval: {require: [1 of dba]}",
		"  - {name: g, kind: gate, approvall: {require: [2 of dba]}}\n" + last:                                     "6: steps[0].approvall: unknown key, did you mean approval?",
		"  - {name: g, kind: gate, approval: {requires: [2 of dba]}}\n" + last:                                     "6: steps[0].approval.requires: unknown key, did you mean require?",
		"  - name: g\n    kind: gate\n    approval: {require: [dba]}\n" + last:                                     "8: steps[0].approval.require[0]: \"dba\" is no requirement; write a number from 1 to 20 and a role, for example 2 of dba",
		"  - {name: g, kind: gate, approval: {require: [1 of dba], requester_may_approve: true}}\n" + last:         "6: steps[0].approval.requester_may_approve: whoever asked for a run never opens its gates; remove it",
		"  - {name: g, kind: gate, approval: {require: [1 of dba], expires: 10s}}\n" + last:                        "6: steps[0].approval.expires: 10s is outside 1m to 24h",
		"  - {name: g, kind: gate, timeout: 5m, approval: {require: [1 of dba]}}\n" + last:                         "6: steps[0].timeout: a gate waits until its approval expires; remove the timeout, or write approval.expires",
		"  - {name: g, kind: gate, irreversible: true, approval: {require: [1 of dba]}}\n" + last:                  "6: steps[0].irreversible: a gate has no effect, so nothing of it could be undone; remove it",
		last + "  - {name: g, kind: gate, approval: {require: [1 of dba]}}\n":                                      "7: steps[1]: nothing follows after the gate; remove it, or put it before the step that it guards",
		"  - {name: g, kind: manual.task, with: {text: x}, approval: {require: [1 of dba]}}\n":                     "6: steps[0].approval: a step of kind manual.task has no approval of its own; put a step of kind gate before it",
	} {
		if diff := cmp.Diff(want, strings.Join(faultsOf(t, steps), "\n")); diff != "" {
			t.Errorf("%s%s", steps, diff)
		}
	}
}

func TestLint_modes(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		"modes: [drill, incident]\n":                                              "",
		"modes: [drill, drill]\n":                                                 "7: modes: drill is listed twice",
		"modes: [exercise]\n":                                                     `7: modes: "exercise" is no mode; there are incident, planned, drill`,
		"modes: [planned]\nanswers: [['alertname=\"X\"']]\n":                      "7: modes: it answers alerts, and what they ask for is an incident; add incident, or take its answers out",
		"params: {mode: {type: enum, values: [a]}}\n":                             "7: params: mode is no name of a parameter: who asks for a run says with it what the run is for",
		"params: {incident: {type: enum, values: [a]}}\n":                         "7: params: incident is no name of a parameter: who asks for a run says with it which incident the run is in",
		"modes: planned\n":                                                        `7: modes: "planned" is one value, want a list; write each entry after a dash`,
		"params: {a: {type: enum, values: [b], labels: [c]}}\nmodes: [planned]\n": "",
	} {
		if diff := cmp.Diff(want, strings.Join(faultsOf(t, last+more), "\n")); diff != "" {
			t.Errorf("%s%s", more, diff)
		}
	}
}

func TestLint_conditions(t *testing.T) {
	t.Parallel()
	step := func(when string) string {
		return "  - {name: a, kind: manual.task, with: {text: x}, when: " + when + "}\n"
	}
	for when, want := range map[string]string{
		`{fact: "pg-1 writable", is: "==", value: "no"}`: "",
		`{fact: lag, is: "<=", value: 16777216}`:         "",
		`{fact: lag, is: "<=", value: 16MiB}`:            `6: steps[0].when: "16MiB" is no number; <= compares with the fact's measure`,
		`{fact: lag, is: "=<", value: 3}`:                `6: steps[0].when: "=<" is no comparison; there are == != < <= > >=`,
		`{fact: lag, is: "<"}`:                           "6: steps[0].when: a condition needs a value",
		`{is: "<", value: 3}`:                            "6: steps[0].when: a condition needs the name of a fact",
		`{fact: lag, is: "<", valu: 3}`:                  "6: steps[0].when.valu: unknown key, did you mean value?",
		`lag < 3`:                                        `6: steps[0].when: "lag < 3" is one value, want a section with keys`,
	} {
		if diff := cmp.Diff(want, strings.Join(faultsOf(t, step(when)), "\n")); diff != "" {
			t.Errorf("%s%s", when, diff)
		}
	}
}
