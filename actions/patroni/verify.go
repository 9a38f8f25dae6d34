package patroni

import (
	"context"
	"errors"
	"fmt"

	"github.com/pointsman/pointsman"
)

// observe reads the cluster and judges whether it moved as asked.
func (c Cluster) observe(ctx context.Context, m memo, recorded bool) (pointsman.Evidence, error) {
	s, err := c.look(ctx)
	if err != nil {
		return pointsman.Evidence{}, err
	}
	return s.judgeMoved(m, recorded)
}

// judgeMoved holds when the candidate leads on the next timeline and all agree on it. Who follows is for the step after it
// (judgeLed): clients are served by now. The error says that it cannot be told: then nothing is repeated, and a person
// decides when the time is over.
func (s Situation) judgeMoved(m memo, recorded bool) (pointsman.Evidence, error) {
	quorum := s.quorum(s.lessOne())
	ev := pointsman.Evidence{Facts: []pointsman.Fact{s.leadsNow(m.Candidate, m.Leader), s.advanced(m), s.identity(wish{SystemID: m.SystemID}), quorum, s.agreement()}}
	ev.Facts = append(ev.Facts, s.recorded(m))
	no := pointsman.Refusals(ev.Facts)
	if len(no) == 0 {
		ev.Holds = true
		return ev, nil
	}
	if quorum.Result != pointsman.Pass {
		return ev, errors.New(quorum.Sentence())
	}
	return ev, s.open(m, recorded, no[0])
}

// open is an error while the request may have an effect yet. It is nil when the outcome is plain, good or bad.
func (s Situation) open(m memo, recorded bool, no pointsman.Fact) error {
	said := Meaning(m.Status, m.Answer, m.Candidate)
	leader := s.leader().Name
	switch {
	case m.Already || recorded && said == SaidYes:
		return nil // Patroni says that it is done; what is missing is seen, and comes or does not come
	case leader != "" && leader != m.Candidate && s.serves(leader) && s.timeline() > m.Timeline:
		return nil // somebody else was promoted: this request is over
	case recorded && said == SaidFailed && leader == m.Leader && s.serves(leader):
		return nil
	case !recorded:
		return fmt.Errorf("whether it was asked of Patroni is not recorded, and %s", no.Sentence())
	case m.Status == 0:
		return fmt.Errorf("the answer of Patroni was lost, and %s", no.Sentence())
	}
	return fmt.Errorf("patroni said %q, and %s", m.Answer, no.Sentence())
}

// leadsNow is the first half of G27: the candidate holds the key, and serves as primary.
func (s Situation) leadsNow(candidate, before string) pointsman.Fact {
	leader := s.leader().Name
	r := s.reading(candidate)
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Hard, Name: "role of " + candidate, Value: "leads", Limit: "leads", Source: candidate + ": /leader, /cluster", At: r.At,
		Result: pointsman.Fail, Clears: "see what the members' logs say",
	}
	switch {
	case leader == "":
		f.Value, f.Text = "nobody leads", "nobody leads"
	case leader != candidate:
		f.Value, f.Text = leader+" leads", fmt.Sprintf("%s leads on timeline %d instead of %s", leader, s.timeline(), candidate)
		if leader == before {
			f.Text = fmt.Sprintf("%s still leads, on timeline %d", leader, s.timeline())
		}
	case !s.serves(leader):
		f.Value, f.Text = "holds the key", fmt.Sprintf("%s holds the leader's key and does not serve yet: %s", leader, s.states(r))
	default:
		return good(f, "leads")
	}
	return f
}

// advanced is the other half: the timeline is a new one. PostgreSQL leaves out the numbers whose history files its archive or
// pg_wal holds, where somebody was promoted before and rewound.
func (s Situation) advanced(m memo) pointsman.Fact {
	r := s.reading(m.Candidate)
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Hard, Name: "timeline", Value: fmt.Sprint(r.Self.Timeline), Limit: fmt.Sprint(m.Timeline + 1), Source: m.Candidate + ": /patroni",
		At: r.At, Result: pointsman.Fail, Clears: "see /history of the members",
	}
	switch {
	case m.Timeline == 0:
		f.Result, f.Limit, f.Text = pointsman.Unknown, "", "on which timeline the cluster was before is not known"
	case r.Self.Primary() && r.Self.Timeline > m.Timeline+1:
		f.Kind = pointsman.Warn
		f.Text = fmt.Sprintf("%s is on timeline %d, not %d, whose history is in the archive or in pg_wal: make sure that nobody serves on it",
			m.Candidate, r.Self.Timeline, m.Timeline+1)
	case r.Self.Timeline != m.Timeline+1 || !r.Self.Primary():
		f.Text = fmt.Sprintf("%s is on timeline %d as %s, wanted is %d as primary", m.Candidate, r.Self.Timeline, orNobody(r.Self.Role), m.Timeline+1)
	default:
		return good(f, fmt.Sprint(r.Self.Timeline))
	}
	return f
}

// recorded: the history must not name somebody else for this promotion. Patroni writes it one loop later, so that it is
// missing at first is only said.
func (s Situation) recorded(m memo) pointsman.Fact {
	f := pointsman.Fact{
		Guard: "G27", Kind: pointsman.Warn, Name: "history", Value: "not written yet", Limit: m.Candidate, Source: "/history of all members", At: s.At, Result: pointsman.Unknown,
		Text: fmt.Sprintf("the history has no line yet for the end of timeline %d", m.Timeline), Clears: "wait for one loop of Patroni",
	}
	for _, r := range s.Readings {
		for _, p := range r.History {
			switch {
			case p.Timeline != m.Timeline:
			case p.Leader == "" || p.Leader == m.Candidate:
				f = good(f, fmt.Sprintf("timeline %d ended, %s leads since %s", p.Timeline, m.Candidate, pointsman.Clock(p.At)))
			default:
				f.Kind, f.Result, f.Value = pointsman.Hard, pointsman.Fail, p.Leader
				f.Text = fmt.Sprintf("after timeline %d came %s, not %s", p.Timeline, p.Leader, m.Candidate)
				return f
			}
		}
	}
	return f
}
