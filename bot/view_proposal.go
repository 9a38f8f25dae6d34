package bot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

func proposalView(s pointsman.State, p pointsman.Proposal, now time.Time) ProposalView {
	v := ProposalView{
		ID: p.ID, Title: cmp.Or(p.Title, p.Runbook), Runbook: p.Runbook, Target: p.Target.Where(), Mode: p.Mode, State: p.State, Why: why(s, p),
		Facts: pressing(p.Facts), Checked: p.CheckedAt, Digest: pointsman.ShortDigest(p.Digest), Generation: p.Generation,
		Needs: p.Policy.String(), Eligible: p.Eligible, Expires: p.ExpiresAt, Already: p.Already, Problem: p.Problem,
		Changed: p.Changed, DecidedBy: p.DecidedBy, DecidedAt: p.DecidedAt,
	}
	if p.Target.Key() != s.Incident.Target.Key() {
		v.Apart = v.Target
	}
	v.Votes = p.Policy.Count(p.Approvers()).String()
	v.TooFew = len(p.Policy.Require) > 0 && len(p.Eligible) < p.Policy.Needed()
	for _, vote := range p.Votes {
		switch vote.Verdict {
		case pointsman.Deny:
			v.Reason = vote.Reason
		case pointsman.Approve:
			v.Voters = append(v.Voters, voter(p.Policy, vote))
		}
	}
	if plan, err := pointsman.DecodePlan(p.Plan); err == nil && len(p.Plan) > 0 {
		v.resolve(plan)
	}
	if r, ok := s.Run(p.Run); ok {
		v.Steps = ranSteps(r)
		v.Run = runView(r)
		v.Run.Gate, v.Run.Question = gateView(r, p.Requester), questionView(r, now)
	}
	return v
}

// resolve takes what the plan fixes.
func (v *ProposalView) resolve(plan pointsman.Plan) {
	v.RTO, v.Risks = plan.Objective.RTO, plan.Acknowledge
	for _, b := range plan.Bounds {
		v.Bounds = append(v.Bounds, b.Text)
	}
	var pins []string
	for _, k := range slices.Sorted(maps.Keys(plan.Pins)) {
		pins = append(pins, strings.ReplaceAll(k, "_", " ")+" "+plan.Pins[k])
	}
	v.Pins = strings.Join(pins, ", ")
	places := pointsman.Places(plan.Steps)
	for i, s := range plan.Steps {
		v.Steps = append(v.Steps, StepView{At: places[i], Group: s.Group.Name, Text: planned(s), Irreversible: s.Irreversible, State: pointsman.StepPending})
	}
}

func why(s pointsman.State, p pointsman.Proposal) string {
	if p.Requester.Known() {
		if p.Reason != "" {
			return fmt.Sprintf("%s asked for it: %s", p.Requester, p.Reason)
		}
		return fmt.Sprintf("%s asked for it", p.Requester)
	}
	if p.Requester.Door == pointsman.DoorWatch && p.Reason != "" {
		return "a watch saw: " + p.Reason
	}
	text := fmt.Sprintf("the runbook %s answers %s", p.Runbook, whatItAnswers(s))
	if k := p.Target.Key(); k != "" {
		text += ", whose labels select " + k
	}
	return text
}

// planned is what the step will do, in both of its forms: whoever approves the plan approves the harder one, too.
func planned(s pointsman.PlanStep) string {
	text := cmp.Or(s.Summary, s.Name)
	if s.Ungraceful != nil {
		text += "; if an operator says so: " + s.Ungraceful.Summary
	}
	return text
}

// whatItAnswers is the alert that a runbook answers. Which one of several it was is not on record.
func whatItAnswers(s pointsman.State) string {
	name := s.Incident.First.Name()
	for _, a := range s.Alerts {
		if a.Name() != name {
			return "an alert of " + s.Incident.ID
		}
	}
	return name
}

// voter is a name with the role that counted.
func voter(pol pointsman.Policy, v pointsman.Vote) string {
	name := pointsman.Actor{Person: v.Person}.String()
	for _, r := range pol.Require {
		if v.Person.Has(r.Role) {
			return name + " – " + r.Role
		}
	}
	return name
}

// pressing puts what stands in the way first, so that a cut never hides it.
func pressing(facts []pointsman.Fact) []pointsman.Fact {
	out := slices.Clone(facts)
	weight := func(f pointsman.Fact) int {
		switch {
		case f.Refuses():
			return 0
		case f.NeedsAcknowledgement():
			return 1
		case f.Result == pointsman.Fail:
			return 2
		case f.Result == pointsman.Unknown:
			return 3
		case f.Result == pointsman.Later:
			return 5
		}
		return 4
	}
	slices.SortStableFunc(out, func(a, b pointsman.Fact) int { return weight(a) - weight(b) })
	return out
}

func ranSteps(r pointsman.Run) []StepView {
	var out []StepView
	places := pointsman.Places(r.Steps)
	for i, s := range r.Steps {
		v := StepView{At: places[i], Group: s.Group.Name, Text: cmp.Or(s.Summary, s.Name), Irreversible: s.Irreversible, State: s.State, Attempt: s.Attempt, Note: s.Note, Started: s.StartedAt}
		if !s.EndedAt.IsZero() && !s.StartedAt.IsZero() {
			v.Took = s.EndedAt.Sub(s.StartedAt)
		}
		out = append(out, v)
	}
	return out
}

func runView(r pointsman.Run) *RunView {
	v := &RunView{ID: r.ID, Mark: r.Mark(), State: r.State, Note: r.Note, Digest: pointsman.ShortDigest(r.Digest), Started: r.StartedAt, Wake: r.WakeAt, Facts: pressing(r.Facts)}
	if !r.EndedAt.IsZero() {
		v.Took = r.EndedAt.Sub(cmpTime(r.StartedAt, r.QueuedAt))
	}
	v.Past, v.Left, v.HeldUndo = r.PastReturn(), r.Left, r.HeldUndo
	for _, verb := range pointsman.Verbs() {
		if r.Refuses(verb, time.Time{}) == "" {
			v.Verbs = append(v.Verbs, verb)
		}
	}
	if w := r.Wish; w.Verb != "" && !r.State.Terminal() {
		v.Wish = fmt.Sprintf("%s said %s: %s", w.By, w.Verb, r.Foretell(w.Verb))
	}
	if i := r.Undoing(); i >= 0 {
		v.Step = r.Nth(i) + ", " + r.Steps[i].Name
	} else if i := r.Current(); i < len(r.Steps) {
		v.Step, v.Kind, v.Trying = r.Position(i)+", "+r.Called(i), r.Steps[i].Kind, trying(r)
		if r.State == pointsman.RunWaiting && r.WakeAt.IsZero() && r.Steps[i].Kind != pointsman.KindGate {
			v.Manual, v.Duty = cmp.Or(manual(r.Plan, i), r.Steps[i].Note, r.Steps[i].Summary), r.Steps[i].Duty
		}
	}
	return v
}

// gateView is the gate at which the run waits; nil if there is none.
func gateView(r pointsman.Run, requester pointsman.Actor) *GateView {
	i, at := r.AtGate()
	if !at {
		return nil
	}
	g := r.Steps[i].Gate
	v := &GateView{Text: manual(r.Plan, i), Needs: g.Policy.String(), Votes: r.Tally(i, requester).String(), Until: g.ExpiresAt}
	for _, vote := range g.Votes {
		v.Voters = append(v.Voters, voter(g.Policy, vote))
	}
	return v
}

// trying says why what is at work is tried again, or only looked at; members of a group are told by their names.
func trying(r pointsman.Run) string {
	var out []string
	for _, i := range r.AtWork() {
		switch s, why := r.Steps[i], cmp.Or(r.Looking(i), r.Steps[i].Trying()); {
		case why == "":
		case s.Group.Name != "":
			out = append(out, s.Name+": "+why)
		default:
			out = append(out, why)
		}
	}
	return strings.Join(out, "; ")
}

// questionView is what the run asks, or asked last; nil where it stands for another reason.
func questionView(r pointsman.Run, now time.Time) *QuestionView {
	q := r.Question
	if q == nil || r.State != pointsman.RunParked {
		return nil
	}
	return &QuestionView{
		Text: q.Sentence(), Figures: q.Figures(), Digest: pointsman.ShortDigest(q.Digest), Until: q.Until, Over: r.Refuses(pointsman.VerbAccept, now) != "",
	}
}

// manual is the text of a manual step as its runbook's author wrote it.
func manual(plan []byte, step int) string {
	p, err := pointsman.DecodePlan(plan)
	if err != nil || step >= len(p.Steps) {
		return ""
	}
	var with struct{ Text string }
	if err := json.Unmarshal(p.Steps[step].With, &with); err != nil {
		return ""
	}
	return with.Text
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
