package bot

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Crew is who is configured at this moment and recognised by an open door.
type Crew interface {
	Accounts() []Account
}

// Account is a person and the Slack account by which they are known, "T0123/U0ANA"; empty where there is none.
type Account struct {
	Person pointsman.Person
	Slack  string
}

// Why a line calls people. The words are stored with deliveries and never renamed.
const (
	callReady  = "ready"  // the first on the card can be approved from now on
	callVote   = "vote"   // others must join the one who has approved
	callUpdate = "update" // an approval still waits at the time of a timed update
	callPage   = "page"   // the pager wakes nobody
)

// call is what a line asks of people beside what it tells. Whom is found when the line is sent: by then it may be decided.
type call struct {
	Why string `json:"why"`
	ID  string `json:"id,omitempty"` // of the proposal or run that was voted on
}

// called reports what the line of the event calls people for; nil for one that only tells.
func (s *Sender) called(ev pointsman.Logged) *call {
	switch {
	case ev.Type == pointsman.EvProposalReady:
		return &call{callReady, ev.Proposal}
	case ev.Type == pointsman.EvVoteCounted:
		return &call{callVote, ev.Proposal}
	case ev.Type == pointsman.EvGateCounted:
		return &call{callVote, ev.Run}
	case ev.Type == pointsman.EvIncidentUpdate && ev.Actor.Door == pointsman.DoorClock: // what a person writes calls whom the person names
		return &call{Why: callUpdate}
	case ev.Type == pointsman.EvPageUndelivered, lostPage(ev), ev.Type == pointsman.EvPageTriggered && s.pages == nil:
		return &call{Why: callPage}
	}
	return nil
}

// calling is the second line of a text, which Slack rings for: who may decide, and what. Without it the line still tells what
// it has to, so what cannot be read costs the mention and never the line.
func (s *Sender) calling(ctx context.Context, d pointsman.Delivery, what said) string {
	if what.Call == nil || s.crew == nil {
		return ""
	}
	st, err := s.read.State(ctx, d.Incident)
	if err != nil {
		s.log.WarnContext(ctx, "line is sent without a mention", "incident", d.Incident, "err", err)
		return ""
	}
	if st.Incident.State != pointsman.IncidentOpen || what.Call.Why == callPage && s.woken(ctx, st.Incident) {
		return ""
	}
	q := toDecide(st, *what.Call, s.now())
	if q == nil {
		return ""
	}
	return q.sentence(s.crew.Accounts(), s.team)
}

// woken reports whether by now somebody is being woken or has come, so that nobody has to be called in their place.
func (s *Sender) woken(ctx context.Context, inc pointsman.Incident) bool {
	if inc.Page != pointsman.PageTriggered || s.pages == nil {
		return inc.Page != pointsman.PageTriggered
	}
	of, err := s.pages.Paging(ctx, inc.ID)
	return err == nil && of.Taken // what is not known wakes nobody
}

// decision is what people are called for.
type decision struct {
	what      string // the runbook
	gate      string // " at step 2 of 3, look," in its run
	ask       string // what to do where no votes are counted
	policy    pointsman.Policy
	requester pointsman.Actor
	approved  []pointsman.Person
	until     time.Time // zero where no votes are counted
}

// toDecide finds what the call is about as things stand now; nil where nothing is left to decide.
func toDecide(st pointsman.State, c call, now time.Time) *decision {
	if r, open := st.OpenRun(); open && (c.ID == "" || c.ID == r.ID) {
		if q := steered(st, r, c, now); q != nil || c.Why != callPage {
			return q
		}
	}
	shown := st.Shown()
	if c.Why == callReady && (len(shown) == 0 || shown[0].ID != c.ID) {
		return nil // several runbooks fit, and one ring says that there is something to decide
	}
	for _, p := range shown {
		if p.State == pointsman.ProposalReady && p.Already == "" && now.Before(p.ExpiresAt) && (c.ID == "" || c.ID == p.ID) {
			return &decision{what: proposed(p), policy: p.Policy, requester: p.Requester, approved: p.Approvers(), until: p.ExpiresAt}
		}
	}
	if c.Why != callPage {
		return nil
	}
	q := &decision{ask: "please look at the card and decide what to do."}
	if len(shown) > 0 {
		q.policy = shown[0].Policy
	}
	return q
}

// steered is what an open run asks: votes at a gate, or a word where it is parked. A parked one may stand for days, so timed
// updates do not call for it; the page does, and the line that says that nobody is paged.
func steered(st pointsman.State, r pointsman.Run, c call, now time.Time) *decision {
	i := slices.IndexFunc(st.Proposals, func(p pointsman.Proposal) bool { return p.ID == r.Proposal })
	if i < 0 {
		return nil
	}
	p := st.Proposals[i]
	if at, waits := r.AtGate(); waits && now.Before(r.Steps[at].Gate.ExpiresAt) {
		g := r.Steps[at].Gate
		q := &decision{what: proposed(p), policy: g.Policy, requester: p.Requester, until: g.ExpiresAt}
		q.gate = " at " + md(r.Position(at)+", "+r.Called(at), 120) + ","
		for _, v := range g.Votes {
			if ok, _ := g.Policy.Eligible(pointsman.Actor{Person: v.Person}, p.Requester); ok && v.Verdict == pointsman.Approve && v.Digest == r.Digest {
				q.approved = append(q.approved, v.Person)
			}
		}
		return q
	}
	if c.Why == callPage && r.State == pointsman.RunParked {
		return &decision{ask: "please decide on the card how it goes on. " + proposed(p) + " is parked.", policy: p.Policy}
	}
	return nil
}

func proposed(p pointsman.Proposal) string {
	return drill(p.Mode == pointsman.ModeDrill) + md(cmp.Or(p.Title, p.Runbook), 120)
}

// maxCalled is how many people one line calls.
const maxCalled = 10

// sentence calls those whose word would count now: not who has voted, not who asked, not whose role is filled. People whom
// Slack cannot ring for are named.
func (q decision) sentence(crew []Account, team string) string {
	have := q.policy.Count(q.approved)
	var loud, named []string
	for _, a := range crew {
		if !q.counts(a.Person, have) {
			continue
		}
		if m := mention(a, team); m != "" {
			loud = append(loud, m)
		} else {
			named = append(named, md(pointsman.Actor{Person: a.Person}.String(), 60))
		}
	}
	return q.say(append(loud, named...), have)
}

func (q decision) say(names []string, have pointsman.Standing) string {
	more := "approval"
	if have.Have > 0 {
		more = "more approval"
	}
	needs := fmt.Sprintf("%s needs %s%s before %s", q.what, pointsman.Count(have.Need-have.Have, more), q.gate, at(q.until))
	switch {
	case len(names) == 0 && q.until.IsZero():
		return ""
	case len(names) == 0:
		return "\n⚠️ " + needs + ", and nobody else in the configuration may give it."
	case q.until.IsZero():
		return "\n👉 " + list(names) + ": " + q.ask
	}
	return "\n👉 " + list(names) + ": please approve or deny on the card. " + needs + "."
}

// counts reports whether the person's word would bring the decision nearer. Where no policy says who decides, it is everybody.
func (q decision) counts(who pointsman.Person, have pointsman.Standing) bool {
	if len(q.policy.Require) == 0 {
		return q.until.IsZero()
	}
	ok, _ := q.policy.Eligible(pointsman.Actor{Person: who}, q.requester)
	if !ok || q.until.IsZero() {
		return ok
	}
	return q.policy.Count(append(slices.Clone(q.approved), who)).Have > have.Have
}

// list is "A", "A and B", "A, B and 4 more".
func list(names []string) string {
	if rest := len(names) - maxCalled; rest > 0 {
		return strings.Join(names[:maxCalled], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}

var userForm = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)

// mention is what rings for the person; empty where Slack would ring for nobody or somebody else, as in another workspace.
// https://docs.slack.dev/messaging/formatting-message-text#mentioning-users
func mention(a Account, team string) string {
	of, user, _ := strings.Cut(a.Slack, "/")
	if of != team || !userForm.MatchString(user) {
		return ""
	}
	return "<@" + user + ">"
}
