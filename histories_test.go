package pointsman

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLongHistories goes where the search does not come: deep, along random paths, with the same invariants. Every
// history goes through the form in which a store keeps it.
func TestLongHistories(t *testing.T) {
	t.Parallel()
	w := newWalker(t, alphabet{alerts: []string{"f1", "f2"}, people: []Actor{dbaA, dbaB, rob, eve}, proposals: 9, runs: 9, requests: true, steers: true, twoPlans: true, gates: true, holds: true, wishes: true})
	rapid.Check(t, func(t *rapid.T) {
		n := &spot{state: State{Incident: Incident{ID: "INC-1"}}, now: night}
		for range 120 {
			c := rapid.SampledFrom(w.commands(n)).Draw(t, "command")
			to, err := n.next(c)
			if err != nil {
				t.Fatalf("%v\n  %s", err, to.path())
			}
			back, err := stored(to.state)
			if err != nil || !same(back, to.state) {
				t.Fatalf("a store would lose something of the state (%v) after\n  %s", err, to.path())
			}
			if n = to; n.state.Incident.Proposals > 4 {
				break // enough; a history of requests only says little
			}
		}
	})
}

// TestPathsOfTheLongSearch goes the ways on which a release's search stopped, and the usual one does not come so far.
func TestPathsOfTheLongSearch(t *testing.T) {
	t.Parallel()
	begun := []string{"f1 fires", "INC-1/P1 ready with plan B", "ana approves INC-1/P1", "ben approves INC-1/P1", "INC-1/R1 starts, epoch +1"}
	for name, path := range map[string][]string{
		"a paused run may have been resumed in what is lost":      {"ana says pause to INC-1/R1", "INC-1/R1: step 1 done, epoch +0", "the log loses its end"},
		"a paused run whose step was not sent may have been, too": {"ana says pause to INC-1/R1", "INC-1/R1: step 1 was never sent, again", "the log loses its end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWalker(t, alphabet{alerts: []string{"f1"}, people: []Actor{dbaA, dbaB}, proposals: 3, runs: 2, steers: true, twoPlans: true, holds: true, wishes: true})
			n := w.root(t)
			for _, step := range append(slices.Clone(begun), path...) {
				all := w.commands(n)
				i := slices.IndexFunc(all, func(c labelled) bool { return c.name == step })
				if i < 0 {
					t.Fatalf("there is no %q after\n  %s", step, n.path())
				}
				to, err := n.next(all[i])
				if err != nil {
					t.Fatalf("%v\n  %s", err, to.path())
				}
				n = to
			}
		})
	}
}
