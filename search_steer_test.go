package pointsman

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// steerable is a plan with everything that an operator can do to a run: two steps that can be undone, one of them
// skipped or done harder, a point of no return, and a deadline.
func steerable(p *Plan) {
	p.Steps = []PlanStep{
		{Name: "drain", Kind: "exec.run", Timeout: time.Second, Summary: "drain", Undo: true, UndoByHand: []string{"systemctl start api"}},
		{
			Name: "fence", Kind: "postgres.fence", Timeout: time.Second, Summary: "fence pg-1", Undo: true, SkipBy: []string{"intern"},
			Ungraceful: &Form{With: []byte(`{"mode":"immediate"}`), Summary: "fence pg-1 at once"},
		},
		{Name: "promote", Kind: "postgres.promote", Timeout: time.Second, Irreversible: true, Summary: "promote pg-2", ByHand: []string{"psql -c 'SELECT pg_promote()'"}},
	}
	p.Deadline = 3 * unit
}

// root is where the search begins.
func (s *walker) root(t *testing.T) *spot {
	t.Helper()
	at := &spot{state: State{Incident: Incident{ID: "INC-1"}}, now: night}
	if !s.midway {
		return at
	}
	way := []Command{
		Request{Key: "target:postgres/orders", By: rob, Offer: webhook().Offers[0], Reason: "planned"},
		Ready{Proposal: "INC-1/P1", Generation: 1, Plan: s.plans["A"]},
		CastVote{Proposal: "INC-1/P1", Digest: Digest(s.plans["A"]), Verdict: Approve, By: dbaA},
		CastVote{Proposal: "INC-1/P1", Digest: Digest(s.plans["A"]), Verdict: Approve, By: dbaB},
		StartRun{Run: "INC-1/R1", Epoch: 1, People: crew},
		EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone},
		EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepDone},
		Protect{Verb: Freeze, Reason: "audit", Roles: []string{"dba"}, By: dbaA},
		Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: dbaA},
		EndStep{Run: "INC-1/R1", Epoch: 1, Step: 2, State: StepRefused},
		BeginUndo{Run: "INC-1/R1", Epoch: 2},
	}
	for i, cmd := range way {
		var err error
		if at, err = at.next(labelled{fmt.Sprintf("on the way, %d", i+1), cmd}); err != nil {
			t.Fatal(err)
		}
	}
	if r := at.state.Runs[0]; !r.HeldUndo || undoable(r) != 1 {
		t.Fatalf("the search begins at step %s of a run that is %s", r.Mark(), r.State)
	}
	return at
}

// wishes are the decisions on a run, each from somebody who may and somebody who may not.
func wishes(r Run, add func(Command, string, ...any)) {
	for _, verb := range []Verb{VerbPause, VerbStop, VerbResume, VerbSkip, VerbUngraceful} {
		for _, by := range []Actor{dbaA, eve} {
			add(Steer{Run: r.ID, Verb: verb, Reason: "r", By: by}, "%s says %s to %s", by, verb, r.ID)
		}
	}
	add(Steer{Run: r.ID, Verb: VerbPause, Reason: "seen on the console", By: dbaB}, "ben pauses %s and does not say why", r.ID)
	refused := []Fact{{Kind: Hard, Name: "primary", Value: "writable", Result: Fail}}
	add(WakeRun{Run: r.ID, Epoch: r.Epoch + 1, Checked: true}, "%s wakes, all as approved", r.ID)
	add(WakeRun{Run: r.ID, Epoch: r.Epoch + 1, Checked: true, Facts: refused}, "%s wakes to a refusal", r.ID)
	add(BeginUndo{Run: r.ID, Epoch: r.Epoch + 1}, "%s begins to undo", r.ID)
	for i := range r.Steps {
		add(EndUndo{Run: r.ID, Epoch: r.Epoch, Step: i, State: StepUndone}, "%s: step %d undone", r.ID, i+1)
		add(EndUndo{Run: r.ID, Epoch: r.Epoch, Step: i, State: StepNotUndone}, "%s: step %d not undone", r.ID, i+1)
	}
	add(EndUndo{Run: r.ID, Epoch: r.Epoch, Step: r.Current(), State: StepDone}, "%s: an undoing that is no outcome", r.ID)
	if i := r.Current(); i < len(r.Steps) {
		if r.Steps[i].Attempt == 1 {
			add(TellUnsent{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: r.Steps[i].Attempt, Why: "connection refused", Wait: time.Second, Of: 4}, "%s: step %d sent nothing", r.ID, i+1)
		}
		add(EndStep{Run: r.ID, Epoch: r.Epoch, Step: i, State: StepFailed, Unsent: true}, "%s: step %d failed and sent nothing", r.ID, i+1)
		add(TellSlow{Run: r.ID, Epoch: r.Epoch, Step: i, Attempt: r.Steps[i].Attempt, Usual: time.Second, Of: 5}, "%s: step %d is slow", r.ID, i+1)
	}
}

// steerKey says what of an operator's decisions decides about the future of a run.
func steerKey(r Run, rel func(time.Time) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, " %s%t%t%s%s", r.Wish.Verb, r.Fresh, r.HeldUndo, rel(r.Until), rel(r.GroupUntil))
	b.WriteString(growKey(r, rel))
	for _, s := range r.Steps {
		if s.Group.Name != "" {
			fmt.Fprintf(&b, "%t", s.open())
		}
		fmt.Fprintf(&b, " %t%t%t", s.Touched, s.Slow, s.UndoAt.IsZero())
		if s.Unsent() || s.InVain() > 0 {
			fmt.Fprintf(&b, "u%t%d", s.Unsent(), s.InVain())
		}
		if s.HarderFrom > 0 {
			fmt.Fprintf(&b, "h%d", s.HarderFrom-s.Attempt)
		}
	}
	return b.String()
}
