package pointsman

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Condition says by one fact whether a step is carried out. There is no expression language on purpose: one name, one
// comparison, one value.
type Condition struct {
	Fact  string `json:"fact"`  // the name of a fact that a check or an earlier step of the run found
	Is    string `json:"is"`    // one of Comparisons
	Value string `json:"value"` // compared as written, or as a number with the fact's measure
}

// Comparisons are the words of Condition.Is. The first two compare what is written, the others numbers.
func Comparisons() []string { return []string{"==", "!=", "<", "<=", ">", ">="} }

// Orders reports whether the comparison is one of numbers.
func (c Condition) Orders() bool { return strings.ContainsAny(c.Is, "<>") }

// Check says what is wrong with the condition as it is written.
func (c Condition) Check() error {
	switch {
	case c.Fact == "":
		return fmt.Errorf("a condition needs the name of a fact")
	case !slices.Contains(Comparisons(), c.Is):
		return fmt.Errorf("%q is no comparison; there are %s", c.Is, strings.Join(Comparisons(), " "))
	case c.Value == "":
		return fmt.Errorf("a condition needs a value")
	}
	if _, err := strconv.ParseFloat(c.Value, 64); c.Orders() && err != nil {
		return fmt.Errorf("%q is no number; %s compares with the fact's measure", c.Value, c.Is)
	}
	return nil
}

// String is the condition as people read it.
func (c Condition) String() string { return c.Fact + " " + c.Is + " " + c.Value }

// Truth is the answer to a condition. There are three: what is not known is neither true nor false.
type Truth string

// The answers.
const (
	True     Truth = "true"
	False    Truth = "false"
	NotKnown Truth = "unknown"
)

// Holds answers the condition from the facts, with a sentence that says why.
func (c Condition) Holds(facts []Fact) (Truth, string) {
	answer, why := NotKnown, fmt.Sprintf("nothing was found out about %s", c.Fact)
	for _, f := range facts {
		if f.Name != c.Fact {
			continue
		}
		one, says := c.of(f)
		if answer != NotKnown && one != answer {
			return NotKnown, fmt.Sprintf("what was found out about %s contradicts itself", c.Fact)
		}
		if answer, why = one, says; one == NotKnown {
			return one, says
		}
	}
	return answer, why
}

func (c Condition) of(f Fact) (Truth, string) {
	says := fmt.Sprintf("%s is %s", f.Name, orNone(f.Value))
	if f.Result == Unknown || f.Result == Later || f.Result == "" {
		return NotKnown, says + ", which says nothing: " + orNone(string(f.Result))
	}
	if !c.Orders() {
		return truth((f.Value == c.Value) == (c.Is == "==")), says
	}
	limit, err := strconv.ParseFloat(c.Value, 64)
	if f.Measure == nil || err != nil || *f.Measure != *f.Measure {
		return NotKnown, says + ", which is no number"
	}
	m := *f.Measure
	return truth(c.Is == "<" && m < limit || c.Is == "<=" && m <= limit || c.Is == ">" && m > limit || c.Is == ">=" && m >= limit), says
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// learn keeps the facts on which a condition of the run depends; the newest of a name and guard counts.
func (r *Run) learn(facts []Fact) {
	for _, f := range facts {
		if !slices.ContainsFunc(r.Steps, func(s RunStep) bool { return s.When != nil && s.When.Fact == f.Name }) {
			continue
		}
		known := slices.Clone(r.Known)
		if i := slices.IndexFunc(known, func(k Fact) bool { return k.Key() == f.Key() }); i >= 0 {
			known[i] = f
		} else {
			known = append(known, f)
		}
		r.Known = known
	}
}

// decideWhen answers the condition of a step that has not begun, and records the answer. It reports whether the step may
// begin; a false one leaves it out, an unknown one parks the run, because a guess could do what nobody wanted.
func (t *turn) decideWhen(r *Run, i int) bool {
	s := &r.Steps[i]
	if s.When == nil || r.attempted(i) {
		return true
	}
	is, why := s.When.Holds(r.Known)
	if is == NotKnown && s.Despite != "" { // what was found out since then counts more than that word
		return true
	}
	t.say(EvStepCondition, engine, fmt.Sprintf("%s, %s: the condition %q is %s: %s", r.Position(i), r.Called(i), s.When, is, why),
		atStep(r, i), reason(string(is)), with(map[string]any{"condition": s.When, "facts": r.Known}))
	switch is {
	case True:
		for _, m := range r.remaining(i) {
			r.Steps[m].Lost = false
		}
		return true
	case False:
		for _, m := range r.remaining(i) {
			s := &r.Steps[m]
			s.Touched = s.mayHold() // where the log lost its end it may have been carried out on other evidence
			t.moveStep(r, m, EvStepSkipped)
			s.EndedAt, s.Note = t.now, "left out, because "+why
			t.say(EvStepSkipped, engine, fmt.Sprintf("%s, %s: %s", r.Nth(m), s.Name, s.Note), atStep(r, m), reason(why))
		}
		t.goTo(r)
	default:
		s.Undecided = true
		t.park(r, fmt.Sprintf("%s was not begun: whether %q cannot be told, %s; retry carries the step out all the same", r.whole(i), s.When, why))
	}
	return false
}

// despite: a person decides that a step begins although its condition cannot be told.
func (t *turn) despite(r *Run, by Actor) {
	if i := r.Current(); i < len(r.Steps) && r.Steps[i].Undecided {
		r.Steps[i].Undecided, r.Steps[i].Despite = false, by.String()
	}
}
