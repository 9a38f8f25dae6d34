package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// digest is that of every plan of the incident that asks for the same: it holds neither the proposal nor who asked.
var digest = strings.Repeat("e32d93d766f0", 5) + "abcd"

// Ben has an approval ready in his shell, from the card of P1. That one is carried out, the same is asked for by hand, and his
// line approves a request and evidence that he never saw.
func TestAnApprovalByTheIncidentsNameCountsForNoOtherRequestThanWasRead(t *testing.T) {
	t.Parallel()
	api := pointsman.Target{Kind: "service", Name: "api"}
	proposal := func(n int, state pointsman.ProposalState, runbook string) pointsman.Proposal {
		return pointsman.Proposal{ID: fmt.Sprintf("INC-5/P%d", n), Runbook: runbook, Target: api, State: state, Digest: digest}
	}
	decided, mine, ready := proposal(1, pointsman.ProposalDenied, "quick"), proposal(1, pointsman.ProposalExpired, "quick"), proposal(3, pointsman.ProposalReady, "quick")
	mine.Votes = []pointsman.Vote{{Person: ana, Verdict: pointsman.Approve, Digest: digest, At: time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC)}}
	other := ready
	other.Digest = strings.Repeat("5f", 32)
	elsewhere := decided
	elsewhere.Target.Name = "api2"
	for name, c := range map[string]struct {
		proposals []pointsman.Proposal
		id        string
		verdict   pointsman.Verdict
		refused   string // "" where the store decides, about P3
	}{
		"the same was asked for before":          {[]pointsman.Proposal{decided, ready}, "INC-5", pointsman.Approve, "INC-5/P3 asks for the same as INC-5/P1 did, and"},
		"and this person has approved that":      {[]pointsman.Proposal{mine, ready}, "INC-5", pointsman.Approve, "INC-5/P1 did; you approved INC-5/P1 at 03:00:00 UTC, and"},
		"by its own name":                        {[]pointsman.Proposal{decided, ready}, "INC-5/P3", pointsman.Approve, ""},
		"a denial lets nothing run":              {[]pointsman.Proposal{decided, ready}, "INC-5", pointsman.Deny, ""},
		"another runbook has another plan":       {[]pointsman.Proposal{proposal(1, pointsman.ProposalDenied, "slow"), ready}, "INC-5", pointsman.Approve, ""},
		"another target has another plan":        {[]pointsman.Proposal{elsewhere, ready}, "INC-5", pointsman.Approve, ""},
		"it is the only one":                     {[]pointsman.Proposal{ready}, "INC-5", pointsman.Approve, ""},
		"the digest is of the older plan anyway": {[]pointsman.Proposal{decided, other}, "INC-5", pointsman.Approve, ""},
		"nobody can have read a plan of the older": {
			[]pointsman.Proposal{{ID: "INC-5/P1", Runbook: "quick", Target: api, State: pointsman.ProposalWithdrawn}, ready}, "INC-5", pointsman.Approve, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uid := uint32(1000)
			d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-5"}, Proposals: c.proposals}}
			status, ans := d.ask(t, http.MethodPost, "/api/v1/votes", fmt.Sprintf(`{"id":%q,"digest":"E32D93D766F0","verdict":%q}`, c.id, c.verdict), "", &uid)
			if c.refused != "" {
				if status != http.StatusUnprocessableEntity || len(d.done) != 0 || !strings.Contains(ans.Text, c.refused) || !strings.Contains(ans.Text, "approve INC-5/P3 --digest e32d93d766f0") {
					t.Errorf("%d %q, %+v", status, ans.Text, d.done)
				}
				return
			}
			if status != http.StatusOK || len(d.done) != 1 || d.done[0].(pointsman.CastVote).Proposal != "INC-5/P3" || d.done[0].(pointsman.CastVote).Digest != "e32d93d766f0" {
				t.Errorf("%d %q, %+v", status, ans.Text, d.done)
			}
		})
	}
}

// "The plan is now another one, you were shown e32d93d7" is read at night as: somebody changed it under me. It goes into the record, too.
func TestADigestThatCannotBeOneIsToldSoAndReachesNoRecord(t *testing.T) {
	t.Parallel()
	uid := uint32(1000)
	for wrong, says := range map[string]string{
		"":                             "the digest is missing; it is the 12 digits that the card shows",
		"e32d93d7":                     "the digest e32d93d7 has 8 digits, at least 12 are needed: those that the card shows",
		"zzzzzzzzzzzz":                 `"zzzzzzzzzzzz" is no digest, which has the digits 0-9 and a-f alone`,
		"e32d93d766f0\u202e":           `"e32d93d766f0\u202e" is no digest`,
		digest + "0":                   "the digest has 65 characters, and no digest has more than 64",
		strings.Repeat(digest+"x", 40): "the digest has 2600 characters, and no digest has more than 64",
	} {
		for _, id := range []string{"INC-5", "INC-5/P1", "INC-5/R1"} {
			d := &desk{state: pointsman.State{Incident: pointsman.Incident{ID: "INC-5"}, Proposals: []pointsman.Proposal{{ID: "INC-5/P1", Digest: digest, State: pointsman.ProposalReady}}}}
			status, ans := d.ask(t, http.MethodPost, "/api/v1/votes", fmt.Sprintf(`{"id":%q,"digest":%q,"verdict":"approve"}`, id, wrong), "", &uid)
			if status != http.StatusUnprocessableEntity || len(d.done)+len(d.notes) != 0 || !strings.Contains(ans.Text, "nothing was decided: ") || !strings.Contains(ans.Text, says) || len(ans.Text) > 300 {
				t.Errorf("%s %q: %d %q, %+v", id, wrong, status, ans.Text, d.done)
			}
		}
	}
	d := &desk{state: parked()}
	status, ans := d.ask(t, http.MethodPost, "/api/v1/steer", `{"run":"INC-7/R2","verb":"accept","at":"1.2","digest":"5f5f","reason":"drafts"}`, "", &uid)
	if status != http.StatusUnprocessableEntity || len(d.done) != 0 || !strings.Contains(ans.Text, "nothing was changed: the digest 5f5f has 4 digits") {
		t.Errorf("%d %q", status, ans.Text)
	}
}
