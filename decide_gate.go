package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ask lets the run wait at the gate. A run that comes here again within one attempt, after a takeover, keeps its votes
// and its expiry: a crash must neither lose a decision nor give more time for it.
func (t *turn) ask(r *Run, i int, note string) Answer {
	t.moveRun(r, EvRunWaiting)
	s := &r.Steps[i]
	if s.Gate.ExpiresAt.IsZero() {
		s.Gate.ExpiresAt = t.now.Add(s.Gate.Policy.Lasts())
		if after := t.state.Incident.Escalate.After; after > 0 {
			s.Gate.PageAt = t.now.Add(after)
		}
	}
	needs := fmt.Sprintf("needs %s until %s", s.Gate.Policy, Clock(s.Gate.ExpiresAt))
	r.WakeAt, r.Note, s.Note = time.Time{}, needs, needs
	t.say(EvRunWaiting, engine, fmt.Sprintf("%s, %s: %s%s", r.Nth(i), s.Name, needs, because(note)), atStep(r, i))
	return Answer{Code: CodeAccepted, Text: r.Standing(), ID: r.ID}
}

// voteGate counts one person's decision at a gate. The rules are those of a proposal; what it is bound to is the digest
// of the plan, the step and its attempt, so that a click on an old card opens nothing.
func (t *turn) voteGate(c CastVote) Answer {
	r := t.run(c.Run)
	if r == nil {
		return answer(CodeNotFound, "there is no run %s", c.Run)
	}
	p := t.proposal(r.Proposal)
	if p == nil {
		return answer(CodeNotFound, "the proposal of %s is gone", r.ID)
	}
	if i, at := r.AtGate(); at && !t.now.Before(r.Steps[i].Gate.ExpiresAt) {
		t.expireGate(r, i)
	}
	i, at := r.AtGate()
	if !at {
		return t.refuseGate(r, c, t.noGate(r))
	}
	q := r.poll(i, p.Requester)
	if ans, ok := mayOpen(*r, q, c); !ok {
		return t.refuseGate(r, c, ans)
	}
	t.recount(r, i, p.Requester, c)
	q = r.poll(i, p.Requester)
	if v, twice := q.before(c.By, c.Verdict); twice {
		return Answer{Code: CodeDuplicate, Text: fmt.Sprintf("you approved the gate of %s at %s already; it has %s", r.ID, Clock(v.At), q.standing()), ID: r.ID}
	}
	if q.policy.ReasonRequired && strings.TrimSpace(c.Reason) == "" {
		return answer(CodeInvalid, "the gate of %s needs a reason", r.ID)
	}
	s := &r.Steps[i]
	s.Gate.Votes = append(s.Gate.Votes, Vote{
		Person: c.By.Person, Door: c.By.Door, Ref: c.By.Ref, Verdict: c.Verdict, Reason: c.Reason, Digest: r.Digest, Mark: r.Mark(), At: t.now,
	})
	if c.Verdict == Deny {
		t.acknowledgePage(c.By)
		t.shut(r, i, c.By, fmt.Sprintf("denied by %s%s", c.By, because(c.Reason)))
		return Answer{Code: CodeAccepted, Text: fmt.Sprintf("you denied the gate of %s; it is parked, and retry asks again, abort ends it", r.ID), ID: r.ID}
	}
	return t.passGate(r, i, c, r.poll(i, p.Requester).today(c.By, c.People).standing())
}

// recount takes away the approvals of people who have left, or lost the role, since they gave them: a gate may be open for a
// day, and nothing looks at its votes again before the next step begins.
func (t *turn) recount(r *Run, i int, requester Actor, c CastVote) {
	g := &r.Steps[i].Gate
	still := r.poll(i, requester).today(c.By, c.People)
	stays := func(v Vote) bool {
		return slices.ContainsFunc(still.votes, func(s Vote) bool { return s.Person.ID == v.Person.ID })
	}
	gone := slices.DeleteFunc(slices.Clone(g.Votes), stays)
	if len(gone) == 0 {
		return
	}
	g.Votes = slices.DeleteFunc(slices.Clone(g.Votes), func(v Vote) bool { return !stays(v) })
	t.say(EvVotesVoided, engine, fmt.Sprintf("%s, %s: the approval of %s does not count any more, who may not approve it with today's roles", r.Nth(i), r.Steps[i].Name, approvers(gone)),
		atStep(r, i), with(gone))
}

// passGate counts an approval; the one that completes the quorum lets the run go on.
func (t *turn) passGate(r *Run, i int, c CastVote, st Standing) Answer {
	s := &r.Steps[i]
	t.say(EvGateCounted, c.By, fmt.Sprintf("%s approved %s, %s, of %s (%s)%s", c.By, r.Nth(i), s.Name, r.ID, st, because(c.Reason)),
		atStep(r, i), reason(c.Reason), with(s.Gate.Votes[len(s.Gate.Votes)-1]))
	if !st.Met {
		if after := t.state.Incident.Escalate.After; after > 0 && s.Gate.PageAt.IsZero() {
			s.Gate.PageAt = t.now.Add(after) // somebody was paged already, and another one is needed
		}
		return Answer{Code: CodeCounted, Text: fmt.Sprintf("your approval at the gate of %s counts: %s, it needs %s", r.ID, st, s.Gate.Policy), ID: r.ID}
	}
	t.acknowledgePage(c.By)
	t.moveStep(r, i, EvStepDone)
	s.Gate.OpenedBy = approvers(s.Gate.Votes)
	s.EndedAt, s.Note = t.now, "opened by "+s.Gate.OpenedBy
	t.say(EvStepDone, c.By, fmt.Sprintf("%s, %s: %s", r.Nth(i), s.Name, s.Note), atStep(r, i), with(s.Gate.Votes))
	if r.Current() >= len(r.Steps) {
		t.finish(r, c.By)
		return Answer{Code: CodeAccepted, Text: r.ID + " is done", ID: r.ID}
	}
	t.moveRun(r, EvRunWaiting)
	r.WakeAt, r.Note = t.now, s.Note
	t.say(EvRunWaiting, c.By, fmt.Sprintf("%s goes on: %s", r.ID, s.Note), aboutRun(r))
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("the gate is open (%s) and %s goes on", st, r.ID), ID: r.ID}
}

// mayOpen says whether the vote counts, and why not in one sentence.
func mayOpen(r Run, q poll, c CastVote) (Answer, bool) {
	switch {
	case len(c.Digest) < digestMin || !strings.HasPrefix(r.Digest, c.Digest):
		return answer(CodeChanged, "the plan of %s is %s, you were shown %s; read the card again", r.ID, ShortDigest(r.Digest), orNone(ShortDigest(c.Digest))), false
	case c.Mark != r.Mark():
		return answer(CodeChanged, "the gate of %s is at step and attempt %s, you were shown %s; read the card again", r.ID, r.Mark(), orNone(c.Mark)), false
	case c.Verdict != Approve && c.Verdict != Deny:
		return answer(CodeInvalid, "%q is neither approve nor deny", c.Verdict), false
	}
	if ok, why := q.eligible(c.By, c.Verdict); !ok {
		return answer(CodeNotAllowed, "%s", why), false
	}
	return Answer{}, true
}

func (t *turn) noGate(r *Run) Answer {
	if r.State.Terminal() {
		return answer(CodeDecided, "%s is already %s: %s", r.ID, r.State, r.Note)
	}
	if i := r.Current(); r.State == RunParked && i < len(r.Steps) && r.Steps[i].Kind == KindGate {
		return answer(CodeDecided, "%s is parked: %s; retry asks again", r.ID, r.Note)
	}
	return answer(CodeDecided, "%s waits at no gate: %s", r.ID, r.Standing())
}

func (t *turn) refuseGate(r *Run, c CastVote, ans Answer) Answer {
	t.say(EvVoteRefused, c.By, fmt.Sprintf("%s at the gate of %s by %s does not count: %s", c.Verdict, r.ID, c.By, ans.Text), aboutRun(r), reason(c.Reason))
	ans.ID = r.ID
	return ans
}

// shut parks the run before a gate that stays closed. A person may ask again with retry, or abort; nobody passes it.
func (t *turn) shut(r *Run, i int, by Actor, why string) {
	t.moveStep(r, i, EvStepFailed)
	s := &r.Steps[i]
	s.EndedAt, s.Note, s.Gate.PageAt = t.now, why, time.Time{}
	t.say(EvStepFailed, by, fmt.Sprintf("%s, %s: %s", r.Nth(i), s.Name, why), atStep(r, i), with(s.Gate.Votes))
	t.park(r, fmt.Sprintf("%s was %s", r.one(i), why))
}

func (t *turn) expireGate(r *Run, i int) {
	p := t.proposal(r.Proposal)
	var requester Actor
	if p != nil {
		requester = p.Requester
	}
	t.shut(r, i, Actor{Door: DoorClock}, fmt.Sprintf("not decided until %s, with %s", Clock(r.Steps[i].Gate.ExpiresAt), r.Tally(i, requester)))
}

// watchGates is the clock's part: who does not decide is chased as for a proposal, and an expired gate parks its run.
func (t *turn) watchGates(by Actor) {
	for n := range t.state.Runs {
		r := &t.state.Runs[n]
		i, at := r.AtGate()
		if !at {
			continue
		}
		g := &r.Steps[i].Gate
		if !g.ExpiresAt.After(t.now) {
			t.expireGate(r, i)
			continue
		}
		if !g.PageAt.IsZero() && !g.PageAt.After(t.now) {
			g.PageAt = time.Time{}
			nobody := "nobody decides"
			if n := len(g.Votes); n > 0 {
				nobody = "nobody else decides, " + Count(n, "approval") + " so far"
			}
			t.pageFor(r, by, fmt.Sprintf("%s waits at %s and %s; it needs %s until %s", r.ID, r.one(i), nobody, g.Policy, Clock(g.ExpiresAt)))
		}
	}
}
