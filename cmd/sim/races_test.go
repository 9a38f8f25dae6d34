package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/store"
)

// TestApprovalRaces lets 2 to 50 clicks on one card reach the store at the same moment, approvals, denials and repeated
// clicks, while the card may expire under them: there is one outcome, and every click is answered.
func TestApprovalRaces(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	s, err := store.Open(t.Context(), store.Config{Path: ":memory:", Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	outcomes := map[string]int{}
	for n := range number(0, usualRaces, 20_000) {
		r := race{T: t, store: s, late: &late, rnd: rand.New(rand.NewPCG(1, uint64(n)))}
		outcomes[r.run(n)]++
		if t.Failed() {
			t.Fatalf("in race %d", n)
		}
	}
	t.Logf("outcomes: %v", outcomes)
	if usualRaces >= 1000 && len(outcomes) < 5 {
		t.Errorf("only %v were reached", outcomes)
	}
}

type race struct {
	*testing.T
	store *store.Store
	late  *atomic.Int64
	rnd   *rand.Rand
}

// card brings a proposal as far as its buttons.
func (r race) card(n, quorum int) pointsman.Proposal {
	target := pointsman.Target{Kind: "yard", Name: fmt.Sprint("n", n)}
	alert := pointsman.Alert{Fingerprint: "f", StartsAt: time.Unix(int64(n+1), 0), Status: pointsman.AlertFiring}
	p := r.do(pointsman.ReceiveAlerts{
		Key: target.Name, Title: "t", Target: target, Alerts: []pointsman.Alert{alert},
		Offers: []pointsman.Offer{{Runbook: "switch-track", Title: "t", Target: target}},
	}).State.Proposals[0]
	plan, err := pointsman.Plan{
		Version: 1, Runbook: "switch-track", Target: target, Lock: true, Steps: []pointsman.PlanStep{{Name: "one", Kind: "yard.fence", Timeout: time.Second}},
		Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: quorum, Role: "dba"}}, Expires: time.Minute},
	}.Encode()
	if err != nil {
		r.Fatal(err)
	}
	p, _ = r.do(pointsman.Ready{Proposal: p.ID, Generation: p.Generation, Plan: plan}).State.Proposal(p.ID)
	return p
}

func (r race) do(cmd pointsman.Command) pointsman.Result {
	res, err := r.store.Do(r.Context(), cmd)
	if err != nil {
		r.Errorf("%T: %v", cmd, err)
	}
	return res
}

// run is one race; it returns how it ended.
func (r race) run(n int) string {
	quorum := 1 + r.rnd.IntN(3)
	p := r.card(n, quorum)
	clicks := make([]pointsman.Command, 2+r.rnd.IntN(49))
	denies := []int{0, 0, 2, 20}[r.rnd.IntN(4)]
	for i := range clicks {
		who := pointsman.Person{ID: fmt.Sprint("p", r.rnd.IntN(12)), Roles: []string{"dba"}}
		vote := pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: by(who)}
		if r.rnd.IntN(100) < denies {
			vote.Verdict = pointsman.Deny
		}
		if r.rnd.IntN(3) == 0 {
			vote.Once = fmt.Sprint(p.ID, who.ID, vote.Verdict)
		}
		clicks[i] = vote
	}
	expires := r.rnd.IntN(5) == 0
	answers := make([]pointsman.Answer, len(clicks))
	var start, end sync.WaitGroup
	start.Add(1)
	for i, c := range clicks {
		end.Go(func() {
			start.Wait()
			answers[i] = r.do(c).Answer
			if expires && i == 0 {
				r.late.Add(int64(2 * time.Minute))
				r.do(pointsman.Tick{Incident: pointsman.IncidentOf(p.ID)})
			}
		})
	}
	start.Done()
	end.Wait()
	return r.judge(p.ID, quorum, clicks, answers)
}

// judge counts the outcomes in the log and compares them with what people were told.
func (r race) judge(id string, quorum int, clicks []pointsman.Command, answers []pointsman.Answer) string {
	events, err := r.store.Events(r.Context(), pointsman.IncidentOf(id), 0, 1000)
	if err != nil {
		r.Fatal(err)
	}
	count := map[pointsman.EventType]int{}
	for _, ev := range events {
		count[ev.Type]++
	}
	counted, approved, denied := 0, 0, 0
	for i, a := range answers {
		if a.Code == "" || a.Text == "" || a.ID == "" {
			r.Errorf("click %d is answered %+v", i, a)
		}
		verdict := clicks[i].(pointsman.CastVote).Verdict
		switch {
		case a.Code == pointsman.CodeCounted:
			counted++
		case a.Code == pointsman.CodeAccepted && verdict == pointsman.Approve:
			approved++
		case a.Code == pointsman.CodeAccepted:
			denied++
		}
	}
	outcome := count[pointsman.EvProposalApproved] + count[pointsman.EvProposalDenied] + count[pointsman.EvProposalExpired]
	switch {
	case outcome > 1, count[pointsman.EvRunQueued] != count[pointsman.EvProposalApproved]:
		r.Errorf("%s has the outcomes %v", id, count)
	case approved != count[pointsman.EvProposalApproved], denied != count[pointsman.EvProposalDenied]+count[pointsman.EvRunAborted]:
		r.Errorf("%d were told that they approved and %d that they denied, the log says %v", approved, denied, count)
	case counted+approved != count[pointsman.EvVoteCounted], approved == 1 && counted != quorum-1:
		r.Errorf("%d were told that they count, of %d: %v", counted, quorum, count)
	}
	switch {
	case count[pointsman.EvRunAborted] > 0:
		return "denied before the start"
	case approved > 0:
		return "approved"
	case denied > 0:
		return "denied"
	case outcome > 0:
		return "expired"
	}
	return "open"
}
