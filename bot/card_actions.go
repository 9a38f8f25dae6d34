package bot

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// actions are the buttons that make sense now: none after a decision, because a live button says that one is wanted.
func actions(v View, p ProposalView) []slack.BlockElement {
	if v.Quiet || v.State != pointsman.IncidentOpen {
		return nil
	}
	r := p.route()
	options := incidentOptions(v)
	if p.Digest != "" {
		options = append([]*slack.OptionBlockObject{option(doPlan, "Show the whole plan", r)}, options...)
	}
	switch p.State {
	case pointsman.ProposalReady:
		deny := button(doDeny, "Deny…", r.String(), slack.StyleDanger)
		if p.Already != "" {
			return []slack.BlockElement{deny, recheck(p), menu(options...)}
		}
		return []slack.BlockElement{approve(p, "Approve"), deny, recheck(p), menu(options...)}
	case pointsman.ProposalRefused, pointsman.ProposalExpired:
		return []slack.BlockElement{recheck(p), menu(options...)}
	case pointsman.ProposalApproved:
		return append(steering(p), menu(append(rarer(p), options...)...))
	}
	return nil
}

// route is what a button of the proposal carries.
func (v ProposalView) route() route {
	return route{ID: v.ID, Digest: v.Digest, Mark: number(v.Generation)}
}

// recheck measures anew; of an approval that expired that is the way to be asked again.
func recheck(p ProposalView) *slack.ButtonBlockElement {
	text := "Refresh checks"
	if p.State == pointsman.ProposalExpired {
		text = "Check and ask again"
	}
	return button(doRecheck, text, p.route().String(), slack.StyleDefault)
}

// approve asks once more, with the target, the plan and the exact figures that a click accepts.
func approve(p ProposalView, text string) *slack.ButtonBlockElement {
	return confirmed(button(doApprove, text, p.route().String(), slack.StylePrimary), "Run "+cut(line(p.Title), 80)+"?", accepted(p), "Approve")
}

// accepted is the text of the dialog. What is accepted comes before the steps and is not cut for them: a risk without its
// figure is another one. What fits in no dialog is counted there and stands on the card.
func accepted(p ProposalView) string {
	s := "Plan " + p.Digest
	if p.Target != "" {
		s = cut(line(p.Target), 60) + ", plan " + p.Digest
	}
	if all := append(append([]string(nil), p.Bounds...), p.Risks...); len(all) > 0 {
		s = asMany(s, ". You accept: ", all, "; and %d more on the card", ". You accept what the card says, "+pointsman.Count(len(all), "thing"))
	}
	list := flow(p.Steps)
	for i := range list {
		list[i] = fmt.Sprintf("%d. %s", i+1, list[i]) // a step's own words have commas
	}
	return cut(asMany(s, ". Steps: ", list, "; and %d more", ""), maxConfirm)
}

// asMany adds as many of the list as the dialog takes, each whole, and counts the others; none is said as the caller says it.
func asMany(s, heading string, list []string, others, none string) string {
	for n := len(list); n > 0; n-- {
		take := s + heading + line(strings.Join(list[:n], "; "))
		if rest := len(list) - n; rest > 0 {
			take += fmt.Sprintf(others, rest)
		}
		if utf8.RuneCountInString(take) <= maxConfirm {
			return take
		}
	}
	return s + none
}

// gateAccepted is the text of the dialog: what goes on when the gate opens.
func gateAccepted(p ProposalView, r RunView) string {
	next := strings.Join(flow(pending(p.Steps)), "; ")
	return cut(line(fmt.Sprintf("%s, plan %s, %s. Next: %s", r.ID, r.Digest, r.Step, next)), maxConfirm)
}
