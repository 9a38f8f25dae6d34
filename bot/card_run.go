package bot

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// approved draws the run that the approval started. A voided run has sent its proposal back to checking, so it is
// never seen here but for a moment.
func (c caps) approved(p ProposalView) []slack.Block {
	by := "Approved by " + md(p.DecidedBy, 120) + " at " + at(p.DecidedAt) + " · plan " + code(p.Digest, 12) + mode(p.Mode)
	if p.Run == nil {
		return []slack.Block{section("☑️ *" + c.name(p) + "*"), small(by)}
	}
	r := *p.Run
	out := []slack.Block{section(c.headline(p, r)), c.progress(p), small(by, code(r.ID, 40))}
	switch r.State {
	case pointsman.RunRunning:
		if r.Trying != "" {
			out = append(out, small("🔁 "+md(r.Trying, 600)))
		}
		if r.Wish != "" {
			out = append(out, section("✋ *"+md(r.Wish, 600)+".*"))
		}
	case pointsman.RunAborted:
		out = append(out, c.left(r)...)
	case pointsman.RunParked:
		if q := r.Question; q != nil {
			out = append(out, question(*q))
		}
		if len(r.Facts) > 0 {
			out = append(out, c.evidence(r.ID, "*What is known*", r.Facts))
		}
		if r.Past {
			out = append(out, small("⛔ The point of no return is behind: aborting undoes nothing and hands over what is left."))
		}
	case pointsman.RunWaiting:
		if r.Gate != nil {
			out = append(out, c.gate(r))
		}
		if r.Manual != "" {
			out = append(out, section("✋ *"+owes(r.Duty)+"*\n"+mdLines(r.Manual, 1500)))
		}
	case pointsman.RunDone:
		if len(r.Facts) > 0 {
			out = append(out, c.evidence(r.ID, "*Verified*", r.Facts))
		}
	}
	return out
}

// question asks for one more approver, or says how to be asked again.
func question(q QuestionView) slack.Block {
	if q.Over {
		return section("⌛ Until " + at(q.Until) + " one more approver could accept this. *Retry step…* measures anew and asks again.")
	}
	return section("❓ *One more approver may accept this* until " + at(q.Until) + ":\n" + md(q.Text, 2500) + "\nQuestion " + code(q.Digest, 12))
}

// gate asks for the approval in the middle of a run.
func (c caps) gate(r RunView) slack.Block {
	g := r.Gate
	s := "🚦 *This gate needs " + md(g.Needs, 120) + "* until " + at(g.Until) + " · approvals " + md(g.Votes, 20)
	if len(g.Voters) > 0 {
		s += " (✓ " + md(strings.Join(g.Voters, ", ✓ "), c.text) + ")"
	}
	if g.Text != "" {
		s += "\n" + mdLines(g.Text, 1500)
	}
	return section(s + "\nPlan " + code(r.Digest, 12) + " · step and attempt " + code(r.Mark, 10))
}

// owes names who has to act, and until when.
func owes(d pointsman.Duty) string {
	s := "A person has to do this"
	if d.Owner != "" {
		s = md(d.Owner, 60) + " has to do this"
	}
	switch {
	case d.Late:
		return s + ", overdue since " + at(d.Due) + ":"
	case !d.Due.IsZero():
		return s + " until " + at(d.Due) + ":"
	}
	return s + ":"
}

// headline says where the run stands.
func (c caps) headline(p ProposalView, r RunView) string {
	name := "*" + c.name(p) + "*"
	note := ""
	if r.Note != "" {
		note = ": " + md(r.Note, 2*c.text)
	}
	switch r.State {
	case pointsman.RunQueued:
		return "⏳ " + name + " is approved and starts now"
	case pointsman.RunRunning:
		return "▶️ " + name + " is running, " + md(r.Step, 100) + ", started " + ago(r.Started)
	case pointsman.RunPaused:
		by := strings.TrimPrefix(strings.TrimPrefix(r.Note, "paused "), "stopped after a step ") // "by Ana Ruiz: why"
		return "⏸️ " + name + " *is paused* before " + md(bracketed(r.Step), 100) + " " + md(by, 2*c.text)
	case pointsman.RunUndoing:
		return "↩️ " + name + " is *being undone*" + note
	case pointsman.RunWaiting:
		if r.Manual == "" && !r.Wake.IsZero() {
			return "⏸️ " + name + " waits at " + md(r.Step, 100) + " and goes on at " + at(r.Wake) + note
		}
		return "⏸️ " + name + " waits at " + md(r.Step, 100)
	case pointsman.RunParked:
		return "🛑 " + name + " is *parked and needs a person*" + note
	case pointsman.RunDone:
		word := "done and verified"
		if n := inState(p, pointsman.StepSkipped); n > 0 {
			word = "done with " + pointsman.Count(n, "step") + " skipped"
		}
		return "✅ " + name + " is *" + word + "* in " + pointsman.Span(r.Took) + objective(p.RTO, r.Took)
	case pointsman.RunAborted:
		if by, ok := strings.CutPrefix(r.Note, "aborted "); ok { // "by Ben Okafor: why"
			return "⏹️ " + name + " was aborted " + md(by, 2*c.text)
		}
		return "⏹️ " + name + " was aborted" + note
	}
	return "↩️ " + name + " was not started and nothing was changed" + note
}

// bracketed turns "step 3 of 4, promote" into "step 3 of 4 (promote)", for the middle of a sentence.
func bracketed(step string) string {
	n, name, ok := strings.Cut(step, ", ")
	if !ok {
		return step
	}
	return n + " (" + name + ")"
}

func inState(p ProposalView, state pointsman.StepState) int {
	n := 0
	for _, s := range p.Steps {
		if s.State == state {
			n++
		}
	}
	return n
}

func objective(want, took time.Duration) string {
	switch {
	case want == 0:
		return ""
	case took <= want:
		return " (objective " + pointsman.Span(want) + ")"
	}
	return " (⚠️ objective " + pointsman.Span(want) + " missed)"
}

// progress lists the steps with what became of them.
func (c caps) progress(p ProposalView) slack.Block {
	return listed("*Steps*", steps(p, c.step), c.steps+1, printed(pointsman.IncidentOf(p.ID)))
}

func (c caps) step(s StepView) string {
	t := fmt.Sprintf("%s %s. %s", stepIcon(s.State), s.At, md(s.Text, c.text))
	if s.Attempt > 1 {
		t += fmt.Sprintf(" (attempt %d)", s.Attempt)
	}
	switch {
	case s.State == pointsman.StepPending:
		return t
	case s.State == pointsman.StepSkipped && s.Note != "": // it says by whom
	case s.State == pointsman.StepUndoing, s.State == pointsman.StepUndone, s.State == pointsman.StepNotUndone:
		t += " · " + strings.ReplaceAll(string(s.State), "_", " ")
	case s.State == pointsman.StepStarted && !s.Started.IsZero():
		t += " · since " + at(s.Started)
	case s.Took > 0:
		t += " · " + pointsman.Span(s.Took)
	}
	if n := strings.TrimSpace(s.Note); n != "" {
		t += " – " + md(n, c.text)
	}
	return t
}

func stepIcon(s pointsman.StepState) string {
	switch s {
	case pointsman.StepDone:
		return "✅"
	case pointsman.StepStarted:
		return "⏳"
	case pointsman.StepRefused, pointsman.StepFailed:
		return "⛔"
	case pointsman.StepUnknown:
		return "❔"
	case pointsman.StepSkipped:
		return "⤼"
	case pointsman.StepUndoing, pointsman.StepUndone:
		return "↩️"
	case pointsman.StepNotUndone:
		return "⛔"
	}
	return "▫️"
}
