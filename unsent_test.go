package pointsman

import (
	"testing"
	"time"
)

// overBefore is what a process says of an attempt whose time was over before it had sent anything.
func overBefore(epoch int64, step, attempt int) RetryStep {
	return RetryStep{Run: "INC-1/R1", Epoch: epoch, Step: step, Attempt: attempt, Unsent: true, Note: "its time was over before it began; nothing was done"}
}

func TestAnAttemptThatNeverBeganIsNoPointOfNoReturn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before func(s *story) // at the point of no return, in its first attempt
		last   RetryStep
		state  RunState
	}{
		"nothing was sent": {func(*story) {}, overBefore(1, 1, 1), RunUndoing},
		"it was seen not to have happened, which an answer on its way may still change": {
			func(*story) {}, RetryStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1}, RunAborted,
		},
		"an earlier attempt may have done it": {func(s *story) {
			s.end(1, StepFailed)
			s.steer(VerbRetry, dbaB)
			s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		}, overBefore(2, 1, 2), RunAborted},
		"its owner died, and may have sent it before": {func(s *story) {
			s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		}, overBefore(2, 1, 1), RunAborted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.laid(drain, promote)
			s.end(0, StepDone)
			tc.before(s)
			s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "goes on to its own end")
			s.do(tc.last)
			s.runIs(tc.state, "aborted by ben")
		})
	}
}

func TestAnAttemptThatNeverBeganIsFollowedByOneWithItsOwnTime(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.now = s.now.Add(time.Minute)
	s.want(s.do(overBefore(1, 0, 1)), CodeAccepted, "")
	if st := s.runIs(RunRunning, "").Steps[0]; st.Touched || st.Attempt != 2 || !st.Began().Equal(s.now) || st.InVain() != 0 {
		t.Errorf("%+v", st)
	}
	s.want(s.do(overBefore(1, 0, 1)), CodeConflict, "is at attempt 2, not 1")
}

func TestAMemberThatNeverBeganMayNotHold(t *testing.T) {
	t.Parallel()
	first, second := drain, look
	first.Group, second.Group = Group{Name: "both", Timeout: time.Minute}, Group{Name: "both", Timeout: time.Minute}
	for name, after := range map[string]time.Duration{"it begins again": time.Second, "its group has no time left": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.laid(first, second, promote)
			s.now = s.now.Add(after)
			s.want(s.do(overBefore(1, 0, 1)), CodeAccepted, "")
			again := after < time.Minute
			st := s.state.Runs[0].Steps[0]
			if st.Touched || again != (st.State == StepStarted && st.Attempt == 2) || again == (st.State == StepFailed && !st.mayHold()) || again && !st.Began().Equal(s.now) {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestNothingIsUnsentOfAnAttemptThatWasTakenOver(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
	s.do(EndStep{Run: "INC-1/R1", Epoch: 2, State: StepFailed, Unsent: true, Note: "this version knows no such kind"})
	if st := s.runIs(RunParked, "").Steps[0]; !st.mayHold() {
		t.Errorf("whoever took it over cannot know that nothing was sent: %+v", st)
	}
}
