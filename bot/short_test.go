package bot

import (
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// A tick is read as "it is done", also of a run that was taken back.
func TestARunInShortSaysWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	of := func(r *RunView, steps ...pointsman.StepState) ProposalView {
		p := ProposalView{ID: "INC-7/P1", Title: "Failover", State: pointsman.ProposalApproved, DecidedBy: "Ana", Run: r}
		for _, s := range steps {
			p.Steps = append(p.Steps, StepView{State: s})
		}
		return p
	}
	const undone, done = pointsman.StepUndone, pointsman.StepDone
	for want, p := range map[string]ProposalView{
		"✅ *Failover* was approved by Ana; done: all 2 steps done":          of(&RunView{ID: "INC-7/R1", State: pointsman.RunDone, Note: "all 2 steps done"}, done, done),
		"⏹️ *Failover* was approved by Ana; aborted by Ben; 2 steps undone": of(&RunView{ID: "INC-7/R1", State: pointsman.RunAborted, Note: "aborted by Ben"}, undone, undone),
		"⏹️ *Failover* was approved by Ana; aborted by Ben; 1 step undone; 1 step left to be done by hand: `pointsman incidents INC-7`": of(&RunView{
			ID: "INC-7/R1", State: pointsman.RunAborted, Note: "aborted by Ben", Left: []pointsman.Left{{N: 1}},
		}, done, undone),
		"↩️ *Failover* was approved by Ana; voided: pg-2 lags": of(&RunView{ID: "INC-7/R1", State: pointsman.RunVoided, Note: "pg-2 lags"}),
		"☑️ *Failover* was approved by Ana":                    of(nil),
	} {
		if got := textOf([]slack.Block{fits[0].short(View{}, p)}); !strings.Contains(got, `"text":"`+want+`"`) {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}
