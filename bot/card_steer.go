package bot

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// decisions are the buttons of a run, in order; each opens a form that says what will happen and asks why.
var decisions = []struct {
	verb  pointsman.Verb
	text  string
	style slack.Style
}{
	{pointsman.VerbResume, "Resume…", slack.StylePrimary},
	{pointsman.VerbRetry, "Retry step…", slack.StyleDefault},
	{pointsman.VerbDone, "Mark done…", slack.StyleDefault},
	{pointsman.VerbSkip, "Skip step…", slack.StyleDefault},
	{pointsman.VerbPause, "Pause…", slack.StyleDefault},
	{pointsman.VerbAbort, "Abort…", slack.StyleDanger},
}

// steering are the decisions that the run takes as it stands: what would be refused has no button.
func steering(p ProposalView) []slack.BlockElement {
	if p.Run == nil {
		return nil
	}
	r := *p.Run
	to := route{ID: r.ID, Mark: r.Mark}.String()
	if r.Gate != nil {
		vote := route{ID: r.ID, Digest: r.Digest, Mark: r.Mark}.String()
		return []slack.BlockElement{
			confirmed(button(doApprove, "Approve", vote, slack.StylePrimary), "Let the run go on?", gateAccepted(p, r), "Approve"),
			button(doDeny, "Deny…", vote, slack.StyleDanger), button(doAbort, "Abort…", to, slack.StyleDefault),
		}
	}
	var out []slack.BlockElement
	if q := r.Question; q != nil && !q.Over {
		out = append(out, button(doAccept, "Accept "+q.Figures+"…", route{ID: r.ID, Digest: q.Digest, Mark: r.Mark}.String(), slack.StylePrimary))
	}
	for _, d := range decisions {
		if !r.takes(d.verb) {
			continue
		}
		style := d.style
		if d.verb == pointsman.VerbDone && r.Manual != "" {
			style = slack.StylePrimary
		}
		text := d.text
		switch {
		case d.verb == pointsman.VerbResume && r.HeldUndo:
			text = "Go on undoing…"
		case d.verb == pointsman.VerbResume && r.Wish != "":
			text, style = "Take it back…", slack.StyleDefault
		}
		out = append(out, button(string(d.verb), text, to, style))
	}
	return out
}

// rarer are the menu's entries of a run: the pause under the name that people look for while a step is at work, and the
// ungraceful forms, where there are any ahead.
func rarer(p ProposalView) []*slack.OptionBlockObject {
	if p.Run == nil {
		return nil
	}
	var out []*slack.OptionBlockObject
	to := route{ID: p.Run.ID, Mark: p.Run.Mark}
	if p.Run.State == pointsman.RunRunning && p.Run.takes(pointsman.VerbStop) {
		out = append(out, option(doStop, "Stop after this step…", to))
	}
	if p.Run.takes(pointsman.VerbUngraceful) {
		out = append(out, option(doUngraceful, "Go on ungracefully…", to))
	}
	return out
}

// left lists what an aborted run leaves to a person, with the exact commands.
func (c caps) left(r RunView) []slack.Block {
	if len(r.Left) == 0 {
		return nil
	}
	title := "*To be looked at and undone by hand*"
	if r.Past {
		title = "*To be finished by hand* (the point of no return is behind, nothing was undone)"
	}
	lines, all := []string{title}, printed(pointsman.IncidentOf(r.ID))
	begun := 2 // lines that are there in any case: the first step with its first command
	for n, l := range r.Left {
		lines = append(lines, "▫️ "+l.At().String()+". "+md(l.Step, 60)+": "+md(became(l.State), 20))
		if l.Note != "" {
			lines = append(lines, md(l.Note, 300))
		}
		for i, cmd := range l.Commands {
			if lines = append(lines, command(cmd, all)); n == 0 && i == 0 {
				begun = len(lines)
			}
		}
	}
	room := c.text * 20
	for i, l := range lines {
		if room -= utf8.RuneCountInString(l); room < 0 && i >= begun {
			return paragraphs(append(lines[:i:i], "⚠️ *There is more that does not fit here:* "+code(all, 100)+" prints all of it."))
		}
	}
	return paragraphs(lines)
}

// takes reports whether the run takes the decision as it stands.
func (r RunView) takes(v pointsman.Verb) bool { return slices.Contains(r.Verbs, v) }

// became says what is known of a step that is left to a person.
func became(s pointsman.StepState) string {
	switch s {
	case pointsman.StepUnknown:
		return "outcome unknown"
	case pointsman.StepPending:
		return "not begun"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}
