package sim

import (
	"fmt"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// watchTime is how long the runbooks with a watch look at the points after they were thrown.
const watchTime = 30 * time.Second

// watch looks with the check, every two seconds by one worker or every ten by whoever is there.
func (w *world) watch() pointsman.RunbookStep {
	return pointsman.RunbookStep{Name: "watch", Kind: actions.KindWatch, With: map[string]any{
		"kind": "yard.throw", "look": "check", "for": watchTime.String(), "every": fmt.Sprint(2+8*w.draw(2, "every"), "s"), "good": 2, "bad": 4,
	}}
}

// watched: a watch is done only after so many looks that they cover its time, however often its worker died and whatever
// the clocks said. What a person says is their word.
func (j *ruling) watched(done pointsman.Event) {
	s, _ := j.cat.stepOf(done)
	every, err := time.ParseDuration(fmt.Sprint(s.With["every"]))
	if err != nil {
		j.violated("the watch of %s has no pace: %v", done.Run, err)
	}
	const slack = 3 * time.Second // the deadline of a check
	if n := j.looks[fmt.Sprint(done.Run, "/", done.StepN)]; done.Actor.Door == pointsman.DoorEngine && time.Duration(n-1)*(2*every+slack) < watchTime {
		j.violated("the watch of %s is done after %d look(s), every %s for %s", done.Run, n, every, watchTime)
	}
}
