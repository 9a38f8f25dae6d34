package actions

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// edit is a runbook file that was written anew and a reload that put it in force: other arguments, another order, other
// approvers for the whole and for the gate.
func (w *world) edit() {
	rb := w.cat.runbook
	rb.Title, rb.Digest = "Switch the track differently", "rb-2"
	rb.Steps = slices.Clone(rb.Steps)
	slices.Reverse(rb.Steps)
	for i := range rb.Steps {
		rb.Steps[i].With = map[string]any{"line": "edited", "text": "edited"}
		if rb.Steps[i].Kind == KindGate {
			rb.Steps[i].Approval = pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "intern"}}, Expires: time.Minute}
		}
	}
	rb.Approval = pointsman.Policy{Require: []pointsman.Requirement{{Count: 2, Role: "risk"}}, Expires: time.Minute}
	w.cat.runbook = rb
}

// People approved one text. What a file says since then is for the next proposal; a run neither takes up other steps nor
// asks other people, wherever it stands when the reload comes.
func TestARunKeepsTheRunbookAndThePolicyThatWereApproved(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration // the approval
		dies  bool          // the process, and its successor has only ever read the new file
	}{
		{"edited while its start is checked", 500 * time.Millisecond, false},
		{"edited while its start is checked, and the process dies", 500 * time.Millisecond, true},
		{"edited while the first step is at work", 1500 * time.Millisecond, false},
		{"edited while the first step is at work, and the process dies", 1500 * time.Millisecond, true},
		{"edited while it waits at its gate", 3 * time.Second, false},
		{"edited while it waits at its gate, and the process dies", 3 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(w *world) {
				gated(w, 2)
				w.cat.people = append(w.cat.people, pointsman.Person{ID: "ida", Name: "Ida", Roles: []string{"intern"}})
				stop := w.work("a")
				defer func() { stop() }()
				p := w.propose()
				w.fence.change(func(p *points) { p.slow, p.takes = time.Second, time.Second })
				w.approve(p)
				time.Sleep(c.after)
				synctest.Wait()
				if c.dies {
					stop()
				}
				if w.edit(); c.dies {
					stop = w.work("b")
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				w.keepsWhatWasApproved(p)
			})
		})
	}
}

// keepsWhatWasApproved leads a run from its gate to its end by the rules of the approved plan.
func (w *world) keepsWhatWasApproved(p pointsman.Proposal) {
	w.t.Helper()
	w.wantRun(pointsman.RunWaiting, "needs 2 of dba until")
	if ans := w.vote(w.cat.people[3], pointsman.Approve); ans.Code != pointsman.CodeNotAllowed {
		w.t.Errorf("the gate of the edited file was asked: %+v", ans)
	}
	if ans := w.vote(ana, pointsman.Approve); ans.Code != pointsman.CodeCounted {
		w.t.Errorf("the first of two: %+v", ans)
	}
	w.vote(w.cat.people[2], pointsman.Approve)
	time.Sleep(time.Second)
	synctest.Wait()
	r := w.wantRun(pointsman.RunDone, "all 3 steps done")
	if !slices.Equal(w.fence.lines, []string{`{"line":"north"}`}) || !slices.Equal(w.throw.lines, []string{`{"line":"track-2"}`}) {
		w.t.Errorf("fenced with %q and thrown with %q", w.fence.lines, w.throw.lines)
	}
	plan, err := pointsman.DecodePlan(r.Plan)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Digest != p.Digest || string(r.Plan) != string(p.Plan) || plan.RunbookDigest != "rb" || r.Title != "Switch the track" {
		w.t.Errorf("approved was %s, carried out was %s of the file %s: %s", p.Digest, r.Digest, plan.RunbookDigest, r.Title)
	}
}
