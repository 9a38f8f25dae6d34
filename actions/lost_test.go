package actions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// The log lost its end while a run stood still: a person had let it go on, and both steps were carried out. Whoever
// retries must find that, and not throw the points again.
func TestAfterALossEveryStepThatIsLeftIsLookedAtBeforeItBegins(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		p := w.propose()
		w.fence.change(func(p *points) { p.deny = "the signal is down" })
		w.approve(p)
		synctest.Wait()
		w.wantRun(pointsman.RunParked, "the signal is down")

		w.do(pointsman.LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
		w.fence.change(func(p *points) { p.deny, p.set = "", true })
		w.throw.change(func(p *points) { p.set = true })
		fenced := w.fence.times()
		w.do(pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbRetry, Reason: "the signal is up", By: pointsman.Actor{Person: ana}})
		time.Sleep(time.Minute)
		synctest.Wait()
		r := w.wantRun(pointsman.RunDone, "")
		if n := w.fence.times() - fenced; n != 0 || w.throw.times() != 0 {
			t.Errorf("fenced %d and thrown %d times more, want what had happened to be found: %+v", n, w.throw.times(), r.Steps)
		}
	})
}
