package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/pointsman/pointsman"
)

// request asks for a runbook. One that stands refused in its incident is checked again: whoever asks for it has mended what stood
// in the way, and "already proposed" would leave them with the refusal of before.
func (e electorate) request(ctx context.Context, c pointsman.Request) (pointsman.Result, error) {
	asked, err := e.Store.Do(ctx, c)
	if err != nil || asked.Answer.Code != pointsman.CodeDuplicate {
		return asked, err
	}
	p, ok := asked.State.Proposal(asked.Answer.ID)
	if !ok || p.State != pointsman.ProposalRefused {
		return asked, nil
	}
	again := pointsman.Recheck{Proposal: p.ID, By: c.By}
	if c.Once != "" {
		again.Once = c.Once + "/recheck" // a repetition of the request is no third check
	}
	res, err := e.Store.Do(ctx, again)
	if err == nil && res.Answer.OK() {
		res.Answer.Text = fmt.Sprintf("%s was refused; it is checked again", p.ID)
	}
	return res, err
}

// refusedBefore puts it right where a denial of what a guard has refused is told that it cannot be approved.
func refusedBefore(c pointsman.CastVote, res pointsman.Result) pointsman.Result {
	p, ok := res.State.Proposal(c.Proposal)
	if c.Verdict != pointsman.Deny || !ok || p.State != pointsman.ProposalRefused {
		return res
	}
	if why, cut := strings.CutPrefix(res.Answer.Text, p.ID+" cannot be approved: "); cut {
		res.Answer.Text = fmt.Sprintf("%s is refused already, so there is nothing to deny: %s", p.ID, why)
	}
	return res
}
