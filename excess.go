package pointsman

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Excess says that a refusal is this and nothing else: a figure above the one that was approved, or a risk that nobody
// accepted. One more approver may accept it, as at the vote. What is unknown is never one.
type Excess struct {
	Name  string   `json:"name"`            // of the bound, or the key of the guard
	Guard bool     `json:"guard,omitempty"` // an ACK guard, not a bound
	Max   *float64 `json:"max,omitempty"`   // what it is now; nil for a risk without a figure
	Text  string   `json:"text"`            // "loss <= 425,984 B", or the risk's sentence
	Was   string   `json:"was,omitempty"`   // what was approved; empty where nothing was
}

// Exceeds is what a figure of now is above the approved one, by its text; nil where the figure is no number that a person
// could accept.
func Exceeds(now Bound, was string) *Excess {
	if math.IsNaN(now.Max) || math.IsInf(now.Max, 0) {
		return nil
	}
	return &Excess{Name: now.Name, Max: &now.Max, Text: now.Text, Was: was}
}

// Question is what a parked run asks of one more approver: whether it may go on with exactly these figures.
type Question struct {
	Excess []Excess  `json:"excess"`
	Digest string    `json:"digest"` // of the plan, of step and attempt, and of the figures
	Until  time.Time `json:"until"`
}

// Grant is a question that was answered with yes. It raises what was approved for its step and those after it; the plan and
// its digest stay as they are.
type Grant struct {
	Step     int       `json:"step"`     // index
	Attempt  int       `json:"attempt"`  // that was refused for it
	Plan     string    `json:"plan"`     // the plan's digest
	Question string    `json:"question"` // its digest
	Excess   []Excess  `json:"excess"`
	By       Actor     `json:"by"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// asking is the question behind the refusal of a step; nil where one of the facts is beyond what a person may accept.
func (r Run) asking(facts []Fact, until time.Time) *Question {
	var list []Excess
	for _, f := range Refusals(facts) {
		x := f.Excess
		if x == nil || f.Result != Fail {
			return nil
		}
		i := slices.IndexFunc(list, func(o Excess) bool { return o.Name == x.Name && o.Guard == x.Guard })
		switch {
		case i < 0:
			list = append(list, *x)
		case x.Max != nil && (list[i].Max == nil || *x.Max > *list[i].Max):
			list[i] = *x // several checks look at the same thing, one after the other
		}
	}
	raw, err := json.Marshal([]any{r.Digest, r.Mark(), list})
	if len(list) == 0 || err != nil {
		return nil
	}
	sum := sha256.Sum256(raw)
	return &Question{Excess: list, Digest: hex.EncodeToString(sum[:]), Until: until}
}

// shown reports whether the digest that a person gave is that of the question.
func (q Question) shown(digest string) bool {
	return len(digest) >= digestMin && strings.HasPrefix(q.Digest, digest)
}

// Sentence says what is more than was approved, with the exact figures.
func (q Question) Sentence() string {
	var now, was, parts []string
	for _, x := range q.Excess {
		switch {
		case !x.Guard:
			now, was = append(now, x.Text), append(was, orNone(x.Was))
		case x.Was == "":
			parts = append(parts, "a new risk: "+x.Text)
		default:
			parts = append(parts, "a risk has grown: "+x.Text)
		}
	}
	if len(now) > 0 {
		parts = slices.Insert(parts, 0, "it would now be "+figures(now)+", approved was "+figures(was))
	}
	return strings.Join(parts, "; ")
}

// Figures are what would be accepted, in short: "loss <= 425,984 B / 10 s".
func (q Question) Figures() string {
	var now []string
	for _, x := range q.Excess {
		if !x.Guard {
			now = append(now, x.Text)
		}
	}
	if len(now) == 0 {
		return Count(len(q.Excess), "risk")
	}
	return figures(now)
}

// figures joins limits, words that they share once.
func figures(limits []string) string {
	out, last := "", ""
	for i, s := range limits {
		what, figure, is := strings.Cut(s, " <= ")
		switch {
		case i == 0:
			out = s
		case is && what == last:
			out += " / " + figure
		default:
			out += ", " + s
		}
		last = what
	}
	return out
}

// Raised is the plan with what was accepted in the course of the run: the limits that hold from the step on at which it
// stands. It is for comparing only; what was approved, and its digest, are the stored bytes.
func (r Run) Raised(plan Plan) Plan {
	if len(r.Granted) == 0 {
		return plan
	}
	plan.Bounds, plan.Accepted, plan.Figures = slices.Clone(plan.Bounds), slices.Clone(plan.Accepted), maps.Clone(plan.Figures)
	for _, g := range r.Granted {
		if g.Plan != r.Digest || g.Step > r.Current() {
			continue
		}
		for _, x := range g.Excess {
			plan.raise(x)
		}
	}
	return plan
}

func (p *Plan) raise(x Excess) {
	if !x.Guard {
		i := slices.IndexFunc(p.Bounds, func(b Bound) bool { return b.Name == x.Name })
		switch {
		case x.Max == nil:
		case i < 0:
			p.Bounds = append(p.Bounds, Bound{Name: x.Name, Max: *x.Max, Text: x.Text})
		case *x.Max > p.Bounds[i].Max:
			p.Bounds[i].Max, p.Bounds[i].Text = *x.Max, x.Text
		}
		return
	}
	_, limited := p.Figures[x.Name]
	fresh := !slices.Contains(p.Accepted, x.Name)
	if fresh {
		p.Accepted = append(p.Accepted, x.Name)
	}
	if x.Max != nil && (limited || fresh) { // a risk that was accepted without a figure has no limit to raise
		if p.Figures == nil {
			p.Figures = map[string]float64{}
		}
		p.Figures[x.Name] = max(*x.Max, p.Figures[x.Name])
	}
}
