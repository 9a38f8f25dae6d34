package app

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/configs"
)

// A runbook of effects that names no target, or another one than its steps work on, would run without the lock, the
// cool-down and the windows of what it changes.
func TestARunbookLocksWhatItsStepsChange(t *testing.T) {
	t.Parallel()
	const promote = "{name: promote, kind: postgres.promote, with: {cluster: \"${cluster}\", candidate: pg-2}, timeout: 1m}"
	for name, c := range map[string]struct{ params, top, steps, want string }{
		"a promotion without a target": {
			params: "cluster: {type: target, kind: postgres}", steps: promote,
			want: "x.yaml:9: steps[0].kind: a step of kind postgres.promote needs a target, by which locks, windows and the cool-down hold, and this runbook has none; write target: with the parameter that names it",
		},
		"a promotion without a lock": {
			params: "cluster: {type: target, kind: postgres}", top: "target: cluster\nlock: false", steps: promote,
			want: "x.yaml:11: steps[0].kind: a step of kind postgres.promote needs the lock of its target, and this runbook says lock: false; take that out",
		},
		"the lock of another cluster": {
			params: "cluster: {type: target, kind: postgres}, other: {type: target, kind: postgres}", top: "target: other", steps: promote,
			want: "x.yaml:10: steps[0].with.cluster: the step works on ${cluster}, and this runbook locks ${other}; the two must be the same",
		},
		"the lock of a service": {
			params: "cluster: {type: target, kind: postgres}, api: {type: target, kind: service}", top: "target: api", steps: promote,
			want: "x.yaml:10: steps[0].kind: a step of kind postgres.promote works on a target of kind postgres, and this runbook locks api, of kind service",
		},
		"a cluster of Patroni under a cluster of PostgreSQL": {
			params: "cluster: {type: target, kind: postgres}", top: "target: cluster",
			steps: "{name: failover, kind: patroni.failover, with: {cluster: \"${cluster}\", candidate: pg-2}, timeout: 1m}",
			want:  "x.yaml:10: steps[0].kind: a step of kind patroni.failover works on a target of kind patroni, and this runbook locks cluster, of kind postgres",
		},
		"a command without a target": {
			params: "name: {type: int}", steps: "{name: restart, kind: exec.run, with: {service: api, command: restart}, timeout: 1m}",
			want: "x.yaml:9: steps[0].kind: a step of kind exec.run needs a target, by which locks, windows and the cool-down hold, and this runbook has none; write target: with the parameter that names it",
		},
		"a release without a target": {
			params: "name: {type: int}", steps: "{name: release, kind: killswitch.release, with: {switch: trading}, timeout: 1m}",
			want: "x.yaml:9: steps[0].kind: a step of kind killswitch.release needs a target, by which locks, windows and the cool-down hold, and this runbook has none; write target: with the parameter that names it",
		},
		"a look without a lock": {
			params: "cluster: {type: target, kind: postgres}", top: "target: cluster\nlock: false",
			steps: "{name: lag, kind: postgres.lag, with: {cluster: \"${cluster}\"}, timeout: 1m}",
		},
		"a brake without a target": {
			params: "name: {type: int}", steps: "{name: engage, kind: killswitch.engage, with: {switch: trading}, timeout: 1m}",
		},
		"a cluster named outright, for the reading decides": {
			params: "cluster: {type: target, kind: postgres}", top: "target: cluster",
			steps: "{name: promote, kind: postgres.promote, with: {cluster: orders, candidate: pg-2}, timeout: 1m}",
		},
		"two services under the lock of one": {
			params: "api: {type: target, kind: service}, peer: {type: target, kind: service}", top: "target: api",
			steps: "{name: restart, kind: exec.run, with: {service: \"${peer}\", command: restart}, timeout: 1m}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "name: x\ntitle: X\ndescription: X\nowner: dba\nreview: 2099-01-01\nparams: {" + c.params + "}\napproval: {require: [1 of dba]}\n" +
				strings.TrimPrefix(c.top+"\n", "\n") + "steps:\n  - " + c.steps + "\n"
			rb, faults := configs.DecodeRunbook("x.yaml", []byte(text))
			var got []string
			for _, f := range append(faults, LintRunbooks([]pointsman.Runbook{rb})...) {
				got = append(got, f.Error())
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), c.want)
			}
		})
	}
}
