package bot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/pointsman/pointsman"
)

// What a modal takes; the sum of its texts is our own limit, so that a plan of a thousand steps still opens.
// https://docs.slack.dev/reference/views
const (
	planID       = "pointsman_plan"
	maxModal     = 100
	maxModalText = 60_000
	maxValue     = 700 // of one argument, in characters
)

// showPlan opens the plan in words. The trigger lives three seconds, and the plan is one read away.
func (h *Handler) showPlan(ctx context.Context, trigger string, r route, by pointsman.Actor, to reader) outcome {
	if !by.Known() {
		h.refused.tell(ctx, by, "the plan is shown to people of the configuration only")
		return h.say(to, notListed(by))
	}
	st, err := h.deps.Read.State(ctx, pointsman.IncidentOf(r.ID))
	if err != nil {
		return h.undecided(to, err)
	}
	p, ok := st.Proposal(r.ID)
	if !ok || len(p.Plan) == 0 {
		return h.say(to, "There is no plan for "+r.ID+" yet.")
	}
	view := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: planID, Title: plain("Plan "+pointsman.ShortDigest(p.Digest), 24), Close: plain("Close", 24),
		Blocks: slack.Blocks{BlockSet: wholePlan(p, r.Digest)},
	}
	if _, err := h.api.OpenViewContext(ctx, trigger, view); err != nil {
		h.log.WarnContext(ctx, "plan not opened", "actor", by.Ref, "err", err)
		return h.say(to, "Slack did not open the plan; click again, or on the server: "+exactBytes(p))
	}
	return outcome{}
}

// exactBytes is the command that prints what was hashed.
func exactBytes(p pointsman.Proposal) string { return "pointsman incidents " + p.ID + " --plan" }

// wholePlan is everything that the digest covers, in words; clicked is the digest on the card. What does not fit is
// counted, and the exact bytes are one command away.
func wholePlan(p pointsman.Proposal, clicked string) []slack.Block {
	var out []slack.Block
	if short := pointsman.ShortDigest(p.Digest); clicked != "" && clicked != short {
		out = append(out, section("⚠️ Your card shows plan "+code(clicked, 12)+"; this is the plan of now. Look at the card again."))
	}
	digest := section("*Digest* " + code(p.Digest, 64) + "\nThe SHA-256 of the exact bytes, which this shows: " + code(exactBytes(p), 100))
	plan, err := pointsman.DecodePlan(p.Plan)
	if err != nil {
		return append(out, section("⚠️ "+md(err.Error(), 600)), digest)
	}
	out = append(append(out, header(plan.Title)), paragraphs(ofPlan(p, plan))...)
	out = append(out, digest, divider())
	size, passed := textSize(out), false
	for i, at := range pointsman.Places(plan.Steps) {
		blocks := paragraphs(ofStep(plan.Steps[i], at, printed(pointsman.IncidentOf(p.ID)), &passed))
		size += textSize(blocks)
		if len(out)+len(blocks) > maxModal-1 || size > maxModalText {
			return append(out, section(fmt.Sprintf("⚠️ *%s not shown here:* %s shows them.", plural(len(plan.Steps)-i, "more step"), code(exactBytes(p), 100))))
		}
		out = append(out, blocks...)
	}
	return out
}

// ofPlan is what holds for all steps.
func ofPlan(p pointsman.Proposal, plan pointsman.Plan) []string {
	lines := []string{code(plan.Runbook, 100) + " for " + code(p.ID, 40) + mode(plan.Mode)}
	add := func(format string, args ...any) {
		lines = append(lines, "• "+md(fmt.Sprintf(format, args...), maxValue))
	}
	if key := plan.Target.Key(); key != "" {
		held := "not locked"
		if plan.Lock {
			held = "locked while it runs"
		}
		add("target: %s in %s, %s", key, cmp.Or(plan.Target.Environment, "no environment"), held)
	}
	for _, k := range slices.Sorted(maps.Keys(plan.Params)) {
		add("parameter %s: %s", k, plan.Params[k])
	}
	for _, k := range slices.Sorted(maps.Keys(plan.Pins)) {
		add("%s: %s (chosen by the checks)", k, plan.Pins[k])
	}
	add("approval: %s", needed(plan.Policy))
	if plan.Reason != "" {
		add("why: %s", plan.Reason)
	}
	for _, b := range plan.Bounds {
		add("accepted: %s", b.Text)
	}
	for _, a := range plan.Acknowledge {
		add("accepted risk: %s", a)
	}
	for _, a := range plan.Accepted {
		limit := ""
		if n, has := plan.Figures[a]; has {
			limit = fmt.Sprintf(", up to %v", n)
		}
		add("accepted guard: %s%s", a, limit)
	}
	if plan.Objective.RTO > 0 {
		add("objective: back within %s", pointsman.Span(plan.Objective.RTO))
	}
	if plan.Objective.RPO > 0 {
		add("objective: writes of at most %s are lost", pointsman.Span(plan.Objective.RPO))
	}
	if plan.Deadline > 0 {
		add("deadline: no step begins later than %s after the start", pointsman.Span(plan.Deadline))
	}
	if plan.Rejoins {
		add("it brings the former node back after a failover")
	}
	if plan.Exempt {
		add("no lock and no freeze of a person stands in its way")
	}
	add("made of: runbook file %s, configuration %s", pointsman.ShortDigest(plan.RunbookDigest), cmp.Or(pointsman.ShortDigest(plan.ConfigDigest), "none"))
	return lines
}

// needed is who must approve, how soon and how.
func needed(p pointsman.Policy) string {
	s := p.String() + " within " + pointsman.Span(p.Lasts())
	if p.ReasonRequired {
		s += ", with a reason"
	}
	if p.RequesterMayApprove {
		s += ", also by whoever asked for it"
	}
	return s
}

// ofStep is one step with everything that is part of the plan; passed is set at the point of no return, elsewhere is the command
// line that prints commands as they are pasted, which the plan's exact bytes, JSON, do not.
func ofStep(s pointsman.PlanStep, at pointsman.Place, elsewhere string, passed *bool) []string {
	var lines []string
	if s.Irreversible && !*passed {
		*passed = true
		lines = append(lines, "━━ ⛔ _point of no return_ ━━")
	}
	if at.Member == 1 {
		lines = append(lines, "⇉ "+number(at.N)+". *"+md(s.Group.Name, 60)+"*, at the same time"+until(s.Group)+":")
	}
	lines = append(lines, fmt.Sprintf("*%s. %s* · %s\n%s", at, md(s.Name, 80), code(s.Kind, 80), md(s.Summary, maxValue)))
	add := func(format string, args ...any) {
		lines = append(lines, "• "+md(fmt.Sprintf(format, args...), maxValue))
	}
	lines = append(lines, arguments("", s.With)...)
	if s.When != nil {
		add("only when: %s", s.When)
	}
	switch {
	case s.Kind == pointsman.KindGate:
		add("approval: %s", needed(s.Approval))
	case s.Timeout > 0:
		add("timeout: %s", pointsman.Span(s.Timeout))
	}
	if len(s.SkipBy) > 0 {
		add("may be left out by: %s", strings.Join(s.SkipBy, ", "))
	}
	if s.Ungraceful != nil {
		add("ungraceful: %s", s.Ungraceful.Summary)
		lines = append(lines, arguments("ungraceful ", s.Ungraceful.With)...)
	}
	switch {
	case s.Kind == pointsman.KindGate: // it has no effect
	case s.Irreversible:
		add("undo: none, it cannot be undone")
	case s.Undo:
		add("undo: done by the abort of a run that has not passed the point of no return")
	case len(s.UndoByHand) == 0:
		add("undo: none known")
	}
	return append(append(lines, commands("undo by hand", s.UndoByHand, elsewhere)...), commands("by hand", s.ByHand, elsewhere)...)
}

func until(g pointsman.Group) string {
	if g.Timeout <= 0 {
		return ""
	}
	return ", within " + pointsman.Span(g.Timeout)
}

func commands(what string, list []string, elsewhere string) (out []string) {
	for _, c := range list {
		out = append(out, commanded("• "+what, c, elsewhere))
	}
	return out
}

// arguments are the values of a step, one a line: "cluster: orders", "health[0].url: http://...".
func arguments(what string, with json.RawMessage) (out []string) {
	if len(with) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(with))
	d.UseNumber() // 16777216 and not 1.6777216e+07
	var v any
	if err := d.Decode(&v); err != nil {
		return []string{"• " + what + code(string(with), maxValue)}
	}
	for _, l := range flat(nil, "", v) {
		out = append(out, "• "+what+code(l, maxValue))
	}
	return out
}

func flat(out []string, key string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 && key != "" {
			return append(out, key+": nothing")
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = flat(out, strings.TrimPrefix(key+"."+k, "."), v[k])
		}
	case []any:
		if len(v) == 0 {
			return append(out, key+": empty list")
		}
		for i, e := range v {
			out = flat(out, fmt.Sprintf("%s[%d]", key, i), e)
		}
	case nil:
		out = append(out, key+": none")
	default:
		out = append(out, fmt.Sprintf("%s: %v", key, v))
	}
	return out
}

// paragraphs puts lines into as few sections as take them.
func paragraphs(lines []string) (out []slack.Block) {
	text, size := "", 0
	for _, l := range lines {
		n := utf8.RuneCountInString(l) + 1
		if size+n > maxSection {
			out, text, size = append(out, section(text)), "", 0
		}
		text, size = strings.TrimPrefix(text+"\n"+l, "\n"), size+n
	}
	return append(out, section(text))
}
