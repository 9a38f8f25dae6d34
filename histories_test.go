package pointsman

import (
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
