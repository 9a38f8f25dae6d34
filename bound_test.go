package pointsman

import (
	"testing"
)

// TestARunBeginsOnlyWithTheApprovedPlan: the digest binds. Whatever differs between what was approved and what would run,
// whichever side was changed and by whomever, nothing begins.
func TestARunBeginsOnlyWithTheApprovedPlan(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r *Run, p *Proposal, other []byte){
		"another plan under the approved digest": func(r *Run, _ *Proposal, other []byte) { r.Plan = other },
		"another plan with its own digest":       func(r *Run, _ *Proposal, other []byte) { r.Plan, r.Digest = other, Digest(other) },
		"another plan on the card":               func(_ *Run, p *Proposal, other []byte) { p.Plan, p.Digest = other, Digest(other) },
		"one byte more":                          func(r *Run, _ *Proposal, _ []byte) { r.Plan = append(r.Plan[:len(r.Plan):len(r.Plan)], ' ') },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.approved()
			change(&s.state.Runs[0], &s.state.Proposals[0], planBytes(t, 1, "pg-3"))
			s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeChanged, "the plan of the run is not the approved one")
			if s.count(EvStepStarted) != 0 || s.state.Runs[0].State != RunVoided || len(s.state.Proposals[0].Votes) != 0 {
				t.Fatalf("%+v", s.state.Runs[0])
			}
		})
	}
}
