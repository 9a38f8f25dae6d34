package pointsman

import (
	"strings"
	"testing"
	"time"
)

func TestAttemptsThatSentNothing(t *testing.T) {
	t.Parallel()
	unsent := func(attempt int) TellUnsent {
		return TellUnsent{Run: "INC-1/R1", Epoch: 1, Attempt: attempt, Why: "connection refused", Wait: time.Second, Of: 4}
	}
	again := func(attempt int) RetryStep { return RetryStep{Run: "INC-1/R1", Epoch: 1, Attempt: attempt} }
	step := func(s *story) RunStep { return s.state.Runs[0].Steps[0] }

	t.Run("they are told once each, and have one time together", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		began := step(s).StartedAt
		s.want(s.do(unsent(1)), CodeAccepted, "nothing was sent in attempt 1 (1 of 4): connection refused; the next one comes in 1.0 s")
		s.want(s.do(unsent(1)), CodeConflict, "is started in attempt 1")
		s.now = s.now.Add(time.Second)
		s.want(s.do(again(1)), CodeAccepted, "")
		s.want(s.do(unsent(1)), CodeConflict, "is started in attempt 2")
		if st := step(s); !st.Began().Equal(began) || st.InVain() != 1 || st.Trying() != "nothing was sent in attempt 1 (1 of 4): connection refused" {
			t.Errorf("%+v", st)
		}
		s.want(s.do(unsent(2)), CodeAccepted, "nothing was sent in attempt 2 (2 of 4)")
		if st := step(s); !st.Began().Equal(began) || !st.Unsent() || st.mayHold() {
			t.Errorf("%+v", st)
		}
	})
	t.Run("a member of a group is named by its place", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		for i := range 2 {
			s.state.Runs[0].Steps[i].Group = Group{Name: "both"}
		}
		s.want(s.do(unsent(2)), CodeConflict, "step 1.1 of INC-1/R1 is started in attempt 1")
	})
	t.Run("one that may have been sent ends the row", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(unsent(1))
		s.do(again(1))
		s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		s.now = s.now.Add(time.Second)
		s.want(s.do(RetryStep{Run: "INC-1/R1", Epoch: 2, Attempt: 2}), CodeAccepted, "")
		if st := step(s); st.InVain() != 0 || !st.Began().Equal(st.StartedAt) || !st.Touched {
			t.Errorf("%+v", st)
		}
	})
	t.Run("a step of which nothing was ever sent has nothing to undo", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(unsent(1))
		s.do(again(1))
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, State: StepFailed, Unsent: true, Note: "connection refused"})
		if st := step(s); st.mayHold() || st.State != StepFailed {
			t.Errorf("%+v", st)
		}
	})
	t.Run("a point of no return of which nothing was ever sent is not behind", func(t *testing.T) {
		t.Parallel()
		for _, sent := range []bool{false, true} {
			s := begin(t)
			s.started()
			s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
			s.do(TellUnsent{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1, Why: "connection refused", Wait: time.Second, Of: 4})
			if sent {
				s.do(RetryStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1})
			}
			s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepFailed, Note: "it broke off"})
			r := s.state.Runs[0]
			ans := s.do(Steer{Run: r.ID, Verb: VerbAbort, Reason: "seen on the console", By: dbaB})
			s.want(ans, CodeAccepted, "aborted")
			if behind := strings.Contains(ans.Text, "the point of no return is behind"); behind != sent {
				t.Errorf("sent %v: %s", sent, ans.Text)
			}
		}
	})
}
