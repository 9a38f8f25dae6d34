package pointsman

import (
	"fmt"
	"slices"
	"strings"
)

// parkAsking parks the run for a step that is not done, or may not begin. Where all that refused it is more than was
// approved, the run asks one more approver instead of only standing still.
func (t *turn) parkAsking(r *Run, refused bool, what, why string, facts []Fact) {
	var q *Question
	if p := t.proposal(r.Proposal); p != nil && refused {
		q = r.asking(facts, t.now.Add(p.Policy.Lasts()))
	}
	if q == nil {
		t.park(r, what+why)
		return
	}
	t.park(r, fmt.Sprintf("%s: %s; one more approver may accept exactly that until %s", what, q.Sentence(), Clock(q.Until)))
	r.Note, r.Question = what+": "+q.Sentence(), q // the note is still read when the time of the question is over
}

// accept takes one more approver's yes to exactly what the run asks, and lets the step begin anew, as its own attempt. The
// plan stays as approved; what was accepted stands beside it.
func (t *turn) accept(r *Run, c Steer) Answer {
	i, q := r.Current(), *r.Question
	g := Grant{
		Step: i, Attempt: r.Steps[i].Attempt, Plan: r.Digest, Question: q.Digest, Excess: q.Excess,
		By: c.By, Reason: strings.TrimSpace(c.Reason), At: t.now,
	}
	r.Granted = append(slices.Clone(r.Granted), g)
	t.say(EvRunAccepted, c.By, fmt.Sprintf("%s accepts for %s, %s: %s%s", c.By, r.ID, r.one(i), q.Sentence(), because(c.Reason)), atStep(r, i), reason(c.Reason), with(g))
	t.anew(r)
	return t.goOn(r, c)
}

// acceptor says whether the person is the approver whom the figures need: with the approvals of the plan theirs makes the
// quorum that a vote would take for it.
func (t *turn) acceptor(r *Run, p *Proposal, c Steer) (Answer, bool) {
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		return answer(CodeInvalid, "the plan of %s cannot be read: %v", r.ID, err), false
	}
	q := p.poll()
	if len(plan.Acknowledge) == 0 { // otherwise the plan has that one more place already
		q.policy = q.policy.OneMore(r.Question.Sentence())
	}
	if ok, why := q.eligible(c.By, Approve); !ok {
		return answer(CodeNotAllowed, "%s", why), false
	}
	q = q.today(c.By, c.People)
	q.votes = append(q.votes, Vote{Person: c.By.Person, Verdict: Approve, Digest: r.Digest})
	if st := q.standing(); !st.Met {
		return answer(CodeNotAllowed, "more than was approved takes one more approver beside %s: %s; with you it has %s", r.ApprovedBy, q.policy, st), false
	}
	return Answer{}, true
}
