package pointsman

import (
	"strings"
	"testing"
	"time"
)

var freeze = Protect{Verb: Freeze, For: time.Hour, Reason: "the storage is being moved", Roles: []string{"dba"}, By: dbaA}

// heldUndo is a run of two drained sides that was aborted while everything is frozen: its undoing is parked before it began.
func heldUndo(t *testing.T) *story {
	t.Helper()
	s := begin(t)
	other := drain
	other.Name = "drain-eu"
	s.laid(drain, other, promote)
	s.end(0, StepDone)
	s.end(1, StepDone)
	s.end(2, StepRefused)
	s.want(s.do(freeze), CodeAccepted, "")
	s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "what was done is to be undone, but not now: everything is frozen by ana")
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 2})
	s.runIs(RunParked, "step 2 (drain-eu) was not undone: everything is frozen by ana")
	return s
}

func (s *story) undone(epoch int64, step int) {
	s.t.Helper()
	s.want(s.do(EndUndo{Run: "INC-1/R1", Epoch: epoch, Step: step, State: StepUndone}), CodeAccepted, "")
}

func TestAnUndoingThatAFreezeHeldGoesOnWhenItIsOver(t *testing.T) {
	t.Parallel()
	s := heldUndo(t)
	s.want(s.steer(VerbResume, dbaB), CodeLocked, "INC-1/R1 may not go on: everything is frozen by ana since 2026-11-21 03:00 UTC until 2026-11-21 04:00 UTC: the storage is being moved")
	s.runIs(RunParked, "resume goes on with the undoing, abort ends the run here")

	s.do(Protect{Verb: Unfreeze, Reason: "it is moved", Roles: []string{"dba"}, By: dbaA})
	r := s.runIs(RunParked, "")
	if said := r.Foretell(VerbResume); said != "the undoing goes on, the last step first: drain-eu, drain" {
		t.Errorf("foretold is %q", said)
	}
	s.want(s.steer(VerbRetry, dbaB), CodeInvalid, "resume goes on with the undoing, abort ends it here")
	s.want(s.steer(VerbResume, eve), CodeNotAllowed, "")
	s.want(s.steer(VerbResume, dbaB), CodeAccepted, "goes on being undone, the last step first: resume by ben")
	s.runIs(RunUndoing, "aborted by ben")
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 3})
	s.undone(3, 1)

	s.want(s.do(freeze), CodeAccepted, "") // once more, in the middle
	s.do(EndUndo{Run: "INC-1/R1", Epoch: 3, Step: 0, State: StepUndone})
	if r := s.state.Runs[0]; r.State != RunAborted || len(r.Left) != 0 || s.count(EvStepUndoing) != 2 {
		t.Errorf("%s, %d left, %d undone", r.State, len(r.Left), s.count(EvStepUndoing))
	}
}

func TestAnUndoingThatIsHeldInTheMiddleGoesOnWithTheRest(t *testing.T) {
	t.Parallel()
	s := heldUndo(t)
	s.do(Protect{Verb: Unfreeze, Reason: "it is moved", Roles: []string{"dba"}, By: dbaA})
	s.steer(VerbResume, dbaB)
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 3})
	s.want(s.do(freeze), CodeAccepted, "")
	s.undone(3, 1) // what is at work goes on to its end
	r := s.runIs(RunParked, "step 1 (drain) was not undone: everything is frozen")
	if said := r.Foretell(VerbAbort); !strings.HasPrefix(said, "the run ends here, and what was not undone is left to you") || !strings.Contains(said, "resume goes on") {
		t.Errorf("foretold is %q", said)
	}
	s.now = s.now.Add(2 * time.Hour) // a freeze may also just end
	s.want(s.steer(VerbResume, dbaB), CodeAccepted, "")
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 4})
	s.undone(4, 0)
	if r := s.runIs(RunAborted, "aborted by ben"); len(r.Left) != 0 {
		t.Errorf("left: %v", r.Left)
	}
}

func TestAnUndoingThatIsHeldMayBeEndedWhereItIs(t *testing.T) {
	t.Parallel()
	s := heldUndo(t)
	s.want(s.steer(VerbAbort, dbaA), CodeAccepted, "To be looked at and undone by hand: step 1 (drain, done), step 2 (drain-eu, done); the commands are on the card, and pointsman incidents INC-1 prints them")
	if r := s.runIs(RunAborted, "aborted by ana"); len(r.Left) != 2 {
		t.Errorf("left: %v", r.Left)
	}
}

func TestAnAlarmHoldsAnUndoingUntilAPersonHasLooked(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.end(0, StepDone)
	s.do(Report{Key: "target:postgres/orders", Target: orders, What: SeenAlarm, Title: "two primaries", Text: "pg-1 and pg-2 both take writes", Severity: "critical"})
	s.end(1, StepRefused)
	s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "but not now: pg-1 and pg-2 both take writes")
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 2})
	s.runIs(RunParked, "step 1 (drain) was not undone: pg-1 and pg-2 both take writes")
	s.want(s.steer(VerbResume, dbaB), CodeAccepted, "")
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 3})
	s.undone(3, 0)
	s.runIs(RunAborted, "")
}

func TestADecisionOnTheWayBackIsNotOneOnTheWayForth(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.end(0, StepDone)
	s.end(1, StepRefused)
	seen := s.state.Runs[0].Mark() // on an open form
	s.do(freeze)
	s.steer(VerbAbort, dbaB)
	s.do(BeginUndo{Run: "INC-1/R1", Epoch: 2})
	ans := s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Mark: seen, Reason: "undo it", By: dbaA})
	s.want(ans, CodeChanged, "older than the run: Fail over is parked before step 1 (drain) is undone now")
}

func TestWhatWasTriedAndNotUndoneIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(s *story){
		"it could not be undone": func(s *story) { s.do(EndUndo{Run: "INC-1/R1", Epoch: 3, Step: 1, State: StepNotUndone}) },
		"the log lost its end":   func(s *story) { s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := heldUndo(t)
			s.do(Protect{Verb: Unfreeze, Reason: "it is moved", Roles: []string{"dba"}, By: dbaA})
			s.steer(VerbResume, dbaB)
			s.do(BeginUndo{Run: "INC-1/R1", Epoch: 3})
			fails(s)
			s.want(s.steer(VerbResume, dbaB), CodeInvalid, "only abort ends it sooner")
			s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "undone by hand")
			s.runIs(RunAborted, "")
		})
	}
}

// The part of the log that is lost may hold that a person let it go on: what is done on record may have been undone.
func TestAnUndoingThatWasHeldDoesNotGoOnWhereTheLogLostItsEnd(t *testing.T) {
	t.Parallel()
	s := heldUndo(t)
	s.do(Protect{Verb: Unfreeze, Reason: "it is moved", Roles: []string{"dba"}, By: dbaA})
	s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
	s.want(s.steer(VerbResume, dbaB), CodeInvalid, "only abort ends it sooner")
	s.runIs(RunParked, "the log has lost its end")
}

// A person may have aborted the run in the part that is lost, and the drained side be drained again by somebody else since.
func TestWhatMayHaveBeenUndoneInALostPartIsNotUndoneOnceMore(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, look)
	s.end(0, StepDone)
	s.end(1, StepRefused)
	s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
	if said := s.runIs(RunParked, "").Foretell(VerbAbort); strings.Contains(said, "then this is undone") || !strings.Contains(said, "left to you with its commands: drain") {
		t.Errorf("foretold is %q", said)
	}
	s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "step 1 (drain, done: it may have been undone already; look before you undo it)")
	s.runIs(RunAborted, "aborted by ben")
}

// In the part that is lost somebody may have tried a step again that is refused on record, or was not sent. Whoever is told that
// it was not done takes the fence off an old primary beside a promoted standby.
func TestWhatWasNotDoneOnRecordMayHaveBeenDoneInALostPart(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(s *story){
		"refused": func(s *story) { s.end(1, StepRefused) },
		"not sent, and tried again in a moment": func(s *story) {
			s.do(TellUnsent{Run: "INC-1/R1", Epoch: 1, Step: 1, Attempt: 1, Why: "no connection", Wait: time.Second, Of: 4})
		},
		"never sent": func(s *story) {
			s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepFailed, Attempt: 1, Unsent: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.laid(drain, promote)
			s.end(0, StepDone)
			ends(s)
			s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
			if r := s.runIs(RunParked, "the log has lost its end"); !r.PastReturn() {
				t.Errorf("step 2 is %s and counts as surely not done", r.Steps[1].State)
			}
			s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "the point of no return is behind, so nothing was undone. To be finished by hand: step 2 (promote")
		})
	}
}

// The mark on the card is that of now, and the form has said what an abort means now.
func TestAnAbortFromTheCardCountsAfterALoss(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, look, promote, look)
	s.end(0, StepDone)
	s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
	r := s.runIs(RunParked, "the log has lost its end")
	s.want(s.do(Steer{Run: r.ID, Verb: VerbAbort, Mark: "1.1", Reason: "pg-1 is back", By: dbaB}), CodeChanged, "")
	s.want(s.do(Steer{Run: r.ID, Verb: VerbAbort, Mark: r.Mark(), Reason: "pg-1 is back", By: dbaB}), CodeAccepted, "the point of no return is behind")
}
