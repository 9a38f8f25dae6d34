package app

import (
	"testing"

	"github.com/pointsman/pointsman"
)

// refusing is a door behind which INC-1/P1 was refused by a check.
func refusing(t *testing.T) (e electorate, do func(pointsman.Command) pointsman.Result) {
	t.Helper()
	a, _ := offering(t, quiet+"alertmanager: {tokens: [token-of-the-test]}\n")
	e = electorate{a.store, a.catalog}
	do = func(cmd pointsman.Command) pointsman.Result {
		t.Helper()
		res, err := e.Do(t.Context(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	do(wish(ana, "1"))
	do(pointsman.Ready{Proposal: "INC-1/P1", Generation: 1, Problem: "the program /bin/nope of restart of api cannot be run"})
	return e, do
}

var (
	ana = pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana", Roles: []string{"sre"}}, Door: pointsman.DoorCLI}
	ben = pointsman.Actor{Person: pointsman.Person{ID: "ben", Name: "Ben", Roles: []string{"sre"}}, Door: pointsman.DoorSlack}
)

// wish asks for the runbook as every door does.
func wish(by pointsman.Actor, once string) pointsman.Request {
	offer := pointsman.Offer{Runbook: "quick", Target: pointsman.Target{Kind: "service", Name: "api"}}
	return pointsman.Request{Key: offer.Key(), Offer: offer, By: by, Once: once}
}

// A program was missing, somebody has put it there and asks again. "Already proposed" with exit code 0 leaves the refusal of
// before, and with Slack away there is no button that clears it.
func TestWhatStandsRefusedIsCheckedAgainForWhoeverAsksForIt(t *testing.T) {
	t.Parallel()
	e, do := refusing(t)
	for n, c := range []struct {
		ask  pointsman.Request
		says string
		gen  int
	}{
		{wish(ben, "2"), "INC-1/P1 was refused; it is checked again", 2},
		{wish(ben, "2"), "quick on service/api is already proposed as INC-1/P1", 2}, // its answer was lost
		{wish(ana, ""), "quick on service/api is already proposed as INC-1/P1", 2},  // the check runs
	} {
		res := do(c.ask)
		p, _ := res.State.Proposal("INC-1/P1")
		if !res.Answer.OK() || res.Answer.Text != c.says || res.Answer.ID != p.ID || p.State != pointsman.ProposalChecking || p.Generation != c.gen || len(res.State.Proposals) != 1 {
			t.Errorf("%d: %+v, and %s is %s, check %d", n+1, res.Answer, p.ID, p.State, p.Generation)
		}
	}
	do(pointsman.Ready{Proposal: "INC-1/P1", Generation: 2, Problem: "it is still not there"})
	res := do(wish(ben, "2")) // once more the same name: no further check
	if p, _ := res.State.Proposal("INC-1/P1"); p.Generation != 2 || p.State != pointsman.ProposalRefused {
		t.Errorf("repeated under its name: %+v, and %s is %s, check %d", res.Answer, p.ID, p.State, p.Generation)
	}
	stranger := wish(pointsman.Actor{Door: pointsman.DoorSlack, Ref: "T1/U1"}, "")
	if res := do(stranger); res.Answer.Code != pointsman.CodeNotAllowed {
		t.Errorf("a stranger had it checked: %+v", res.Answer)
	}
	res = do(wish(ana, ""))
	entries, err := e.Events(t.Context(), "INC-1", 0, 100)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	p, _ := res.State.Proposal("INC-1/P1")
	if last := entries[len(entries)-1].Text; p.Generation != 3 || last != "Ana asked for fresh checks of INC-1/P1" {
		t.Errorf("%+v, check %d, and the record says %q", res.Answer, p.Generation, last)
	}
}

// Whoever denies what a guard has refused was told that it cannot be approved.
func TestADenialOfWhatIsRefusedIsToldSo(t *testing.T) {
	t.Parallel()
	_, do := refusing(t)
	const why = "the program /bin/nope of restart of api cannot be run"
	for verdict, want := range map[pointsman.Verdict]string{
		pointsman.Deny:    "INC-1/P1 is refused already, so there is nothing to deny: " + why,
		pointsman.Approve: "INC-1/P1 cannot be approved: " + why,
	} {
		res := do(pointsman.CastVote{Proposal: "INC-1/P1", Digest: "0123456789ab", Verdict: verdict, Reason: "not now", By: ben})
		if res.Answer.Code != pointsman.CodeNotAllowed || res.Answer.Text != want {
			t.Errorf("%s: %+v", verdict, res.Answer)
		}
	}
}
