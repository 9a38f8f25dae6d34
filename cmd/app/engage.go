package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
)

// patience is how long the vote of an engage waits for its plan. The checks of a database that hangs take several
// seconds, and whoever gave the order has said all there is to say: nobody should have to come back and approve it.
const patience = time.Minute

// Engage engages the named switch. It is one decision: the vote is cast as soon as the plan is there, also after the
// request has ended. The answer is "accepted" only where the row was read back as engaged, and that it is engaged already is
// said only of a row that was read after the order was given.
func (s *switches) Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	id, ans, err := s.request(ctx, killswitch.EngageRunbook, name, reason, by, once)
	if err != nil || id == "" {
		return ans, err
	}
	o := order{proposal: id, name: name, reason: reason, by: by, once: once, older: ans.Code == pointsman.CodeDuplicate}
	cast := make(chan voted, 1) // nobody may be left to take it
	go func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		s.first(late, o)
		v := s.voteWhenReady(late, o)
		if v.err != nil {
			s.log.ErrorContext(late, "kill switch not voted for", "switch", name, "proposal", id, "err", v.err)
		}
		cast <- v
	}()
	wait, cancel := context.WithTimeout(ctx, s.within(by.Door))
	defer cancel()
	if why := s.barred(wait, id, by); why != "" { // the vote takes its way all the same: its refusal belongs on record
		return pointsman.Answer{Code: pointsman.CodeNotAllowed, ID: id, Text: why + "; " + id + " is open for whoever may approve it"}, nil
	}
	select {
	case v := <-cast:
		if v.run == "" {
			return v.ans, v.err
		}
		return s.await(wait, v, name), nil
	case <-wait.Done():
		go s.followUp(context.WithoutCancel(ctx), cast, o)
		return beingEngaged(name, id), nil
	}
}

// order is the order to engage a switch, as it stands on a proposal.
type order struct {
	proposal, name, reason string
	by                     pointsman.Actor
	once                   string
	older                  bool // the proposal was there before the order: asked for by somebody else, or by the same order given before
}

// voted is what became of the vote.
type voted struct {
	run string // that the vote queued, or that was queued before; empty where there is none
	own bool   // this vote queued it, so whatever became of it came after the order
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
// will count, and where the plan is there or it cannot be told: then the vote tells.
func (s *switches) barred(ctx context.Context, id string, by pointsman.Actor) string {
	st, err := s.store.State(ctx, pointsman.IncidentOf(id))
	if err != nil {
		return ""
	}
	p, ok := st.Proposal(id)
	rb, known := s.runbook(p.Runbook)
	if !ok || !known || !p.Open() || votable(p) {
		return ""
	}
	_, why := rb.Approval.Eligible(by, p.Requester)
	return why
}

// followUp waits for the vote of somebody who was told that the switch is being engaged, and tells everybody where the
// vote was not the decision. Where there was no vote at all, orders tells it.
func (s *switches) followUp(ctx context.Context, cast <-chan voted, o order) {
	v := <-cast
	if v.err != nil || v.run != "" || v.ans.OK() {
		return
	}
	s.log.WarnContext(ctx, "kill switch not engaged by its order", "switch", o.name, "proposal", o.proposal, "by", o.by.String(), "why", v.ans.Text)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	once := suffixed(o.once, "told") // what was told of another order was not told to whoever waits for this one
	if s.first(ctx, o) {
		once = orderOnce(o.proposal)
	}
	_, err := s.store.Do(ctx, pointsman.WriteUpdate{
		Incident: pointsman.IncidentOf(o.proposal), By: pointsman.Actor{Door: pointsman.DoorEngine}, Once: once,
		Text: fmt.Sprintf("%s is NOT known to be engaged: %s ordered it, and the approval did not decide: %s. See %s on its card", o.name, o.by, v.ans.Text, o.proposal),
	})
	if err != nil {
		s.log.ErrorContext(ctx, "kill switch not engaged, and not told", "switch", o.name, "proposal", o.proposal, "err", err)
	}
}

// first reports whether the proposal was asked for by this order, or by the same one given before: whoever repeats an order because
// its answer was lost should not have it told twice. The first one to ask keeps its name with the proposal.
func (s *switches) first(ctx context.Context, o order) bool {
	if o.once == "" && o.older {
		return false
	}
	same, err := s.bound.Bind(ctx, orderOnce(o.proposal), o.once)
	if err != nil {
		s.log.WarnContext(ctx, "name of an order to engage not kept", "switch", o.name, "proposal", o.proposal, "err", err)
	}
	return same && err == nil
}

func beingEngaged(name, id string) pointsman.Answer {
	return pointsman.Answer{Code: pointsman.CodeUnderway, ID: id, Text: fmt.Sprintf("%s is being engaged as %s; it was not read back yet", name, id)}
}

// voteWhenReady approves the plan in the name of whoever asked for it. Voting twice with the same once is one vote. Where somebody has
// the plan checked again in between, Refresh checks on the card or another order, the order has not changed: it waits for that, too.
func (s *switches) voteWhenReady(ctx context.Context, o order) voted {
	p, err := s.fresh(ctx, o.proposal, o.by, o.older)
	for n := 1; err == nil; n++ {
		if p.State == pointsman.ProposalReady && p.Already != "" {
			return voted{ans: pointsman.Answer{Code: pointsman.CodeDuplicate, Text: fmt.Sprintf("%s is engaged already: %s", o.name, p.Already), ID: p.ID}}
		}
		once := suffixed(o.once, "vote")
		if n > 1 {
			once = suffixed(once, strconv.Itoa(n))
		}
		var res pointsman.Result
		res, err = s.store.Do(ctx, pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, Reason: o.reason, By: o.by, Once: once})
		if err != nil {
			break
		}
		if res.Answer.Code != pointsman.CodeChanged {
			return counted(res, p.ID)
		}
		p, err = s.checked(ctx, o.proposal)
	}
	return voted{err: err}
}

// counted is what became of a vote that was cast.
func counted(res pointsman.Result, proposal string) voted {
	v := voted{ans: res.Answer, own: res.Answer.Code == pointsman.CodeAccepted}
	decided, _ := res.State.Proposal(proposal)
	switch {
	case strings.Contains(res.Answer.ID, "/R"):
		v.run = res.Answer.ID
	case res.Answer.Code == pointsman.CodeDecided: // two people gave the order at the same time, and the other one's vote was first
		v.run = decided.Run
	case res.Answer.OK():
		v.ans.Code = pointsman.CodeUnderway // a vote that counts engages nothing while others are missing
	}
	return v
}
