package app

import (
	"context"
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
)

// patience is how long the vote of an engage waits for its plan. The checks of a database that hangs take several
// seconds, and whoever gave the order has said all there is to say: nobody should have to come back and approve it.
const patience = time.Minute

// Engage engages the named switch. It is one decision: the vote is cast as soon as the plan is there, also after the
// request has ended. The answer is "accepted" only where the row was read back as engaged.
func (s *switches) Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	id, ans, err := s.request(ctx, engageRunbook, name, reason, by, once)
	if err != nil || id == "" {
		return ans, err
	}
	cast := make(chan voted, 1) // nobody may be left to take it
	go func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		ans, err := s.voteWhenReady(late, id, name, reason, by, once)
		if err != nil {
			s.log.ErrorContext(late, "kill switch not voted for", "switch", name, "proposal", id, "err", err)
		}
		cast <- voted{ans, err}
	}()
	wait, cancel := context.WithTimeout(ctx, s.within(by.Door))
	defer cancel()
	if why := s.barred(wait, id, by); why != "" { // the vote takes its way all the same: its refusal belongs on record
		return pointsman.Answer{Code: pointsman.CodeNotAllowed, ID: id, Text: why + "; " + id + " is open for whoever may approve it"}, nil
	}
	select {
	case v := <-cast:
		if v.err != nil || v.ans.Code != pointsman.CodeAccepted {
			return v.ans, v.err
		}
		return s.await(wait, v.ans.ID, name), nil
	case <-wait.Done():
		go s.followUp(context.WithoutCancel(ctx), cast, id, name, by)
		return beingEngaged(name, id), nil
	}
}

// voted is what became of the vote.
type voted struct {
	ans pointsman.Answer
	err error
}

// within is how long the answer to an engage may take. Slack allows three seconds; everybody else rather waits than reads
// that nothing is known yet.
func (s *switches) within(door pointsman.Door) time.Duration {
	if door == pointsman.DoorSlack {
		return readBack
	}
	return s.wait
}

// barred says why the vote of an engage will not count, while its checks may still hang: whoever may not give the order
// must not go away believing that it was taken. It asks the policy that the plan will carry. It is empty where the vote
// will count, and where that cannot be told: then the vote tells.
func (s *switches) barred(ctx context.Context, id string, by pointsman.Actor) string {
	st, err := s.store.State(ctx, pointsman.IncidentOf(id))
	if err != nil {
		return ""
	}
	p, ok := st.Proposal(id)
	rb, known := s.runbook(p.Runbook)
	if !ok || !known || p.State != pointsman.ProposalChecking {
		return ""
	}
	_, why := rb.Approval.Eligible(by, p.Requester)
	return why
}

// followUp waits for the vote of somebody who was told that the switch is being engaged, and tells everybody where the
// vote was not the decision. Where there was no vote at all, orders tells it.
func (s *switches) followUp(ctx context.Context, cast <-chan voted, id, name string, by pointsman.Actor) {
	v := <-cast
	if v.err != nil || v.ans.OK() && v.ans.Code != pointsman.CodeCounted {
		return
	}
	s.log.WarnContext(ctx, "kill switch not engaged by its order", "switch", name, "proposal", id, "by", by.String(), "why", v.ans.Text)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.store.Do(ctx, pointsman.WriteUpdate{
		Incident: pointsman.IncidentOf(id), By: pointsman.Actor{Door: pointsman.DoorEngine}, Once: orderOnce(id),
		Text: fmt.Sprintf("%s is NOT known to be engaged: %s ordered it, and the approval did not decide: %s. See %s on its card", name, by, v.ans.Text, id),
	})
	if err != nil {
		s.log.ErrorContext(ctx, "kill switch not engaged, and not told", "switch", name, "proposal", id, "err", err)
	}
}

func beingEngaged(name, id string) pointsman.Answer {
	return pointsman.Answer{Code: pointsman.CodeUnderway, ID: id, Text: fmt.Sprintf("%s is being engaged as %s; it was not read back yet", name, id)}
}

// voteWhenReady approves the plan in the name of whoever asked for it. Voting twice with the same once is one vote.
func (s *switches) voteWhenReady(ctx context.Context, id, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	p, err := s.checked(ctx, id)
	if err != nil {
		return pointsman.Answer{}, err
	}
	if p.Already != "" {
		return pointsman.Answer{Code: pointsman.CodeDuplicate, Text: fmt.Sprintf("%s is engaged already: %s", name, p.Already), ID: p.ID}, nil
	}
	res, err := s.store.Do(ctx, pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, Reason: reason, By: by, Once: suffixed(once, "vote")})
	return res.Answer, err
}

// await waits a moment for the run's end, so that the answer is what was read back, not what was hoped for.
func (s *switches) await(ctx context.Context, run, name string) pointsman.Answer {
	for {
		changed := s.store.Changed()
		st, err := s.store.State(ctx, pointsman.IncidentOf(run))
		if err == nil {
			switch r, _ := st.Run(run); r.State {
			case pointsman.RunDone:
				return pointsman.Answer{Code: pointsman.CodeAccepted, ID: run, Text: fmt.Sprintf("%s is engaged and was read back as engaged (%s)", name, run)}
			case pointsman.RunParked, pointsman.RunVoided:
				return pointsman.Answer{Code: pointsman.CodeConflict, ID: run, Text: fmt.Sprintf("%s is NOT known to be engaged: %s", name, r.Note)}
			}
		}
		select {
		case <-ctx.Done():
			return beingEngaged(name, run)
		case <-changed:
		}
	}
}
