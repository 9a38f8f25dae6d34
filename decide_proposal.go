package pointsman

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// propose adds a proposal that is to be checked.
func (t *turn) propose(by Actor, o Offer, why string) *Proposal {
	inc := &t.state.Incident
	inc.Proposals++
	p := Proposal{
		ID: fmt.Sprintf("%s/P%d", inc.ID, inc.Proposals), Runbook: o.Runbook, Title: o.Title, Target: o.Target,
		Params: maps.Clone(o.Params), Mode: o.Mode, Problem: o.Problem, Priority: o.Priority, Requester: by, Reason: why,
		RequestedAt: t.now, Generation: 1,
	}
	if !by.Known() {
		p.Mode = ModeIncident
	}
	t.moveProposal(&p, EvProposalRequested)
	t.say(EvProposalRequested, by, fmt.Sprintf("%s asked for %s%s", by, naming(o), o.Mode.purpose()), about(&p), reason(why), with(o))
	if p.Problem != "" {
		// Without a target there is nothing to check: the card says so at once and offers the manual runbook.
		t.refuse(&p, t.judged(&p), by, fmt.Sprintf("%s cannot be proposed: %s", p.Runbook, p.Problem))
	}
	t.state.Proposals = append(t.state.Proposals, p)
	return &t.state.Proposals[len(t.state.Proposals)-1]
}

func naming(o Offer) string {
	if k := o.Target.Key(); k != "" {
		return o.Runbook + " on " + k
	}
	return o.Runbook
}

// request is a person's wish to run a runbook, with or without an incident.
func (t *turn) request(c Request) Answer {
	inc := &t.state.Incident
	if !c.By.Known() {
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s may not ask for %s: not a person of the configuration", c.By, c.Offer.Runbook), reason(c.Reason))
		return answer(CodeNotAllowed, "%s is not a person of the configuration; an operator can add the account under people", c.By)
	}
	if c.Offer.Problem != "" {
		return answer(CodeInvalid, "%s cannot be proposed: %s", c.Offer.Runbook, c.Offer.Problem)
	}
	for _, p := range t.state.Proposals {
		if p.Open() && p.Runbook == c.Offer.Runbook && p.Target == c.Offer.Target && (c.Offer.Mode == "" || p.Mode == c.Offer.Mode) && maps.Equal(p.Params, c.Offer.Params) {
			return Answer{Code: CodeDuplicate, Text: fmt.Sprintf("%s is already proposed as %s", naming(c.Offer), p.ID), ID: p.ID}
		}
	}
	switch inc.State {
	case "":
		t.open(c.By, c.Key, c.Offer.Title, c.Offer.Target)
		t.say(EvIncidentOpened, c.By, c.Offer.Mode.marked(fmt.Sprintf("%s opened by %s: %s", inc.ID, c.By, naming(c.Offer))), reason(c.Reason))
	case IncidentResolved:
		t.reopen(Marks{})
		t.say(EvIncidentReopened, c.By, c.Offer.Mode.marked(fmt.Sprintf("%s reopened by %s: %s", inc.ID, c.By, naming(c.Offer))), reason(c.Reason))
	}
	p := t.propose(c.By, c.Offer, c.Reason)
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s is being checked as %s", naming(c.Offer), p.ID), ID: p.ID}
}

// ready takes the resolved plan and its evidence.
func (t *turn) ready(c Ready) Answer {
	p := t.proposal(c.Proposal)
	switch {
	case p == nil:
		return answer(CodeNotFound, "there is no proposal %s", c.Proposal)
	case p.State != ProposalChecking || p.Generation != c.Generation:
		return answer(CodeDuplicate, "%s is not waiting for this answer any more", p.ID)
	}
	plan, err := DecodePlan(c.Plan)
	if c.Problem == "" && err != nil {
		c.Problem = err.Error() // said on the card, else the proposal would be checked again for ever
	}
	before := t.judged(p)
	p.Facts, p.CheckedAt, p.Already, p.Problem, p.Eligible = c.Facts, t.now, c.Already, c.Problem, c.Eligible
	if c.Problem != "" {
		t.refuse(p, before, engine, fmt.Sprintf("%s cannot be proposed: %s", p.Runbook, c.Problem))
		return Answer{Code: CodeAccepted, Text: c.Problem, ID: p.ID}
	}
	t.bind(p, plan, c.Plan)
	if no := Refusals(c.Facts); len(no) > 0 && c.Already == "" { // what has happened takes no votes, so nothing stands in its way
		t.refuse(p, before, engine, fmt.Sprintf("%s refused: %s", p.Runbook, sentences(no)))
		return Answer{Code: CodeAccepted, Text: sentences(no), ID: p.ID}
	}
	t.moveProposal(p, EvProposalReady)
	if m := &t.state.Incident.Marks; m.Proposed.IsZero() {
		m.Proposed = t.now
	}
	text := fmt.Sprintf("%s is ready for approval: plan %s, needs %s, expires %s", p.Runbook, ShortDigest(p.Digest), p.Policy, Clock(p.ExpiresAt))
	if p.Already != "" {
		text = fmt.Sprintf("%s has nothing to do: %s", p.Runbook, p.Already)
	}
	t.say(EvProposalReady, engine, text, about(p), with(map[string]any{"facts": c.Facts, "plan": string(c.Plan)}))
	return Answer{Code: CodeAccepted, Text: text, ID: p.ID}
}

// bind ties the proposal to the plan. Votes were given for a digest; another digest takes them away and the card
// says what is different.
func (t *turn) bind(p *Proposal, plan Plan, raw []byte) {
	digest := Digest(raw)
	if p.Digest != digest {
		if len(p.Votes) > 0 {
			t.say(EvVotesVoided, engine, voided(*p, digest), about(p), with(p.Votes))
			p.Changed = Differences(p.Plan, raw)
		}
		p.Votes, p.ExpiresAt = nil, time.Time{}
	}
	if plan.Mode != "" {
		p.Mode = plan.Mode
	}
	p.Plan, p.Digest, p.Policy, p.Title = slices.Clone(raw), digest, plan.Policy, plan.Title
	if plan.Reason != "" {
		p.Reason = plan.Reason
	}
	if p.ExpiresAt.IsZero() || !t.now.Before(p.ExpiresAt) {
		t.outlive(p)
		p.ExpiresAt = t.now.Add(plan.Policy.Lasts())
	}
}

// outlive takes away the votes of an approval whose time is over.
func (t *turn) outlive(p *Proposal) {
	if len(p.Votes) > 0 {
		t.say(EvVotesVoided, engine, fmt.Sprintf("the approval of %s lasted until %s, so what was given does not count any more: %s", p.ID, Clock(p.ExpiresAt), Count(len(p.Votes), "vote")),
			about(p), with(p.Votes))
	}
	p.Votes, p.ExpiresAt = nil, time.Time{}
}

// recheck asks for fresh evidence; the votes stay as long as the digest does.
func (t *turn) recheck(c Recheck) Answer {
	p := t.proposal(c.Proposal)
	switch {
	case p == nil:
		return answer(CodeNotFound, "there is no proposal %s", c.Proposal)
	case !c.By.Known():
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s may not refresh %s: not a person of the configuration", c.By, p.ID), about(p))
		return answer(CodeNotAllowed, "%s is not a person of the configuration; an operator can add the account under people", c.By)
	case p.State == ProposalChecking:
		return Answer{Code: CodeDuplicate, Text: "the checks of " + p.ID + " are running", ID: p.ID}
	case p.State != ProposalReady && p.State != ProposalRefused && p.State != ProposalExpired:
		return answer(CodeDecided, "%s", p.decided())
	}
	t.again(p, c.By, fmt.Sprintf("%s asked for fresh checks of %s", c.By, p.ID))
	return Answer{Code: CodeAccepted, Text: "the checks of " + p.ID + " run again", ID: p.ID}
}

func (t *turn) again(p *Proposal, by Actor, text string) {
	if p.State == ProposalExpired {
		t.outlive(p) // by the word of the record, not of a clock that may have been set back since: the plan may come out the same
	}
	t.moveProposal(p, EvProposalRecheck)
	p.Generation++
	t.say(EvProposalRecheck, by, text, about(p))
}

// lapses is when a request that nobody takes up ends by itself; zero while it is not that far. Without it an incident
// that a person opened would stay open for ever.
func (p Proposal) lapses() time.Time {
	switch {
	case !p.Requester.Known():
		return time.Time{} // its alerts decide
	case p.State == ProposalExpired:
		return p.ExpiresAt.Add(ReopenWithin)
	case p.State == ProposalRefused && p.CheckedAt.After(p.RequestedAt):
		return p.CheckedAt.Add(ReopenWithin)
	case p.State == ProposalRefused:
		return p.RequestedAt.Add(ReopenWithin)
	}
	return time.Time{}
}

func (t *turn) withdraw(p *Proposal, by Actor, why string) {
	t.moveProposal(p, EvProposalWithdrawn)
	t.say(EvProposalWithdrawn, by, fmt.Sprintf("%s withdrawn: %s", p.ID, why), about(p), reason(why))
}

// decided tells somebody who comes too late what happened before.
func (p Proposal) decided() string {
	switch p.State {
	case ProposalApproved:
		return fmt.Sprintf("%s was already approved by %s at %s", p.ID, p.DecidedBy, Clock(p.DecidedAt))
	case ProposalDenied:
		return fmt.Sprintf("%s was already denied by %s at %s", p.ID, p.DecidedBy, Clock(p.DecidedAt))
	case ProposalExpired:
		return fmt.Sprintf("%s expired at %s, which is not a denial; Check and ask again, on its card, starts anew", p.ID, Clock(p.ExpiresAt))
	case ProposalWithdrawn:
		return fmt.Sprintf("%s was withdrawn, nothing will run", p.ID)
	case ProposalRefused:
		if no := Refusals(p.Facts); len(no) > 0 {
			return fmt.Sprintf("%s cannot be approved: %s", p.ID, sentences(no))
		}
		return fmt.Sprintf("%s cannot be approved: %s", p.ID, p.Problem)
	case ProposalChecking:
		return fmt.Sprintf("the checks of %s are still running; look at the card again in a moment", p.ID)
	}
	return fmt.Sprintf("%s is %s", p.ID, p.State)
}

func sentences(facts []Fact) string {
	parts := make([]string, len(facts))
	for i, f := range facts {
		parts[i] = f.Sentence()
		if f.Clears != "" {
			parts[i] += " (" + f.Clears + ")"
		}
	}
	return strings.Join(parts, "; ")
}

// Differences says in short lines what changed between two plans, for the card that asks for the votes again.
func Differences(before, after []byte) []string {
	a, errA := DecodePlan(before)
	b, errB := DecodePlan(after)
	if errA != nil || errB != nil {
		return nil
	}
	var out []string
	diff := func(what, x, y string) {
		if x != y {
			out = append(out, fmt.Sprintf("%s: %s -> %s", what, orNone(x), orNone(y)))
		}
	}
	diff("runbook file", ShortDigest(a.RunbookDigest), ShortDigest(b.RunbookDigest))
	diff("configuration", ShortDigest(a.ConfigDigest), ShortDigest(b.ConfigDigest))
	diff("mode", string(a.Mode), string(b.Mode))
	diff("approval", a.Policy.String(), b.Policy.String())
	for _, k := range keys(a.Pins, b.Pins) {
		diff(k, a.Pins[k], b.Pins[k])
	}
	for _, k := range keys(a.Params, b.Params) {
		diff("parameter "+k, a.Params[k], b.Params[k])
	}
	diff("accepted bounds", boundsText(a.Bounds), boundsText(b.Bounds))
	diff("accepted risks", strings.Join(a.Acknowledge, "; "), strings.Join(b.Acknowledge, "; "))
	diff("steps", stepsText(a.Steps), stepsText(b.Steps))
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func keys(ms ...map[string]string) []string {
	var out []string
	for _, m := range ms {
		for k := range m {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

func boundsText(in []Bound) string {
	parts := make([]string, len(in))
	for i, b := range in {
		parts[i] = b.Text
	}
	return strings.Join(parts, ", ")
}

func stepsText(in []PlanStep) string {
	parts := make([]string, len(in))
	for i, s := range in {
		parts[i] = s.Name + " " + string(s.With)
		if s.Group.Name != "" {
			parts[i] = s.Group.Name + "/" + parts[i]
		}
		if s.Kind == KindGate {
			parts[i] += " needs " + s.Approval.String()
		}
		if s.When != nil {
			parts[i] += " when " + s.When.String()
		}
	}
	return strings.Join(parts, ", ")
}

// voided says what became of the approvals of a plan that is another one now.
func voided(p Proposal, digest string) string {
	were := "were for plan %s and do not count for plan %s"
	if len(p.Votes) == 1 {
		were = "was for plan %s and does not count for plan %s"
	}
	return fmt.Sprintf("%s: %s "+were, p.ID, Count(len(p.Votes), "approval"), ShortDigest(p.Digest), ShortDigest(digest))
}
