package actions

import (
	"fmt"

	"github.com/pointsman/pointsman"
)

// reconfigured finds that the targets are not configured as they were when the plan was made: the same step would now
// go to another server, or run another command, than people approved. It is looked at before anything that begins, and
// before anything is concluded from what a server shows.
func (e *Engine) reconfigured(plan pointsman.Plan) []pointsman.Fact {
	now := e.Catalog.Digest()
	if plan.ConfigDigest == now {
		return nil
	}
	then, today := short(plan.ConfigDigest), short(now)
	return []pointsman.Fact{{
		Guard: "G6", Kind: pointsman.Hard, Name: "configuration of the targets", Value: today, Limit: then, Source: sourceConfiguration, Result: pointsman.Fail,
		Text:   fmt.Sprintf("the targets were changed since the approval: the configuration was %s and is %s now", then, today),
		Clears: "propose again, or restore the configuration that was approved",
	}}
}

func short(digest string) string {
	if digest == "" {
		return "none"
	}
	return pointsman.ShortDigest(digest)
}
