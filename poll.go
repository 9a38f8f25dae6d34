package pointsman

// poll is a question that people decide by votes on a digest: a proposal, or a gate in the middle of its run. Who counts
// stands here, once, for both.
type poll struct {
	policy    Policy
	requester Actor
	digest    string
	votes     []Vote
}

func (p Proposal) poll() poll { return poll{p.Policy, p.Requester, p.Digest, p.Votes} }

// eligible is Policy.Eligible, except that whoever asked may always take it back.
func (q poll) eligible(by Actor, verdict Verdict) (bool, string) {
	if verdict == Deny && by.Known() && by.Person.ID == q.requester.Person.ID {
		return true, ""
	}
	return q.policy.Eligible(by, q.requester)
}

// approvers are the people whose approvals stand, the requester left out where the policy says so.
func (q poll) approvers() []Person {
	var out []Person
	for _, v := range q.votes {
		if v.Verdict != Approve || v.Digest != q.digest {
			continue
		}
		if !q.policy.RequesterMayApprove && q.requester.Known() && v.Person.ID == q.requester.Person.ID {
			continue
		}
		out = append(out, v.Person)
	}
	return out
}

func (q poll) standing() Standing { return q.policy.Count(q.approvers()) }

// today is the poll with the people as they are configured now: who has left, or has no role that counts any more, is left
// out. by has just proved who they are.
func (q poll) today(by Actor, people map[string]Person) poll {
	var still []Vote
	for _, v := range q.votes {
		now, known := people[v.Person.ID]
		if v.Person.ID == by.Person.ID {
			now, known = by.Person, true
		}
		v.Person = now
		if ok, _ := q.policy.Eligible(Actor{Person: now, Door: v.Door}, q.requester); known && ok {
			still = append(still, v)
		}
	}
	q.votes = still
	return q
}

// before is the same vote of the same person, if there was one.
func (q poll) before(by Actor, verdict Verdict) (Vote, bool) {
	for _, v := range q.votes {
		if v.Person.ID == by.Person.ID && v.Verdict == verdict {
			return v, true
		}
	}
	return Vote{}, false
}
