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
// request has ended. The answer says whether the row was read back as engaged.
func (s *switches) Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	id, ans, err := s.request(ctx, engageRunbook, name, reason, by, once)
	if err != nil || id == "" {
		return ans, err
	}
	cast := make(chan pointsman.Answer, 1) // nobody may be left to take it
	gone := make(chan error, 1)
	go func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		ans, err := s.voteWhenReady(late, id, name, reason, by, once)
		if err != nil {
			s.log.ErrorContext(late, "kill switch not voted for", "switch", name, "proposal", id, "err", err)
			gone <- err
			return
		}
		cast <- ans
	}()
	wait, cancel := context.WithTimeout(ctx, readBack)
	defer cancel()
	select {
	case err := <-gone:
		return pointsman.Answer{}, err
	case ans := <-cast:
		if ans.Code != pointsman.CodeAccepted {
			return ans, nil
		}
		return s.await(wait, ans.ID, name), nil
	case <-wait.Done():
		return pointsman.Answer{Code: pointsman.CodeAccepted, ID: id, Text: beingEngaged(name, id)}, nil
	}
}

func beingEngaged(name, id string) string {
	return fmt.Sprintf("%s is being engaged as %s; it was not read back yet", name, id)
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
			return pointsman.Answer{Code: pointsman.CodeAccepted, ID: run, Text: beingEngaged(name, run)}
		case <-changed:
		}
	}
}
