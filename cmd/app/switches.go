package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
)

// The runbooks of the kill switches. They are ordinary runbooks, so policy, record and read-back are the same as for
// everything else; only the door is shorter.
const (
	engageRunbook  = "killswitch-engage"
	releaseRunbook = "killswitch-release"
)

// readBack is how long the answer to an engage waits for the row to be read back. Slack wants its answer in three
// seconds, and people want to hear "engaged", not "queued".
const readBack = 2 * time.Second

// Store is what the doors of the program need of the store.
type decider interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	State(ctx context.Context, incident string) (pointsman.State, error)
	Changed() <-chan struct{}
}

// switches turns "engage trading" into one decision: asked for and approved by the same authorised person, whatever
// locks or freezes exist. Releasing is only asked for here; others approve it.
type switches struct {
	store  decider
	offer  func(runbook string, args []string) (pointsman.Offer, error)
	status func() []api.SwitchStatus
}

// Status returns every kill switch as last read.
func (s *switches) Status(context.Context) ([]api.SwitchStatus, error) { return s.status(), nil }

// Engage engages the named switch. The answer says whether the row was read back as engaged.
func (s *switches) Engage(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	p, ans, err := s.ask(ctx, engageRunbook, name, reason, by, once)
	if err != nil || p.ID == "" {
		return ans, err
	}
	if p.Already != "" {
		return pointsman.Answer{Code: pointsman.CodeDuplicate, Text: fmt.Sprintf("%s is engaged already: %s", name, p.Already), ID: p.ID}, nil
	}
	vote := pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, Reason: reason, By: by, Once: suffixed(once, "vote")}
	res, err := s.store.Do(ctx, vote)
	if err != nil || res.Answer.Code != pointsman.CodeAccepted {
		return res.Answer, err
	}
	return s.await(ctx, res.Answer.ID, name)
}

// Release asks for the release of the named switch.
func (s *switches) Release(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	p, ans, err := s.ask(ctx, releaseRunbook, name, reason, by, once)
	if err != nil || p.ID == "" {
		return ans, err
	}
	if p.State != pointsman.ProposalReady {
		return pointsman.Answer{Code: pointsman.CodeNotAllowed, Text: fmt.Sprintf("%s cannot be released now: %s", name, refusal(p)), ID: p.ID}, nil
	}
	return pointsman.Answer{Code: pointsman.CodeAccepted, ID: p.ID, Text: fmt.Sprintf("the release of %s waits for %s, plan %s, as %s", name, p.Policy, pointsman.ShortDigest(p.Digest), p.ID)}, nil
}

func (s *switches) reasonable(name, reason string) (pointsman.Answer, bool) {
	for _, one := range s.status() {
		if one.Name != name {
			continue
		}
		if len([]rune(strings.TrimSpace(reason))) < minReason {
			return pointsman.Answer{Code: pointsman.CodeInvalid, Text: fmt.Sprintf("a reason of at least %d characters is needed; it is what others read afterwards", minReason)}, false
		}
		return pointsman.Answer{}, true
	}
	return pointsman.Answer{Code: pointsman.CodeNotFound, Text: fmt.Sprintf("there is no kill switch %q; configured are %s", name, s.names())}, false
}

// minReason keeps "x" from being the whole record of why trading stopped.
const minReason = 10

func (s *switches) names() string {
	var out []string
	for _, one := range s.status() {
		out = append(out, one.Name)
	}
	return strings.Join(out, ", ")
}

// ask requests the runbook and waits until its plan is there. An empty proposal means that ans says it all.
func (s *switches) ask(ctx context.Context, runbook, name, reason string, by pointsman.Actor, once string) (pointsman.Proposal, pointsman.Answer, error) {
	offer, err := s.offer(runbook, []string{name})
	if err != nil {
		return pointsman.Proposal{}, pointsman.Answer{Code: pointsman.CodeInvalid, Text: err.Error()}, nil
	}
	res, err := s.store.Do(ctx, pointsman.Request{Key: offer.Key(), Offer: offer, Reason: reason, By: by, Once: once})
	if err != nil || !res.Answer.OK() {
		return pointsman.Proposal{}, res.Answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, readBack)
	defer cancel()
	for {
		changed := s.store.Changed()
		st, err := s.store.State(ctx, pointsman.IncidentOf(res.Answer.ID))
		if err != nil {
			return pointsman.Proposal{}, pointsman.Answer{}, err
		}
		if p, ok := st.Proposal(res.Answer.ID); ok && p.State != pointsman.ProposalChecking {
			return p, pointsman.Answer{}, nil
		}
		select {
		case <-ctx.Done():
			return pointsman.Proposal{}, pointsman.Answer{
				Code: pointsman.CodeCounted, ID: res.Answer.ID,
				Text: fmt.Sprintf("%s is still being checked; approve it when its card is ready", res.Answer.ID),
			}, nil
		case <-changed:
		}
	}
}

// await waits a moment for the run's end, so that the answer is what was read back, not what was hoped for.
func (s *switches) await(ctx context.Context, run, name string) (pointsman.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, readBack)
	defer cancel()
	for {
		changed := s.store.Changed()
		st, err := s.store.State(ctx, pointsman.IncidentOf(run))
		if err == nil {
			switch r, _ := st.Run(run); r.State {
			case pointsman.RunDone:
				return pointsman.Answer{Code: pointsman.CodeAccepted, ID: run, Text: fmt.Sprintf("%s is engaged and was read back as engaged (%s)", name, run)}, nil
			case pointsman.RunParked, pointsman.RunVoided:
				return pointsman.Answer{Code: pointsman.CodeConflict, ID: run, Text: fmt.Sprintf("%s is NOT known to be engaged: %s", name, r.Note)}, nil
			}
		}
		select {
		case <-ctx.Done():
			return pointsman.Answer{Code: pointsman.CodeAccepted, ID: run, Text: fmt.Sprintf("%s is being engaged as %s; it is not read back yet", name, run)}, nil
		case <-changed:
		}
	}
}

func refusal(p pointsman.Proposal) string {
	if no := pointsman.Refusals(p.Facts); len(no) > 0 {
		return no[0].Sentence()
	}
	if p.Already != "" {
		return p.Already
	}
	if p.Problem != "" {
		return p.Problem
	}
	return "it is " + string(p.State)
}

func suffixed(once, what string) string {
	if once == "" {
		return ""
	}
	return once + "/" + what
}
