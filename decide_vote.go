package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// digestMin is how many digits of a digest a person must give: what the card shows.
const digestMin = 12

// vote counts one person's decision. Everything is checked here, on the server, at the moment of the click; what the
// button carried only says which proposal and which digest the person saw.
func (t *turn) vote(c CastVote) Answer {
	if c.Run != "" {
		return t.voteGate(c)
	}
	p := t.proposal(c.Proposal)
	if p == nil {
		return answer(CodeNotFound, "there is no proposal %s", c.Proposal)
	}
	if p.State == ProposalReady && p.lapsed(t.now) {
		t.expire(p)
	}
	if r := t.run(p.Run); r != nil && r.State == RunQueued && p.State == ProposalApproved && c.Verdict == Deny {
		return t.denyQueued(p, r, c)
	}
	if ans, ok := t.mayVote(p, c); !ok {
		return t.refuseVote(p, c, ans)
	}
	if v, twice := p.poll().before(c.By, c.Verdict); twice {
		return Answer{Code: CodeDuplicate, Text: fmt.Sprintf("you approved %s at %s already; it has %s", p.ID, Clock(v.At), t.standing(p)), ID: p.ID}
	}
	if p.Policy.ReasonRequired && c.Verdict == Approve && strings.TrimSpace(c.Reason) == "" && strings.TrimSpace(p.Reason) == "" {
		return answer(CodeInvalid, "%s needs a reason", p.Runbook) // a question and no refusal: the door asks for it and votes again
	}
	if c.Verdict == Deny {
		return t.deny(p, c)
	}
	return t.approve(p, c)
}

func (t *turn) refuseVote(p *Proposal, c CastVote, ans Answer) Answer {
	t.say(EvVoteRefused, c.By, fmt.Sprintf("%s of %s by %s does not count: %s", c.Verdict, p.ID, c.By, ans.Text), about(p), reason(c.Reason))
	ans.ID = p.ID
	return ans
}

// mayVote says whether the vote counts, and why not in one sentence.
func (t *turn) mayVote(p *Proposal, c CastVote) (Answer, bool) {
	switch {
	case p.State == ProposalExpired:
		return answer(CodeExpired, "%s", p.decided()), false
	case p.State == ProposalChecking:
		return answer(CodeChanged, "%s", p.decided()), false
	case p.State == ProposalRefused:
		return answer(CodeNotAllowed, "%s", p.decided()), false
	case p.State != ProposalReady:
		return answer(CodeDecided, "%s", p.decided()), false
	case !p.shown(c.Digest):
		return answer(CodeChanged, "the plan of %s is now %s, you were shown %s; read the card again", p.ID, ShortDigest(p.Digest), orNone(ShortDigest(c.Digest))), false
	case c.Verdict != Approve && c.Verdict != Deny:
		return answer(CodeInvalid, "%q is neither approve nor deny", c.Verdict), false
	case p.Already != "" && c.Verdict == Approve:
		return answer(CodeInvalid, "there is nothing to do: %s", p.Already), false
	}
	if ok, why := p.poll().eligible(c.By, c.Verdict); !ok {
		return answer(CodeNotAllowed, "%s", why), false
	}
	if c.Verdict == Approve {
		if l, held := t.locked(p); held {
			return answer(CodeLocked, "%s", l.Sentence()), false
		}
		plan, err := DecodePlan(p.Plan)
		if err != nil {
			return answer(CodeInvalid, "%s cannot be approved here: %v", p.ID, err), false
		}
		if h, held := t.held(p.Target.Key(), plan.Exempt); held {
			return answer(CodeLocked, "%s (%s)", h.Sentence(), h.Clears()), false
		}
	}
	return Answer{}, true
}

// locked finds the open run that holds the proposal's target. A runbook without a lock (a kill switch) never waits.
func (t *turn) locked(p *Proposal) (Lock, bool) {
	plan, err := DecodePlan(p.Plan)
	if err != nil || !plan.Lock || p.Target.Key() == "" {
		return Lock{}, false
	}
	for _, r := range t.state.Runs {
		if r.Holds && !r.State.Terminal() && r.Target.Key() == p.Target.Key() {
			return r.lock(), true
		}
	}
	for _, l := range t.state.Locks {
		if l.Target == p.Target.Key() && l.Incident != t.state.Incident.ID {
			return l, true
		}
	}
	return Lock{}, false
}

// lock is the lock that an open run holds.
func (r Run) lock() Lock {
	return Lock{Target: r.Target.Key(), Incident: IncidentOf(r.ID), Run: r.ID, Since: r.QueuedAt}
}

func (t *turn) deny(p *Proposal, c CastVote) Answer {
	p.Votes = append(p.Votes, t.ballot(p, c))
	t.moveProposal(p, EvProposalDenied)
	p.DecidedBy, p.DecidedAt = c.By.String(), t.now
	t.denied(p, c.By)
	t.say(EvProposalDenied, c.By, fmt.Sprintf("%s denied %s%s", c.By, p.ID, because(c.Reason)), about(p), reason(c.Reason), with(p.Votes))
	t.settleIncident(c.By)
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("you denied %s; nothing will run", p.ID), ID: p.ID}
}

// denyQueued: a denial wins until the start. The quorum was complete, but its run has not begun, so it ends here; the
// proposal keeps the one decision it has.
func (t *turn) denyQueued(p *Proposal, r *Run, c CastVote) Answer {
	if !p.shown(c.Digest) {
		return t.refuseVote(p, c, answer(CodeDecided, "%s", p.decided()))
	}
	if ok, why := p.poll().eligible(c.By, c.Verdict); !ok {
		return t.refuseVote(p, c, answer(CodeNotAllowed, "%s", why))
	}
	p.Votes = append(p.Votes, t.ballot(p, c))
	t.moveRun(r, EvRunAborted)
	t.denied(p, c.By)
	r.EndedAt, r.Note = t.now, fmt.Sprintf("denied by %s before it began%s", c.By, because(c.Reason))
	t.say(EvRunAborted, c.By, fmt.Sprintf("%s %s; nothing was changed", r.ID, r.Note), aboutRun(r), reason(c.Reason), with(p.Votes))
	t.settleIncident(c.By)
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("you denied %s before %s began; nothing will run", p.ID, r.ID), ID: p.ID}
}

// shown reports whether the digest that a person gave is the one that would run.
func (p Proposal) shown(digest string) bool {
	return len(digest) >= digestMin && strings.HasPrefix(p.Digest, digest)
}

func (t *turn) approve(p *Proposal, c CastVote) Answer {
	p.Votes = append(p.Votes, t.ballot(p, c))
	st := t.standing(p)
	t.say(EvVoteCounted, c.By, fmt.Sprintf("%s approved %s, plan %s (%s)%s", c.By, p.ID, ShortDigest(p.Digest), st, because(c.Reason)),
		about(p), reason(c.Reason), with(map[string]any{"vote": p.Votes[len(p.Votes)-1], "facts": p.Facts}))
	if !st.Met {
		t.undecided(p)
		return Answer{Code: CodeCounted, Text: fmt.Sprintf("your approval of %s counts: %s, it needs %s", p.ID, st, p.Policy), ID: p.ID}
	}
	t.moveProposal(p, EvProposalApproved)
	p.DecidedBy, p.DecidedAt = approvers(p.Votes), t.now
	t.decidedOn(p, c.By)
	t.say(EvProposalApproved, c.By, fmt.Sprintf("%s is approved by %s, plan %s", p.ID, p.DecidedBy, ShortDigest(p.Digest)), about(p), with(p.Votes))
	run := t.queue(p, c.By)
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s is approved (%s) and starts now as %s", p.ID, st, run.ID), ID: run.ID}
}

// queue makes the run in the same turn, hence the same transaction, as the vote that completed the quorum: an
// approval can not be used up without its run.
func (t *turn) queue(p *Proposal, by Actor) *Run {
	inc := &t.state.Incident
	plan, err := DecodePlan(p.Plan)
	t.fail(err)
	inc.RunCount++
	r := Run{
		ID: fmt.Sprintf("%s/R%d", inc.ID, inc.RunCount), Proposal: p.ID, Runbook: p.Runbook, Title: p.Title, Target: p.Target, Mode: plan.Mode,
		Holds: plan.Lock && p.Target.Key() != "", Exempt: plan.Exempt, Suggested: !p.Requester.Known(), Plan: p.Plan, Digest: p.Digest, ApprovedBy: p.DecidedBy, QueuedAt: t.now,
		Alarms: t.alarms(p.Target.Key()),
	}
	for _, s := range plan.Steps {
		r.Steps = append(r.Steps, RunStep{Name: s.Name, Kind: s.Kind, Summary: s.Summary, Irreversible: s.Irreversible, State: StepPending, Gate: Gate{Policy: s.Approval}, When: s.When, Group: s.Group})
	}
	if r.Holds {
		lock := t.protection(p.Target.Key())
		lock.Token++
		r.Token = lock.Token
	}
	t.moveRun(&r, EvRunQueued)
	p.Run = r.ID
	inc.Marks.Approved, inc.Marks.Started, inc.Marks.Ended = t.now, time.Time{}, time.Time{}
	t.say(EvRunQueued, by, fmt.Sprintf("%s queued%s: %s", r.ID, r.Mode.purpose(), p.Title), aboutRun(&r))
	t.state.Runs = append(t.state.Runs, r)
	return &t.state.Runs[len(t.state.Runs)-1]
}

func (t *turn) ballot(p *Proposal, c CastVote) Vote {
	return Vote{Person: c.By.Person, Door: c.By.Door, Ref: c.By.Ref, Verdict: c.Verdict, Reason: c.Reason, Digest: p.Digest, At: t.now, Shown: p.CheckedAt}
}

func (t *turn) standing(p *Proposal) Standing { return p.poll().standing() }

// Approvers are the people whose approvals stand, the requester left out where the policy says so.
func (p Proposal) Approvers() []Person { return p.poll().approvers() }

func approvers(votes []Vote) string {
	var names []string
	for _, v := range votes {
		if v.Verdict == Approve {
			names = append(names, Actor{Person: v.Person}.String())
		}
	}
	return strings.Join(names, " and ")
}

func because(reason string) string {
	if strings.TrimSpace(reason) == "" {
		return ""
	}
	return ": " + strings.TrimSpace(reason)
}

func (t *turn) expire(p *Proposal) {
	t.moveProposal(p, EvProposalExpired)
	t.undecided(p)
	t.say(EvProposalExpired, Actor{Door: DoorClock}, fmt.Sprintf("%s expired with %s approvals; nobody denied it; Check and ask again, on its card, starts anew", p.ID, t.standing(p)), about(p))
}
