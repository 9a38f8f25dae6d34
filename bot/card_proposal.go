package bot

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// full draws the proposal to look at.
func (c caps) full(v View, p ProposalView) []slack.Block {
	var out []slack.Block
	if len(p.Changed) > 0 && (p.State == pointsman.ProposalReady || p.State == pointsman.ProposalChecking || p.State == pointsman.ProposalRefused) {
		out = append(out, listed("⚠️ *What was approved before no longer holds; it needs new votes:*", c.lines(p.Changed, "• "), c.lists, printed(v.ID)))
	}
	switch p.State {
	case pointsman.ProposalChecking:
		out = append(out, section("⏳ *"+c.name(p)+"*: checking…\n_Why: "+md(p.Why, c.text)+"_"+mode(p.Mode)),
			small("The checks run now; evidence and buttons follow here in a few seconds."))
	case pointsman.ProposalReady:
		out = append(out, c.ready(p)...)
	case pointsman.ProposalRefused:
		out = append(out, c.refused(p)...)
	case pointsman.ProposalApproved:
		out = append(out, c.approved(p)...)
	default:
		out = append(out, section(c.ended(p)))
	}
	if el := actions(v, p); len(el) > 0 {
		out = append(out, slack.NewActionBlock(fmt.Sprintf("decide %s %d", p.ID, p.Generation), el...))
	}
	return out
}

func (c caps) name(p ProposalView) string {
	s := drill(p.Mode == pointsman.ModeDrill) + md(p.Title, 120)
	if p.Apart != "" {
		s += " · " + md(p.Apart, 80)
	}
	return s
}

// drill marks an exercise, so that nobody takes it for an outage.
func drill(is bool) string {
	if is {
		return "DRILL · "
	}
	return ""
}

// mode says what the run is for; nothing where a plan from before there were modes does not.
func mode(m pointsman.Mode) string {
	if m == "" {
		return ""
	}
	return " · mode " + md(string(m), 20)
}

func (c caps) lines(in []string, mark string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = mark + md(s, c.text)
	}
	return out
}

// ready shows everything that an informed click needs.
func (c caps) ready(p ProposalView) []slack.Block {
	head := "*Proposed: " + c.name(p) + "*\n_Why: " + md(p.Why, c.text) + "_" + mode(p.Mode)
	if p.Pins != "" {
		head += "\n" + md(p.Pins, c.text)
	}
	out := []slack.Block{section(head)}
	if p.Already != "" {
		return append(out, section("☑️ *There is nothing to do:* "+md(p.Already, c.text)), c.evidence(p.ID, "*Checks*", p.Facts))
	}
	out = append(out, c.evidence(p.ID, "*Checks*, measured "+at(p.Checked)+"; they run again before the start", p.Facts), c.plan(p))
	if s := loss(p); s != "" {
		out = append(out, section(s))
	}
	out = append(out, risks(p)...)
	return append(out, section(c.approvals(p)))
}

// maxAccepted is the longest text of one thing that an approver accepts: a section takes it and its heading.
const maxAccepted = maxSection - 100

// risks lists them, each whole on a card of any size: one without its figure is another one, and whoever approves
// accepts it all the same.
func risks(p ProposalView) []slack.Block {
	if len(p.Risks) == 0 {
		return nil
	}
	lines := []string{"⚠️ *Who approves accepts:*"}
	for _, r := range p.Risks {
		lines = append(lines, "• "+md(r, maxAccepted))
	}
	return paragraphs(lines)
}

// unsayable reports whether something that an approver of the first proposal accepts is too long to be shown whole.
func unsayable(v View) bool {
	if len(v.Proposals) == 0 || v.Proposals[0].State != pointsman.ProposalReady {
		return false
	}
	p := v.Proposals[0]
	return slices.ContainsFunc(append(p.Risks[:len(p.Risks):len(p.Risks)], bounds(p)), func(s string) bool {
		return md(s, maxAccepted) != md(s, math.MaxInt)
	})
}

func bounds(p ProposalView) string {
	return strings.ReplaceAll(strings.Join(p.Bounds, " and "), "loss <= ", "")
}

// loss is stated or said to be unknown; unknown is never zero.
func loss(p ProposalView) string {
	if len(p.Bounds) > 0 {
		return "📉 *Expected loss, at most:* " + md(bounds(p), maxAccepted)
	}
	for _, s := range p.Steps {
		if s.Irreversible {
			return "📉 *Expected loss:* no figure is part of this plan; treat it as unknown"
		}
	}
	return ""
}

// plan draws the steps and, between them, the point of no return.
func (c caps) plan(p ProposalView) slack.Block {
	one := func(s StepView) string { return fmt.Sprintf("%s. %s", s.At, md(s.Text, c.text)) }
	return listed("*What will happen*", steps(p, one), c.steps+1, printed(pointsman.IncidentOf(p.ID)))
}

func (c caps) approvals(p ProposalView) string {
	s := "🗳️ *Approvals " + md(p.Votes, 20) + "*"
	if len(p.Voters) > 0 {
		s += " (✓ " + md(strings.Join(p.Voters, ", ✓ "), c.text) + ")"
	}
	s += " · needs " + md(p.Needs, 120)
	if len(p.Eligible) > 0 {
		names := p.Eligible
		rest := ""
		if n := len(names) - 8; n > 0 {
			names, rest = names[:8], fmt.Sprintf(" and %d more", n)
		}
		s += "\nMay approve: " + md(strings.Join(names, ", "), c.text) + rest
	}
	if p.TooFew {
		s += fmt.Sprintf("\n⚠️ Only %d of the configured people may approve this, fewer than it needs.", len(p.Eligible))
	}
	return s + "\nPlan " + code(p.Digest, 12) + " · expires " + at(p.Expires) + " · " + code(p.ID, 40)
}

func (c caps) refused(p ProposalView) []slack.Block {
	head := "⛔ *" + c.name(p) + "* is refused"
	if p.Problem != "" {
		return []slack.Block{section(head + ": " + md(p.Problem, 2*c.text))}
	}
	out := []slack.Block{section(head + ".\n_Why it fits: " + md(p.Why, c.text) + "_")}
	return append(out, c.evidence(p.ID, "*Checks*, measured "+at(p.Checked), p.Facts))
}

// ended is a proposal that leads nowhere any more.
func (c caps) ended(p ProposalView) string {
	name := "*" + c.name(p) + "*"
	switch p.State {
	case pointsman.ProposalDenied:
		s := "🚫 " + name + " was denied by " + md(p.DecidedBy, 60) + " at " + at(p.DecidedAt)
		if p.Reason != "" {
			s += ": " + md(p.Reason, c.text)
		}
		return s + ". Nothing runs."
	case pointsman.ProposalExpired:
		return "⌛ " + name + " expired at " + at(p.Expires) + " with " + md(p.Votes, 20) + ". Expired is not denied: *Check and ask again* starts anew."
	}
	return "↩️ " + name + " was withdrawn; nothing runs."
}

// short draws a proposal that is not the one to look at first.
func (c caps) short(v View, p ProposalView) slack.Block {
	name := "*" + c.name(p) + "* "
	switch p.State {
	case pointsman.ProposalChecking:
		return section("⏳ " + name + "is being checked")
	case pointsman.ProposalRefused:
		return again(v, p, "⛔ "+name+"is refused: "+md(refusal(p), c.text))
	case pointsman.ProposalExpired:
		return again(v, p, c.ended(p))
	case pointsman.ProposalApproved:
		return section(runIcon(p) + " " + name + "was approved by " + md(p.DecidedBy, 80) + runEnd(p))
	case pointsman.ProposalReady:
		if p.Already != "" {
			return section("☑️ " + name + "has nothing to do: " + md(p.Already, c.text))
		}
		return c.alternative(v, p, name)
	}
	return section(c.ended(p))
}

// again is a proposal in short with the button that checks it again, without which nobody could. While a run is open nothing
// else is offered.
func again(v View, p ProposalView, text string) slack.Block {
	if v.Quiet || !v.Closable {
		return section(text)
	}
	return slack.NewSectionBlock(mrkdwn(text), nil, slack.NewAccessory(recheck(p)), slack.SectionBlockOptionBlockID(fmt.Sprintf("decide %s %d", p.ID, p.Generation)))
}

// alternative is a second proposal that could run: what it does on one line, what it costs, and its own button, but no button
// without all that an approver accepts.
func (c caps) alternative(v View, p ProposalView, name string) slack.Block {
	s := "↳ or " + name + "\n" + md(strings.Join(flow(p.Steps), " → "), 2*c.text)
	costs := ""
	if l := loss(p); l != "" {
		costs += "\n" + l
	}
	for _, r := range p.Risks {
		costs += "\n⚠️ " + md(r, maxAccepted)
	}
	whole := utf8.RuneCountInString(costs) <= 6*c.text
	if !whole {
		costs = "\n⚠️ What an approver accepts does not fit here: " + code("pointsman approve "+p.ID, 60) + " shows it and leads to the decision"
	}
	s += costs + "\n" + tally(p.Facts) + " · needs " + md(p.Needs, 80) + " (" + md(p.Votes, 20) + ") · plan " + code(p.Digest, 12)
	text := mrkdwn(s)
	if v.Quiet || !whole {
		return slack.NewSectionBlock(text, nil, nil)
	}
	return slack.NewSectionBlock(text, nil, slack.NewAccessory(approve(p, "Approve this one")), slack.SectionBlockOptionBlockID(fmt.Sprintf("decide %s %d", p.ID, p.Generation)))
}

func refusal(p ProposalView) string {
	for _, f := range p.Facts {
		if f.Refuses() {
			if f.Clears != "" {
				return f.Sentence() + "; " + f.Clears
			}
			return f.Sentence()
		}
	}
	return p.Problem
}

// runIcon: a tick is for what was done and verified; beside an aborted run it would be read as that.
func runIcon(p ProposalView) string {
	switch {
	case p.Run == nil:
		return "☑️"
	case p.Run.State == pointsman.RunDone:
		return "✅"
	case p.Run.State == pointsman.RunAborted:
		return "⏹️"
	case p.Run.State.Terminal():
		return "↩️"
	}
	return "▶️"
}

// runEnd says what became of the run, and of an aborted one what became of its steps.
func runEnd(p ProposalView) string {
	r := p.Run
	if r == nil {
		return ""
	}
	s := "; " + md(string(r.State), 20) + ": " + md(r.Note, 160)
	if strings.HasPrefix(r.Note, string(r.State)) {
		s = "; " + md(r.Note, 180) // "aborted by Ana: done by hand"
	}
	if n := inState(p, pointsman.StepUndone); n > 0 {
		s += "; " + pointsman.Count(n, "step") + " undone"
	}
	if len(r.Left) > 0 {
		s += "; " + pointsman.Count(len(r.Left), "step") + " left to be done by hand: " + code(printed(pointsman.IncidentOf(r.ID)), 60)
	}
	return s
}
