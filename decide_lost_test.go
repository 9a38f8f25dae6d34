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
		{"a run that was not begun, as far as is known, is not begun", RunQueued, RunAborted, []StepState{StepPending}, []StepState{StepPending}},
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
			if p := st.Proposals[1]; p.State != ProposalChecking || len(p.Votes) != 0 || p.Generation != 2 {
				t.Errorf("the other proposal is %s with %d votes", p.State, len(p.Votes))
			}
			if st.Incident.Page != PageTriggered {
				t.Errorf("nobody is paged")
			}
		})
	}
	if _, _, ans := Decide(State{Incident: Incident{ID: "INC-1", State: IncidentResolved}}, LoseEnd{Incident: "INC-1"}, now); !strings.Contains(ans.Text, "resolved") {
		t.Errorf("an incident that is over: %s", ans.Text)
	}
}
