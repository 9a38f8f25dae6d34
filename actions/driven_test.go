package actions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// cutOff lets a step hang until its deadline, 10 s, and from its first second on the store answers with why for a while.
func (w *world) cutOff(why error, d time.Duration) {
	w.fence.change(func(p *points) { p.hang = true })
	w.approve(w.propose())
	<-time.After(time.Second)
	w.ledger.break_(why)
	<-time.After(d)
	w.ledger.break_(nil)
}

// A lease ends while the store is away. Whoever drives the run is the first to be asked when it is back; if the sweep
// came before the heartbeat, a process would take its own run over and not know what became of its own step.
func TestNobodyTakesARunOverFromItself(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.cutOff(errDown, 7500*time.Millisecond) // the lease ended at 6 s; the next sweep is at 9 s, the next heartbeat at 10 s
		<-time.After(5 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "all 2 steps done")
		if n := w.ledger.count(pointsman.EvRunTaken); n != 0 || w.fence.times() != 1 {
			t.Errorf("the run was taken over %d times and the fence called %d times, want 0 and 1", n, w.fence.times())
		}
	})
}
