package bot

import (
	"fmt"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// account is a Slack account as a callback describes it, and whether such an account may decide anything.
type account struct {
	name string
	edit func(*slack.User)
	may  bool
}

var accounts = []account{
	{"a member", func(*slack.User) {}, true},
	{"a member without a team of their own in the callback", func(u *slack.User) { u.TeamID = "" }, true},
	{"of another workspace", func(u *slack.User) { u.TeamID = "T0OTHER" }, false},
	{"a guest", func(u *slack.User) { u.IsRestricted = true }, false},
	{"a guest of one channel", func(u *slack.User) { u.IsUltraRestricted = true }, false},
	{"a stranger from a shared channel", func(u *slack.User) { u.IsStranger = true }, false},
	{"deactivated", func(u *slack.User) { u.Deleted = true }, false},
	{"a bot", func(u *slack.User) { u.IsBot = true }, false},
	{"an app", func(u *slack.User) { u.IsAppUser = true }, false},
	{"nobody", func(u *slack.User) { u.ID = "" }, false},
}

// clickers are who may stand behind an account: eve has no role, mal is in no configuration.
var clickers = map[string]pointsman.Person{"U0ANA": ana, "U0BEN": ben, "U0EVE": eve, "U0MAL": {}}

// askedBy is a proposal that the requester asked for, or an alert if nobody did.
func askedBy(t *testing.T, requester string) pointsman.State {
	t.Helper()
	offer := webhook().Offers[0]
	var cmd pointsman.Command = pointsman.Request{Key: "k", Offer: offer, Reason: "planned", By: pointsman.Actor{Person: clickers[requester], Door: pointsman.DoorCLI}}
	if requester == "" {
		w := webhook(pointsman.Alert{Fingerprint: "f", StartsAt: night, Status: pointsman.AlertFiring})
		w.Offers = w.Offers[:1]
		cmd = w
	}
	plan, err := failover(func(p *pointsman.Plan) { p.Policy.Require[0].Count = 1 }).Encode()
	if err != nil {
		t.Fatal(err)
	}
	st := pointsman.State{Incident: pointsman.Incident{ID: "INC-7"}}
	for _, c := range []pointsman.Command{cmd, pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: plan}} {
		var ans pointsman.Answer
		if st, _, ans = pointsman.Decide(st, c, night); !ans.OK() {
			t.Fatalf("%T: %+v", c, ans)
		}
	}
	return st
}

// TestWhoMayDecide compares every decision of the door and the reducer with a rule of three lines, for each combination of
// account, person, role, requester, verdict, digest and expiry.
func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	h := &Handler{team: "T0POINTS", deps: Deps{People: phoneBook{"T0POINTS/U0ANA": ana, "T0POINTS/U0BEN": ben, "T0POINTS/U0EVE": eve}}}
	cells, counted := 0, 0
	for _, requester := range []string{"", "U0ANA", "U0EVE"} {
		st := askedBy(t, requester)
		digest := st.Proposals[0].Digest
		other := pointsman.Digest([]byte("another plan"))
		for shown, right := range map[string]bool{digest: true, digest[:12]: true, digest[:11]: false, "": false, other: false, other[:12]: false, digest + "0": false} {
			for after, late := range map[time.Duration]bool{0: false, 15*time.Minute - time.Microsecond: false, 15 * time.Minute: true, time.Hour: true} {
				for _, acc := range accounts {
					for id, person := range clickers {
						for _, verdict := range []pointsman.Verdict{pointsman.Approve, pointsman.Deny, ""} {
							own := requester == id && person.ID != ""
							dba := person.Has("dba")
							want := acc.may && right && !late && (verdict == pointsman.Approve && dba && !own || verdict == pointsman.Deny && (dba || own))

							got, why := h.counts(st, acc, id, pointsman.CastVote{Proposal: "INC-7/P1", Digest: shown, Verdict: verdict}, night.Add(after))
							cells++
							if got {
								counted++
							}
							if got != want || why == "" {
								t.Errorf("%s of %s, %s, asked by %q, digest %q, %s later: counts %t (%s), want %t", verdict, id, acc.name, requester, shown, after, got, why, want)
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d decisions, %d of them count", cells, counted)
	if cells < 2000 || counted == 0 {
		t.Errorf("%d decisions, %d of them count", cells, counted)
	}
}

// counts is what the door and the reducer make of a click, and the sentence that the person is told.
func (h *Handler) counts(st pointsman.State, acc account, id string, vote pointsman.CastVote, now time.Time) (bool, string) {
	cb := slack.InteractionCallback{User: slack.User{ID: id, TeamID: "T0POINTS"}, Team: slack.Team{ID: "T0POINTS"}}
	acc.edit(&cb.User)
	by, why := h.who(cb)
	if why != "" {
		return false, why
	}
	vote.By = by
	after, events, ans := pointsman.Decide(st, vote, now)
	p, _ := after.Proposal("INC-7/P1")
	decided := p.State == pointsman.ProposalApproved || p.State == pointsman.ProposalDenied
	if decided != ans.OK() || len(events) == 0 {
		return !decided, fmt.Sprintf("answered %s, the proposal is %s, %d event(s)", ans.Code, p.State, len(events))
	}
	return decided, ans.Text
}
