package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// An approval that expired while people slept must not need another way than the card to be asked for again.
func TestAnApprovalThatExpiredCanBeAskedForAgainWhereverItStands(t *testing.T) {
	t.Parallel()
	const button = `"text":"Check and ask again","emoji":false},"action_id":"recheck","value":"INC-7/P1 `
	expired := func(s *tale) *tale { return s.ready().after(16 * time.Minute).must(pointsman.Tick{Incident: "INC-7"}) }
	for name, c := range map[string]struct {
		told  func(*tale) *tale
		first string // whose card it is
		has   bool
	}{
		"beside one that is refused": {expired, "INC-7/P1", true},
		"beside one that waits for votes": {func(s *tale) *tale {
			s.alert().after(4 * time.Second).readyWith(failover()).after(time.Minute)
			s.must(pointsman.Ready{Proposal: "INC-7/P2", Generation: 1, Plan: encoded(s.t, switchover()), Facts: s.facts(), Eligible: []string{"Ana Ruiz"}})
			return s.after(14*time.Minute + time.Second).must(pointsman.Tick{Incident: "INC-7"})
		}, "INC-7/P2", true},
		"beside one that is at work": {func(s *tale) *tale {
			s.alert().after(4 * time.Second).readyWith(failover()).after(time.Minute)
			s.must(pointsman.Ready{Proposal: "INC-7/P2", Generation: 1, Plan: encoded(s.t, failover(needs(1), func(p *pointsman.Plan) { p.Runbook = "postgres-switchover" })), Facts: s.facts()})
			s.after(14*time.Minute + time.Second).must(pointsman.Tick{Incident: "INC-7"})
			prop, _ := s.state.Proposal("INC-7/P2")
			return s.must(pointsman.CastVote{Proposal: prop.ID, Digest: prop.Digest, Verdict: pointsman.Approve, By: by(ana)})
		}, "INC-7/P2", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.told(begin(t))
			v := ViewOf(s.state, s.now)
			if p, _ := s.state.Proposal("INC-7/P1"); p.State != pointsman.ProposalExpired || v.Proposals[0].ID != c.first {
				t.Fatalf("P1 is %s, first is %s", p.State, v.Proposals[0].ID)
			}
			if shown := textOf(Card(v)); strings.Contains(shown, button) != c.has {
				t.Error(shown)
			}
			accepts(t, v)
		})
	}
}
