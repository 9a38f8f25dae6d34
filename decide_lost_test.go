package pointsman

import (
	"strings"
	"testing"
	"time"
)

// TestLoseEnd: of what ran, no step is taken for not begun; of what was voted, nothing counts any more; somebody is paged.
func TestLoseEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	lose := func(run RunState, steps ...StepState) (State, Answer) {
		st := State{Incident: Incident{ID: "INC-1", State: IncidentOpen, Firing: 1}}
		st.Proposals = []Proposal{
			{ID: "INC-1/P1", State: ProposalApproved, Run: "INC-1/R1"},
			{ID: "INC-1/P2", State: ProposalReady, Generation: 1, Votes: []Vote{{}}},
		}
		r := Run{ID: "INC-1/R1", Proposal: "INC-1/P1", State: run, Wish: Wish{Verb: VerbPause}}
		if run == RunUndoing {
			r.Wish.Verb = VerbAbort
		}
		for _, s := range steps {
			r.Steps = append(r.Steps, RunStep{Name: "step", State: s})
		}
		st.Runs = []Run{r}
		after, _, ans := Decide(st, LoseEnd{Incident: "INC-1", Text: "the log has lost its end"}, now)
		return after, ans
	}
	for _, one := range []struct {
		name  string
		was   RunState
		want  RunState
		steps []StepState
		after []StepState
	}{
		{"a run at work is parked and no step of it is begun blindly", RunRunning, RunParked, []StepState{StepDone, StepStarted, StepPending}, []StepState{StepDone, StepUnknown, StepUnknown}},
		{"a run that waits is parked", RunWaiting, RunParked, []StepState{StepStarted, StepPending}, []StepState{StepUnknown, StepUnknown}},
		{"a run that was not begun, as far as is known, is given up", RunQueued, RunVoided, []StepState{StepPending}, []StepState{StepPending}},
		{"a run that a person halted may have been resumed", RunPaused, RunParked, []StepState{StepDone, StepPending, StepPending}, []StepState{StepDone, StepUnknown, StepUnknown}},
		{"a parked run may have been retried, and the steps after it begun", RunParked, RunParked, []StepState{StepFailed, StepPending}, []StepState{StepFailed, StepUnknown}},
		{"a run that is undone stops, and begins nothing", RunUndoing, RunParked, []StepState{StepDone, StepUndoing, StepPending}, []StepState{StepDone, StepNotUndone, StepPending}},
		{"a run that is undone stops, also between two steps", RunUndoing, RunParked, []StepState{StepDone, StepUndone}, []StepState{StepDone, StepUndone}},
		{"a run at its end stays there", RunDone, RunDone, []StepState{StepDone}, []StepState{StepDone}},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			st, ans := lose(one.was, one.steps...)
			if !ans.OK() || st.Runs[0].State != one.want {
				t.Fatalf("%s: the run is %s, want %s", ans.Text, st.Runs[0].State, one.want)
			}
			if w := st.Runs[0].Wish.Verb; one.want == RunParked && (w != "") != (one.was == RunUndoing) {
				t.Errorf("the wish that is left is %q", w)
			}
			for i, want := range one.after {
				if s := st.Runs[0].Steps[i]; s.State == StepUnknown && (s.Attempt == 0 || s.StartedAt.IsZero()) {
					t.Errorf("step %d would be begun as if for the first time: %+v", i+1, s)
				}
				if got := st.Runs[0].Steps[i].State; got != want {
					t.Errorf("step %d is %s, want %s", i+1, got, want)
				}
			}
			want := ProposalApproved
			if one.want == RunVoided { // what it may have done is seen by its checks, and needs approval again
				want = ProposalChecking
			}
			if p := st.Proposals[0]; p.State != want {
				t.Errorf("its proposal is %s, want %s", p.State, want)
			}
			if p := st.Proposals[1]; p.State != ProposalChecking || len(p.Votes) != 0 || p.Generation != 2 {
				t.Errorf("the other proposal is %s with %d votes", p.State, len(p.Votes))
			}
			if st.Incident.Page != PageTriggered {
				t.Errorf("nobody is paged")
			}
		})
	}
}

// TestLoseEndTakesEveryVote: a vote that was cast before the loss may have been used up in it, whatever its proposal waits for.
func TestLoseEndTakesEveryVote(t *testing.T) {
	t.Parallel()
	lost := LoseEnd{Incident: "INC-1", Text: "the log has lost its end"}
	frozen := []Fact{{Kind: Hard, Name: "freeze", Value: "on", Result: Fail}}
	for name, to := range map[string]func(s *story){
		"ready":    func(*story) {},
		"checking": func(s *story) { s.do(Recheck{Proposal: "INC-1/P1", By: dbaB}) },
		"refused": func(s *story) {
			s.do(Recheck{Proposal: "INC-1/P1", By: dbaB})
			s.do(Ready{Proposal: "INC-1/P1", Generation: s.state.Proposals[0].Generation, Plan: planBytes(t, 2, "pg-2"), Facts: frozen})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			p := s.ready(2)
			s.want(s.cast(dbaA, Approve, p.Digest), CodeCounted, "1 of 2")
			to(s)
			asked := s.state.Proposals[0].Generation
			s.want(s.do(lost), CodeAccepted, "")
			s.do(Ready{Proposal: p.ID, Generation: asked, Plan: p.Plan})
			if now := s.state.Proposals[0]; now.State == ProposalReady || len(now.Votes) > 0 {
				t.Errorf("an answer of before the loss made it %s, with %d votes", now.State, len(now.Votes))
			}
			s.do(Recheck{Proposal: p.ID, By: dbaB})
			s.do(Ready{Proposal: p.ID, Generation: s.state.Proposals[0].Generation, Plan: p.Plan})
			s.want(s.cast(dbaB, Approve, p.Digest), CodeCounted, "1 of 2")
		})
	}
}

// TestLoseEndGivesNoNameOutAgain: what had a name in the part that is lost may be at work under it, or be written down.
func TestLoseEndGivesNoNameOutAgain(t *testing.T) {
	t.Parallel()
	lost := LoseEnd{Incident: "INC-1", Text: "the log has lost its end"}
	t.Run("neither a run nor a proposal nor a fencing token", func(t *testing.T) {
		t.Parallel()
		s := elsewhere(t)
		s.want(s.do(lost), CodeAccepted, "")
		r := &s.state.Runs[0]
		if token := s.state.Protections[0].Token; r.Token != 1+leap || token != r.Token {
			t.Errorf("the run has token %d, its target %d", r.Token, token)
		}
		s.want(s.do(LoseEnd{Target: orders.Key(), Text: lost.Text}), CodeDuplicate, "held by INC-1/R1") // its token leaped with it
		s.want(s.do(Steer{Run: r.ID, Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: r.ID, Epoch: 2})
		s.do(RetryStep{Run: r.ID, Epoch: 2, Step: 0, Attempt: 1, Note: "observed not to have happened"})
		if r := s.state.Runs[0]; r.State != RunRunning {
			t.Errorf("the run is %s: %s", r.State, r.Note)
		}
		s.do(EndStep{Run: r.ID, Epoch: 2, Step: 0, State: StepFailed})
		s.do(Steer{Run: r.ID, Verb: VerbAbort, Reason: "enough", By: dbaA})
		p := s.state.Incident.Proposals
		s.want(s.do(Request{Incident: "INC-1", By: dbaB, Reason: "again", Offer: webhook().Offers[0]}), CodeAccepted, "INC-1/P1002")
		if s.state.Incident.RunCount != 1+leap || p != 1+leap {
			t.Errorf("%d runs and %d proposals", s.state.Incident.RunCount, p)
		}
	})
	t.Run("neither in an incident that is over, which alerts may open again", func(t *testing.T) {
		t.Parallel()
		st := State{Incident: Incident{ID: "INC-1", State: IncidentResolved, Proposals: 2, RunCount: 1, Page: PageResolved}}
		after, events, ans := Decide(st, lost, night)
		inc := after.Incident
		if !ans.OK() || inc.State != IncidentResolved || inc.Proposals != 2+leap || inc.RunCount != 1+leap || inc.lastPage() != 1+leap {
			t.Errorf("%s: %+v", ans.Text, inc)
		}
		if len(events) != 1 || events[0].Type != EvServerState || !strings.Contains(events[0].Text, "its next proposal is P1003 and its next run R1002") {
			t.Errorf("told as %+v", events)
		}
	})
	t.Run("a person's lock of before is over where it is shown by its token", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		roles := []string{"dba"}
		s.do(Protect{Verb: Lockout, Target: orders, Reason: "vacuum", Roles: roles, By: dbaA})
		s.want(s.do(LoseEnd{Target: orders.Key(), Text: lost.Text}), CodeAccepted, "the fencing token of postgres/orders goes on after 1001")
		s.want(s.do(Protect{Verb: Unlock, Target: orders, Token: 1, Roles: roles, By: dbaA}), CodeConflict, "somebody else held it since")
		s.want(s.do(Protect{Verb: Unlock, Target: orders, Roles: roles, By: dbaA}), CodeAccepted, "unlocked")
	})
}

// TestLoseEndOffersNothingThatNobodyNeeds: the alerts are over and the run that waited is given up. Approved once more it would be
// voided at its start; but it may have been begun in the part that is lost, so the page stays for whoever looks.
func TestLoseEndOffersNothingThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.ready(1)
	s.want(s.cast(dbaA, Approve, p.Digest), CodeAccepted, "starts now")
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	s.want(s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"}), CodeAccepted, "")
	if p, inc := s.state.Proposals[0], s.state.Incident; p.State != ProposalWithdrawn || inc.State != IncidentOpen || inc.Page != PageTriggered {
		t.Errorf("%s is %s, the incident %s and its page %s", p.ID, p.State, inc.State, inc.Page)
	}
	s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaB}), CodeAccepted, "closed")
}
