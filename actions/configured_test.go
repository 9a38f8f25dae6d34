package actions

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

const reconfigured = "the targets were changed since the approval: the configuration was cfg and is other now"

func TestTargetsThatWereChangedSinceTheApprovalVoidIt(t *testing.T) {
	story(t, func(w *world) {
		first := w.work("a")
		p := w.propose()
		first()
		w.approve(p)
		w.cat.digest.Store("other") // another file, read at the restart
		defer w.work("b")()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.wantRun(pointsman.RunVoided, reconfigured)
		if n := w.fence.times() + w.throw.times(); n != 0 {
			t.Errorf("%d steps were carried out", n)
		}
	})
}

// The process dies while the first step is at work, or stays and reads another file. Neither the step at work nor the
// next one may be judged, or begun, on other servers.
func TestTargetsThatAreChangedInMidRunParkIt(t *testing.T) {
	for _, c := range []struct {
		name, digest string
		dies         bool
		want         pointsman.RunState
		step         int
		state        pointsman.StepState
	}{
		{"the same after a restart", "cfg", true, pointsman.RunDone, 1, pointsman.StepDone},
		{"another after a restart", "other", true, pointsman.RunParked, 0, pointsman.StepUnknown},
		{"another at a reload", "other", false, pointsman.RunParked, 1, pointsman.StepRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				w.cat.runbook.Steps[1].Irreversible = false
				stop := w.work("a")
				p := w.propose()
				w.fence.change(func(p *points) { p.hang = true }) // until its timeout, and then it is seen to hold
				w.approve(p)
				synctest.Wait()
				w.cat.digest.Store(c.digest)
				if c.dies {
					stop()
					stop = w.work("b")
				}
				defer func() { stop() }()
				time.Sleep(time.Minute)
				synctest.Wait()
				note := ""
				if c.want == pointsman.RunParked {
					note = reconfigured
				}
				r := w.wantRun(c.want, note)
				if s := r.Steps[c.step]; s.State != c.state {
					t.Errorf("step %d is %s (%s), want %s", c.step+1, s.State, s.Note, c.state)
				}
				if n := w.throw.times(); (n == 0) != (c.want == pointsman.RunParked) || w.fence.times() != 1 {
					t.Errorf("fenced %d times and thrown %d times", w.fence.times(), n)
				}
			})
		})
	}
}

func TestAPlanGoesOnOnlyUnderItsConfiguration(t *testing.T) {
	t.Parallel()
	e := &Engine{Catalog: &catalog{}}
	if no := e.reconfigured(pointsman.Plan{ConfigDigest: "cfg"}); len(no) != 0 {
		t.Errorf("the same configuration is refused: %v", no)
	}
	no := e.reconfigured(pointsman.Plan{})
	if len(no) != 1 || !no[0].Refuses() || !strings.Contains(no[0].Sentence(), "was none and is cfg now") {
		t.Errorf("a plan that names no configuration goes on: %v", no)
	}
}
