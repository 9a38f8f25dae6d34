package actions

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// said are the texts of the events of a type.
func (l *ledger) said(typ pointsman.EventType) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.events {
		if ev.Type == typ {
			out = append(out, ev.Text)
		}
	}
	return out
}

// lose gives the run to another process, under the next epoch.
func (l *ledger) lose(run string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leases[run] = lease{owner: "another", epoch: l.leases[run].epoch + 1, until: l.now().Add(time.Hour)}
}

func (w *world) wantLate(says string) {
	w.t.Helper()
	if late := w.ledger.said(pointsman.EvStepLate); len(late) != 1 || !strings.Contains(late[0], says) {
		w.t.Errorf("on record is %q, want once %q", late, says)
	}
}

// The lease is another's: whoever has lost the run stops its step, and does not keep to itself that it had been asked for.
func TestWhoeverLosesItsRunStopsTheStepAndSaysHowFarItCame(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.fence.change(func(p *points) { p.hang = true })
		w.approve(w.propose())
		<-time.After(time.Second)
		w.ledger.lose("INC-1/R1")
		began := time.Now()
		for w.ledger.count(pointsman.EvStepLate) == 0 {
			if time.Since(began) > 2500*time.Millisecond { // one heartbeat; the step itself would hang for longer
				t.Fatal("the step goes on under a lease that is another's")
			}
			<-time.After(10 * time.Millisecond)
		}
		w.wantLate("step 1 of 2, fence: whoever had begun attempt 1 and then lost the run says: cut off")
		synctest.Wait()
		if r := w.ledger.run("INC-1/R1"); r.Steps[0].State != pointsman.StepStarted {
			t.Errorf("the step is %s by the word of a process that has lost the run", r.Steps[0].State)
		}
	})
}

func TestAResultThatComesAfterATakeoverIsOnRecord(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.fence.change(func(p *points) { p.takes = 2 * time.Second })
		w.approve(w.propose())
		<-time.After(time.Second)
		w.ledger.break_(errDown)
		<-time.After(6 * time.Second) // it is done and verified at 2 s, and cannot say so
		w.ledger.lose("INC-1/R1")
		w.ledger.break_(nil)
		<-time.After(3 * time.Second)
		synctest.Wait()
		w.wantLate("step 1 of 2, fence: whoever had begun attempt 1 and then lost the run says: done")
	})
}
