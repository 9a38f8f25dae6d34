package sim

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// sand is a step that is only for wet rails; now and then nobody can tell.
func (w *world) sand() pointsman.RunbookStep {
	when := pointsman.Condition{Fact: "rails", Is: "==", Value: "wet"}
	if w.draw(2, "measured") == 0 {
		when = pointsman.Condition{Fact: "rails", Is: ">=", Value: "5"}
	}
	return pointsman.RunbookStep{Name: "sand", Kind: "yard.fence", Timeout: 10 * time.Second, When: &when}
}

// rails are dry and wet by turns, and sometimes without an answer.
func (l lever) rails() pointsman.Fact {
	f := pointsman.Fact{Name: "rails", Value: "dry", At: time.Now(), Result: pointsman.Pass}
	m := float64(int(l.since()/(7*time.Second)) % 2 * 9)
	if f.Measure = &m; m > 0 {
		f.Value = "wet"
	}
	if l.strikes(15, "nobody sees the rails", l.name) {
		f.Result, f.Measure = pointsman.Unknown, nil
	}
	return f
}

// conditions: a step begins for the first time only where its condition was answered with yes, or where it could not be
// told and a person said so; the engine leaves it out only after a no. The answer follows from the facts beside it, and
// what was left out had no effect, whoever died in between.
func (j *ruling) conditions(ev pointsman.Event) {
	step, known := j.cat.stepOf(ev)
	if !known || step.When == nil {
		return
	}
	key := keyOf(ev)
	last := j.truths[key]
	switch ev.Type {
	case pointsman.EvStepCondition:
		var said struct {
			Condition pointsman.Condition
			Facts     []pointsman.Fact
		}
		if err := json.Unmarshal(ev.Data, &said); err != nil {
			j.violated("the answer to the condition of %s cannot be read: %v", key, err)
		}
		if is, _ := said.Condition.Holds(said.Facts); string(is) != ev.Reason || said.Condition != *step.When {
			j.violated("the condition of %s is called %s and is %s", key, ev.Reason, is)
		}
		j.truths[key] = pointsman.Truth(ev.Reason)
	case pointsman.EvStepStarted:
		if ev.Attempt == 1 && last != pointsman.True && (last != pointsman.NotKnown || !j.word[ev.Run]) {
			j.violated("%s began while its condition was %q", key, last)
		}
	case pointsman.EvStepSkipped:
		if ev.Actor.Door == pointsman.DoorEngine && last != pointsman.False || j.effects[key] > 0 {
			j.violated("%s was left out by %s while its condition was %q, with %d effects", key, ev.Actor, last, j.effects[key])
		}
	}
}

// sanded: the effect is that of the step with the condition, or of a member of a group. Where nobody can tell whether it
// happened, an abort hands it to a person and takes back what was seen done before it.
func (w *world) sanded(key string) bool {
	parts := strings.Split(key, "/") // INC-1, R1, the position and for a member its number
	n, err := strconv.Atoi(parts[2])
	step, known := w.cat.stepOf(pointsman.Event{StepN: n})
	return err != nil || len(parts) > 3 || known && step.When != nil
}
