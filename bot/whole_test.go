package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// everything is a plan in which nothing is left out that a plan can say.
func everything(p *pointsman.Plan) {
	grouped(p)
	p.Mode, p.Reason, p.Deadline = pointsman.ModePlanned, "maintenance of *rack 7*", 40*time.Minute
	p.RunbookDigest, p.ConfigDigest = strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	p.Params = map[string]string{"cluster": "orders", "max_lag": "16MiB"}
	p.Acknowledge = []string{"pg-1 was tried from 1 of 2 vantage points"}
	p.Accepted, p.Figures = []string{"G2 vantage points"}, map[string]float64{"G2 vantage points": 1}
	p.Policy.ReasonRequired, p.Policy.RequesterMayApprove, p.Exempt, p.Rejoins = true, true, true, true
	p.Steps[0].With = []byte(`{"cluster":"orders","max_lag":16777216,"deep":{"health":[{"url":"http://10.0.0.1/<up>","status":200}],"skip":null},"none":[],"bare":{}}`)
	p.Steps[1].When = &pointsman.Condition{Fact: "pg-1 writable", Is: "==", Value: "no"}
	p.Steps[1].Undo, p.Steps[1].UndoByHand, p.Steps[1].ByHand = true, []string{"ssh pg-1 systemctl start postgresql"}, []string{"ssh pg-1 systemctl stop postgresql"}
	p.Steps[1].Ungraceful = &pointsman.Form{With: []byte(`{"mode":"immediate"}`), Summary: "kill pg-1 at once"}
	gate := pointsman.PlanStep{Name: "look", Kind: pointsman.KindGate, Summary: "1 of dba looks before it goes on", Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: 10 * time.Minute}}
	p.Steps = append(p.Steps[:2:2], append([]pointsman.PlanStep{gate}, p.Steps[2:]...)...)
}

func proposalOf(t *testing.T, edit ...func(*pointsman.Plan)) pointsman.Proposal {
	t.Helper()
	raw := encoded(t, failover(edit...))
	return pointsman.Proposal{ID: "INC-7/P1", Plan: raw, Digest: pointsman.Digest(raw)}
}

// TestWholePlan shows the plan as people read it. The files can be pasted into Block Kit Builder, as a modal.
func TestWholePlan(t *testing.T) {
	t.Parallel()
	newer := proposalOf(t)
	newer.Plan = []byte(`{"version":2,"invented":true}`)
	old := pointsman.ShortDigest(pointsman.Digest([]byte("another")))
	for name, c := range map[string]struct {
		p       pointsman.Proposal
		clicked string
	}{
		"failover":   {proposalOf(t), ""},
		"everything": {proposalOf(t, everything), ""},
		"old_card":   {proposalOf(t, func(p *pointsman.Plan) { p.Steps = p.Steps[2:] }), old},
		"of_a_newer": {newer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blocks := wholePlan(c.p, c.clicked)
			golden(t, "plan_"+name, blocks)
			if text := textOf(blocks); !strings.Contains(text, c.p.Digest) || !strings.Contains(text, "pointsman incidents INC-7/P1 --plan") {
				t.Errorf("it does not say the digest and how to see the exact bytes: %s", text)
			}
		})
	}
}

// Every argument of every step is there, however deep: people approve what they can read.
func TestThePlanOpensInWordsAndSlackTakesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &tale{t: t, now: w.now}
	w.tell(webhook(primaryDown(pointsman.AlertFiring)), pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(everything)), Facts: s.facts(), Eligible: []string{"Ana Ruiz"}})
	w.flush()
	card := w.room.WaitMessage("INC-7", "PostgreSQL failover")
	card.Click("U0BEN", "Show the whole plan")
	w.story.WaitView("U0BEN", w.state.Proposals[0].Digest, "cluster: orders", "max_lag: 16777216", "deep.health[0].status: 200", "timeout: 15 s", "undo: none, it cannot be undone")
	card.Click("U0MAL", "Show the whole plan")
	w.room.WaitEphemeral("U0MAL", "not a person of the configuration")
}

// A plan of very many steps opens, says how many are not shown and where they are.
func TestAPlanThatIsTooLongForSlackSaysSo(t *testing.T) {
	t.Parallel()
	long := func(steps, size int) func(p *pointsman.Plan) {
		return func(p *pointsman.Plan) {
			for i := range steps {
				with := fmt.Sprintf(`{"a":%q,"b":%q,"c":%q,"d":%q,"e":%q}`, strings.Repeat("<", size), strings.Repeat("x", size), strings.Repeat("y", size), strings.Repeat("z", size), strings.Repeat("ü", size))
				p.Steps = append(p.Steps, pointsman.PlanStep{Name: fmt.Sprint("more-", i), Kind: "exec.run", With: []byte(with), Timeout: time.Second, Summary: "run it"})
			}
		}
	}
	for name, edit := range map[string]func(p *pointsman.Plan){"many steps": long(150, 1), "long arguments": long(90, 2000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tell(webhook(primaryDown(pointsman.AlertFiring)), pointsman.Ready{Proposal: "INC-7/P1", Generation: 1, Plan: encoded(t, failover(edit)), Eligible: []string{"Ana Ruiz"}})
			w.flush()
			w.room.WaitMessage("INC-7", "PostgreSQL failover").Click("U0BEN", "Show the whole plan")
			w.story.WaitView("U0BEN", "more steps not shown here")
			blocks := wholePlan(w.state.Proposals[0], "")
			for i, b := range blocks {
				if s, ok := b.(*slack.SectionBlock); ok && s.Text.Validate() != nil {
					t.Errorf("block %d: %v", i, s.Text.Validate())
				}
			}
			if n := textSize(blocks); len(blocks) > maxModal || n > maxModalText+maxSection {
				t.Errorf("%d blocks with %d characters", len(blocks), n)
			}
		})
	}
}

// What Slack would change is pasted from elsewhere, and not from JSON, where its lines are \n and its quotes \".
func TestACommandThatSlackWouldChangeIsPrintedToBePasted(t *testing.T) {
	t.Parallel()
	p := proposalOf(t, func(p *pointsman.Plan) { p.Steps[1].ByHand = []string{"printf '```'"} })
	if shown := textOf(wholePlan(p, "")); !strings.Contains(shown, "by hand: _Slack would cut or change the command: `pointsman incidents INC-7` prints it_") {
		t.Error(shown)
	}
}
