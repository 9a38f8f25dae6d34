package pointsman

import "fmt"

// TellLate puts on record what an attempt came to whose run another process has taken over meanwhile. Nothing of the run
// changes: what counts is what the owner observes. But where nobody can observe it, this may be all that a person has to decide by.
type TellLate struct {
	Run     string
	Step    int
	Attempt int
	State   StepState // what the step would have become; empty where the attempt was cut off
	Note    string
	Facts   []Fact
	Once    string // the same request twice tells it once
}

// Subject implements Command. It is bound to no epoch: whoever says it has lost the run.
func (c TellLate) Subject() Subject { return Subject{Incident: IncidentOf(c.Run), Once: c.Once} }

func (t *turn) tellLate(c TellLate) Answer {
	r := t.run(c.Run)
	if r == nil || c.Step < 0 || c.Step >= len(r.Steps) {
		return answer(CodeNotFound, "there is no step %d of %s", c.Step+1, c.Run)
	}
	s := &r.Steps[c.Step]
	if s.Attempt == c.Attempt && s.State == c.State { // it had been stored, and only the word that it was got lost
		return Answer{Code: CodeDuplicate, Text: fmt.Sprintf("%s of %s is %s already", s.Name, r.ID, s.State), ID: r.ID}
	}
	became := string(c.State)
	if became == "" {
		became = "cut off"
	}
	text := fmt.Sprintf("%s, %s: whoever had begun attempt %d and then lost the run says: %s%s. That is not checked; what counts is what is seen since",
		r.Nth(c.Step), s.Name, c.Attempt, became, because(c.Note))
	t.say(EvStepLate, engine, text, atStep(r, c.Step), with(c.Facts))
	return Answer{Code: CodeAccepted, Text: text, ID: r.ID}
}
