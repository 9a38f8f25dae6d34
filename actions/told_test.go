package actions

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// Our own store goes away while a proposal or a run is checked. That says nothing about the target: neither is the proposal
// refused for it, nor the approval void, when the store is back.
func TestWhatOurOwnStoreDidNotTellIsAskedAgain(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.ledger.mute(3)
		w.propose()
		<-time.After(10 * time.Second)
		synctest.Wait()
		p := w.ledger.state("INC-1").Proposals[0]
		if p.State != pointsman.ProposalReady {
			t.Fatalf("the proposal is %s: %+v", p.State, pointsman.Refusals(p.Facts))
		}
		w.ledger.mute(20)
		w.approve(p)
		<-time.After(2 * time.Minute)
		synctest.Wait()
		w.wantRun(pointsman.RunDone, "all 2 steps done")
		if n := w.ledger.count(pointsman.EvRunVoided); n != 0 {
			t.Errorf("the approval was void %d times", n)
		}
	})
}

func (l *ledger) mute(times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = times
}
