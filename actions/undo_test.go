package actions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// gate are points that can be set back.
type gate struct {
	*points
	undone int
}

func (g *gate) Undo(context.Context, Input) (Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.undone, g.set = g.undone+1, false
	return Outcome{Note: "set back"}, nil
}

// What was done on one server must not be taken back on another: an undo is an effect like any other.
func TestAnUndoIsRefusedWhereTheTargetsWereChanged(t *testing.T) {
	for _, c := range []struct {
		name, digest string
		undone       int
		run          pointsman.RunState
		state        pointsman.StepState
		note         string
	}{
		{"the same configuration", "cfg", 1, pointsman.RunAborted, pointsman.StepUndone, "set back"},
		{"another configuration", "other", 0, pointsman.RunParked, pointsman.StepNotUndone, reconfigured},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				g := &gate{points: w.fence}
				var err error
				if w.kinds, err = NewRegistry(NewMetrics(nil), g, w.throw); err != nil {
					t.Fatal(err)
				}
				w.cat.runbook.Steps = []pointsman.RunbookStep{
					w.cat.runbook.Steps[0], {Name: "settle", Kind: KindWait, With: map[string]any{"for": "1h"}}, w.cat.runbook.Steps[1],
				}
				defer w.work("a")()
				w.approve(w.propose())
				time.Sleep(time.Minute)
				synctest.Wait()
				w.wantRun(pointsman.RunWaiting, "")
				w.cat.digest.Store(c.digest)
				abort := pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbAbort, Reason: "it is not needed any more", By: pointsman.Actor{Person: ana}}
				if ans := w.do(abort); !ans.OK() {
					t.Fatal(ans)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				r := w.wantRun(c.run, "")
				if s := r.Steps[0]; s.State != c.state || g.undone != c.undone || !strings.Contains(s.Note, c.note) {
					t.Errorf("step 1 is %s (%s) and was undone %d times, want %s (%s) and %d", s.State, s.Note, g.undone, c.state, c.note, c.undone)
				}
			})
		})
	}
}

// half is a gate whose setting back fails half way, so that neither what it did nor the way back holds.
type half struct{ gate }

func (h *half) Undo(context.Context, Input) (Outcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.undone, h.set = h.undone+1, false
	return Outcome{}, errors.New("the console does not answer")
}

// seer can tell how far it came.
type seer struct {
	half
	left []pointsman.Fact
	err  error
}

func (s *seer) Undone(context.Context, Input) (pointsman.Evidence, error) {
	return pointsman.Evidence{Holds: len(s.left) == 0 || s.left[0].Result == pointsman.Unknown, Facts: s.left}, s.err
}

// What does not hold whole may hold in part. Recorded as undone it would be listed nowhere, and nobody would look.
func TestHalfAnUndoIsHandedOver(t *testing.T) {
	closed := pointsman.Fact{Guard: "G1", Kind: pointsman.Hard, Name: "databases", Result: pointsman.Fail, Text: "closed still: billing"}
	unread := pointsman.Fact{Guard: "G18", Kind: pointsman.Hard, Name: "clients", Result: pointsman.Unknown, Text: "the console cannot be read"}
	for _, c := range []struct {
		name  string
		make  func(*points) Action
		state pointsman.StepState
		note  string
	}{
		{
			"kind that cannot look", func(p *points) Action { return &half{gate{points: p}} }, pointsman.StepNotUndone,
			"the console does not answer; whether it was undone cannot be told: this kind cannot look whether anything of it is left",
		},
		{
			"something is seen to be left", func(p *points) Action { return &seer{half: half{gate{points: p}}, left: []pointsman.Fact{closed}} }, pointsman.StepNotUndone,
			"the console does not answer; something of it is left: closed still: billing",
		},
		{
			"an unknown fact is no yes", func(p *points) Action { return &seer{half: half{gate{points: p}}, left: []pointsman.Fact{unread}} }, pointsman.StepNotUndone,
			"the console does not answer; something of it is left: the console cannot be read",
		},
		{
			"nothing can be seen", func(p *points) Action { return &seer{half: half{gate{points: p}}, err: errors.New("no route to host")} }, pointsman.StepNotUndone,
			"the console does not answer; whether it was undone cannot be told: no route to host",
		},
		{
			"nothing is left", func(p *points) Action { return &seer{half: half{gate{points: p}}} }, pointsman.StepUndone,
			"the console does not answer, and it was then seen to be undone",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				var err error
				if w.kinds, err = NewRegistry(NewMetrics(nil), c.make(w.fence), w.throw); err != nil {
					t.Fatal(err)
				}
				w.cat.runbook.Steps = []pointsman.RunbookStep{
					w.cat.runbook.Steps[0], {Name: "settle", Kind: KindWait, With: map[string]any{"for": "1h"}}, w.cat.runbook.Steps[1],
				}
				defer w.work("a")()
				w.approve(w.propose())
				time.Sleep(time.Minute)
				synctest.Wait()
				abort := pointsman.Steer{Run: "INC-1/R1", Verb: pointsman.VerbAbort, Reason: "it is not needed any more", By: pointsman.Actor{Person: ana}}
				if ans := w.do(abort); !ans.OK() {
					t.Fatal(ans)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				want := pointsman.RunAborted
				if c.state == pointsman.StepNotUndone {
					want = pointsman.RunParked // which pages
				}
				r := w.wantRun(want, "")
				if s := r.Steps[0]; s.State != c.state || s.Note != c.note {
					t.Errorf("step 1 is %s (%s), want %s (%s)", s.State, s.Note, c.state, c.note)
				}
				if want == pointsman.RunAborted {
					return
				}
				if ans := w.do(abort); !ans.OK() {
					t.Fatal(ans)
				}
				if r = w.wantRun(pointsman.RunAborted, ""); len(r.Left) != 1 || r.Left[0].Note != c.note {
					t.Errorf("left to a person is %+v, want step 1 with its note", r.Left)
				}
			})
		})
	}
}
