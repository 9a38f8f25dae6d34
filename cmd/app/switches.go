package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions/killswitch"
	"github.com/pointsman/pointsman/cmd/api"
)

// readBack is how long an answer to Slack waits for the row to be read back, and doorWait how long one to the command line
// or another program does. Slack wants its answer in three seconds, and people want to hear "engaged", not "queued".
const (
	readBack = 2 * time.Second
	doorWait = 20 * time.Second
)

// Store is what the doors of the program need of the store.
type decider interface {
	Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error)
	State(ctx context.Context, incident string) (pointsman.State, error)
	Changed() <-chan struct{}
}

// switches turns "engage trading" into one decision: asked for and approved by the same authorised person, whatever
// locks or freezes exist. Releasing is only asked for here; others approve it.
type switches struct {
	store   decider
	offer   func(runbook string, args []string) (pointsman.Offer, error)
	runbook func(name string) (pointsman.Runbook, bool)
	status  func() []api.SwitchStatus
	// look reads the row now.
	look  func(ctx context.Context, name string) (api.SwitchStatus, error)
	bound api.Names     // which order a proposal was asked for by
	wait  time.Duration // for the outcome of an engage, at every door but Slack's
	log   *slog.Logger
}

// Status returns every kill switch as last read.
func (s *switches) Status(context.Context) ([]api.SwitchStatus, error) { return s.status(), nil }

// Release asks for the release of the named switch.
func (s *switches) Release(ctx context.Context, name, reason string, by pointsman.Actor, once string) (pointsman.Answer, error) {
	if ans, ok := s.reasonable(name, reason); !ok {
		return ans, nil
	}
	id, ans, err := s.request(ctx, killswitch.ReleaseRunbook, name, reason, by, once)
	if err != nil || id == "" {
		return ans, err
	}
	wait, cancel := context.WithTimeout(ctx, readBack)
	defer cancel()
	p, err := s.fresh(wait, id, by, ans.Code == pointsman.CodeDuplicate)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return pointsman.Answer{Code: pointsman.CodeCounted, ID: id, Text: id + " is still being checked; others approve it when its card is ready"}, nil
	case err != nil:
		return pointsman.Answer{}, err
	case !p.Open(): // the same order was given before
		return pointsman.Answer{Code: pointsman.CodeDecided, ID: id, Text: fmt.Sprintf("%s, which asked for the release of %s, is %s already; ask again, under another name", id, name, p.State)}, nil
	case p.State != pointsman.ProposalReady:
		return pointsman.Answer{Code: pointsman.CodeNotAllowed, Text: fmt.Sprintf("%s cannot be released now: %s", name, refusal(p)), ID: p.ID}, nil
	case p.Already != "":
		return pointsman.Answer{Code: pointsman.CodeDuplicate, Text: fmt.Sprintf("%s is released already: %s", name, p.Already), ID: p.ID}, nil
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
	return pointsman.Answer{Code: pointsman.CodeNotFound, Text: fmt.Sprintf("there is no kill switch %q; configured are %s", name, cmp.Or(s.names(), "none"))}, false
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

// request asks for the runbook. An empty id means that ans says it all.
func (s *switches) request(ctx context.Context, runbook, name, reason string, by pointsman.Actor, once string) (string, pointsman.Answer, error) {
	offer, err := s.offer(runbook, []string{name})
	if err != nil {
		return "", pointsman.Answer{Code: pointsman.CodeInvalid, Text: err.Error()}, nil
	}
	res, err := s.store.Do(ctx, pointsman.Request{Key: offer.Key(), Offer: offer, Reason: reason, By: by, Once: once})
	if err != nil || !res.Answer.OK() {
		return "", res.Answer, err
	}
	return res.Answer.ID, res.Answer, nil
}

// fresh waits for the checks of an order. The proposal may be older than the order: what its checks found then, a switch that
// stood already or a guard that refused, may be over by now, so it is looked at again before that is anybody's answer.
func (s *switches) fresh(ctx context.Context, id string, by pointsman.Actor, older bool) (pointsman.Proposal, error) {
	p, err := s.checked(ctx, id)
	again := p.State == pointsman.ProposalExpired || p.Open() && !votable(p)
	if err != nil || !older || !again {
		return p, err
	}
	// Without a name: the same order, given once more, is answered from a look of its own.
	if _, err := s.store.Do(ctx, pointsman.Recheck{Proposal: id, By: by}); err != nil {
		return p, err
	}
	return s.checked(ctx, id)
}

// votable reports whether the plan takes approvals.
func votable(p pointsman.Proposal) bool { return p.State == pointsman.ProposalReady && p.Already == "" }

// checked waits for the end of the proposal's checks. The error is the context's where they take longer.
func (s *switches) checked(ctx context.Context, id string) (pointsman.Proposal, error) {
	for {
		changed := s.store.Changed()
		st, err := s.store.State(ctx, pointsman.IncidentOf(id))
		if err != nil {
			return pointsman.Proposal{}, err
		}
		if p, ok := st.Proposal(id); ok && p.State != pointsman.ProposalChecking {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return pointsman.Proposal{}, ctx.Err()
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
