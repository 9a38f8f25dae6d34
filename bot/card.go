package bot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// caps are how much of each list a card shows. A card that is too long for Slack is drawn again with the next caps.
type caps struct{ facts, steps, others, lists, text int }

var fits = []caps{
	{facts: 14, steps: 14, others: 4, lists: 5, text: 260},
	{facts: 10, steps: 10, others: 3, lists: 3, text: 160},
	{facts: 6, steps: 6, others: 2, lists: 2, text: 100},
}

// Card draws the incident: what fires, the proposal to look at in full, the others in short, and the buttons that make
// sense in this state. It is pure: the same view gives the same blocks.
func Card(v View) []slack.Block { return drawn(v, maxTotal) }

// drawn is the first card with less text than the limit.
func drawn(v View, limit int) []slack.Block {
	for _, c := range fits {
		if blocks := c.draw(v); len(blocks) <= maxBlocks && textSize(blocks) < limit && !unsayable(v) {
			return blocks
		}
	}
	return bare(v)
}

// bare is what is left of a card that fits in no size. Slack refuses one that is too long, and the one before it would stand
// for ever, with buttons that are over. What a person needs to see before an approval is not on it, so nothing is approved here.
func bare(v View) []slack.Block {
	c := fits[len(fits)-1]
	text := "*" + md(v.Standing, 300) + "*\n⚠️ There is more than a card of Slack takes: " + code(printed(v.ID), 60) + " prints all of it"
	if by := decides(v); by != "" {
		text += ", and " + code(by, 60) + " leads to the decision"
	}
	out := []slack.Block{title(v), small(c.about(v)...), section(text + ".")}
	out = append(out, c.notPaged(v)...)
	out = append(out, c.held(v.Held)...)
	if len(v.Proposals) == 0 {
		return append(out, c.foot(v)...)
	}
	el := slices.DeleteFunc(actions(v, v.Proposals[0]), func(e slack.BlockElement) bool {
		b, ok := e.(*slack.ButtonBlockElement)
		return ok && (b.ActionID == doApprove || b.ActionID == doAccept)
	})
	if len(el) == 0 {
		return append(out, c.foot(v)...)
	}
	return append(out, slack.NewActionBlock("bare "+v.ID, el...))
}

// decides is the command line that shows what is to be approved or accepted, and how; empty where nothing is.
func decides(v View) string {
	if len(v.Proposals) == 0 || v.State != pointsman.IncidentOpen {
		return ""
	}
	p := v.Proposals[0]
	switch r := p.Run; {
	case p.State == pointsman.ProposalReady && p.Already == "":
		return "pointsman approve " + p.ID
	case p.State != pointsman.ProposalApproved || r == nil:
	case r.Gate != nil:
		return "pointsman approve " + r.ID
	case r.Question != nil && !r.Question.Over:
		return "pointsman steer " + r.ID + " accept"
	}
	return ""
}

// Text is what a notification shows, and a client that cannot draw blocks.
func Text(v View) string {
	s := v.Icon + " " + md(v.ID, 20) + " " + drill(v.Drill) + md(v.Name, 80)
	if v.Target != "" {
		s += " on " + md(v.Target, 80)
	}
	return s + ": " + md(v.Standing, 200)
}

// title is the header.
func title(v View) slack.Block {
	s := v.Icon + " " + drill(v.Drill) + cut(line(v.Name), 80)
	if v.Target != "" {
		s += " · " + cut(line(v.Target), 40)
	}
	return header(s + " · " + cut(line(v.ID), 20))
}

func (c caps) draw(v View) []slack.Block {
	out := []slack.Block{title(v), small(c.about(v)...)}
	if v.Summary != "" {
		out = append(out, quote(v.Summary, c.text))
	}
	if n := len(v.Also); n > 0 && v.State == pointsman.IncidentOpen {
		also := "Also firing: " + md(strings.Join(v.Also[:min(n, c.lists)], ", "), c.text)
		if n > c.lists {
			also += fmt.Sprintf(" and %d more", n-c.lists)
		}
		out = append(out, small(also))
	}
	out = append(out, c.notPaged(v)...)
	out = append(out, c.held(v.Held)...)
	if v.State == pointsman.IncidentResolved {
		out = append(out, c.resolved(v))
	}
	if len(v.Proposals) == 0 && v.State == pointsman.IncidentOpen {
		out = append(out, section("*No runbook answers this alert.* A person must decide; `/pointsman runbooks` lists what there is."))
	}
	for i, p := range v.Proposals {
		switch {
		case i == 0:
			out = append(out, divider())
			out = append(out, c.full(v, p)...)
		case i == 1:
			out = append(out, divider(), c.short(v, p))
		case i <= c.others:
			out = append(out, c.short(v, p))
		case i == c.others+1:
			out = append(out, small(more(len(v.Proposals)-i, printed(v.ID))))
		}
	}
	return append(out, c.foot(v)...)
}

// about is the line below the header.
func (c caps) about(v View) []string {
	var out []string
	if v.Severity != "" {
		out = append(out, "*"+md(v.Severity, 20)+"*")
	}
	if v.Where != "" {
		out = append(out, md(v.Where, 40))
	}
	switch {
	case v.OpenedBy != "":
		out = append(out, "opened by "+md(v.OpenedBy, 60)+" "+day(v.Since))
	case v.State == pointsman.IncidentResolved:
		out = append(out, "fired "+day(v.Since))
	default:
		out = append(out, "firing since "+day(v.Since)+" ("+ago(v.Since)+")")
	}
	if v.Total > 1 {
		out = append(out, fmt.Sprintf("%s, %d firing now", plural(v.Total, "alert"), v.Firing))
	}
	if v.Reopened > 0 {
		out = append(out, "reopened "+plural(v.Reopened, "time"))
	}
	if v.Truncated > 0 {
		out = append(out, plural(v.Truncated, "alert")+" left out by Alertmanager")
	}
	if v.Cut {
		out = append(out, "⚠️ more alerts than Pointsman reads at once: look into Alertmanager")
	}
	if s := paged(v); s != "" {
		out = append(out, s)
	}
	return out
}

func (c caps) resolved(v View) slack.Block {
	s := "✅ *Resolved* " + day(v.Resolved) + ", after " + pointsman.Span(v.Resolved.Sub(v.Since)) + "."
	if len(v.Times) > 0 {
		s += "\n" + md(strings.Join(v.Times, " · "), 400)
	}
	return section(s)
}

// foot offers what belongs to the incident and not to a proposal, where no proposal has buttons of its own.
func (c caps) foot(v View) []slack.Block {
	if v.Quiet || v.State != pointsman.IncidentOpen || len(v.Proposals) > 0 && len(actions(v, v.Proposals[0])) > 0 {
		return nil
	}
	return []slack.Block{slack.NewActionBlock("incident "+v.ID, menu(incidentOptions(v)...))}
}

func incidentOptions(v View) []*slack.OptionBlockObject {
	r := route{ID: v.ID}
	out := []*slack.OptionBlockObject{option(doUpdate, "Write an update…", r)}
	if v.Closable {
		out = append(out, option(doClose, "Close the incident…", r))
	}
	return out
}
