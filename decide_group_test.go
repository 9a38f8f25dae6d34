package pointsman

import (
	"strings"
	"testing"
	"time"
)

// What people were told not to begin again must not begin because its reason happens to be over when another member ends.
func TestAMemberThatWasNotDoneAndMayNotBeginAgainWaitsForAPerson(t *testing.T) {
	t.Parallel()
	group := func(t *testing.T) *story {
		s := begin(t)
		s.started()
		r := &s.state.Runs[0]
		for i := range 2 {
			r.Steps[i].Group = Group{Name: "both", Timeout: time.Minute}
		}
		r.GroupUntil = s.now.Add(time.Minute)
		r.Steps[1].State, r.Steps[1].Attempt, r.Steps[1].StartedAt = StepStarted, 1, s.now
		return s
	}
	again := RetryStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1, Note: "nothing had been sent"}

	t.Run("the group's time is over, and then the clock is put right", func(t *testing.T) {
		t.Parallel()
		s := group(t)
		began := s.now
		s.do(TellUnsent{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1, Why: "connection refused", Wait: time.Second, Of: 4})
		s.now = began.Add(2 * time.Minute)
		s.want(s.do(again), CodeAccepted, "")
		if said := s.log[len(s.log)-1]; said.Type != EvStepFailed || !strings.Contains(said.Text, "nothing had been sent, and it does not begin again: its time of 1m was over") {
			t.Errorf("%s: %s", said.Type, said.Text)
		}
		if st := s.state.Runs[0].Steps[1]; st.mayHold() {
			t.Errorf("nothing of it was sent: %+v", st)
		}
		s.now = began.Add(10 * time.Second)
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		if r := s.state.Runs[0]; r.State != RunParked || r.Steps[1].Attempt != 1 {
			t.Fatalf("%s at attempt %d: %s", r.State, r.Steps[1].Attempt, r.Note)
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "it answers now", By: dbaB}), CodeAccepted, "")
	})
	t.Run("one that was taken over and observed may have had an earlier effect", func(t *testing.T) {
		t.Parallel()
		s := group(t)
		s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		s.now = s.now.Add(2 * time.Minute)
		seen := again
		seen.Epoch, seen.Note = 2, "observed not to have happened"
		s.do(seen)
		if st := s.state.Runs[0].Steps[1]; st.State != StepFailed || !st.mayHold() || !strings.HasPrefix(st.Note, "observed not to have happened, and it does not begin again") {
			t.Errorf("%+v", st)
		}
	})
}
