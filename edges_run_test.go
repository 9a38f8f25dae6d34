package pointsman

import (
	"strings"
	"testing"
	"time"
)

// laid brings the story to a started run of the given steps, begun by ana.
func (s *story) laid(steps ...PlanStep) *Run {
	s.t.Helper()
	raw, err := Plan{
		Version: 1, Runbook: "postgres-failover", Title: "Fail over", Incident: "INC-1", Target: orders, Lock: true, Steps: steps,
		Policy: Policy{Require: []Requirement{{Count: 1, Role: "dba"}}}, Deadline: time.Hour,
	}.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	s.want(s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw}), CodeAccepted, "ready for approval")
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "starts now")
	s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeAccepted, "started")
	return &s.state.Runs[0]
}

func (s *story) steer(v Verb, by Actor) Answer {
	s.t.Helper()
	return s.do(Steer{Run: "INC-1/R1", Verb: v, Reason: "seen on the console", By: by})
}

func (s *story) end(i int, state StepState, facts ...Fact) Answer {
	s.t.Helper()
	return s.do(EndStep{Run: "INC-1/R1", Epoch: s.state.Runs[0].Epoch, Step: i, State: state, Facts: facts})
}

func (s *story) runIs(state RunState, says string) Run {
	s.t.Helper()
	r := s.state.Runs[0]
	if r.State != state || !strings.Contains(r.Note, says) {
		s.t.Fatalf("the run is %s: %s; want %s: %s", r.State, r.Note, state, says)
	}
	return r
}

var (
	drain   = PlanStep{Name: "drain", Kind: "exec.run", Timeout: time.Second, Summary: "drain", Undo: true, UndoByHand: []string{"systemctl start api"}}
	task    = PlanStep{Name: "call", Kind: "manual.task", Summary: "call the customer"}
	promote = PlanStep{Name: "promote", Kind: "postgres.promote", Timeout: time.Second, Irreversible: true, Summary: "promote pg-2"}
	look    = PlanStep{Name: "look", Kind: "http.check", Timeout: time.Second, Summary: "look"}
)

func TestAnAbortThatMeetsTheBeginningOfAWait(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"a task": "manual.task", "a gate": KindGate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			wait := task
			wait.Kind, wait.Approval = kind, Policy{Require: []Requirement{{Count: 1, Role: "dba"}}}
			s.laid(drain, wait, promote)
			s.end(0, StepDone)
			s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "goes on to its own end")
			s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 1})
			s.runIs(RunUndoing, "aborted by ben")
		})
	}
}

func TestWhoseTaskItIsDoesNotLetTheRunGoOnAgainstAnAlarm(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, task, promote)
	s.end(0, StepDone)
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Owner: "intern"})
	s.do(Report{Key: "target:postgres/orders", Target: orders, What: SeenAlarm, Title: "two primaries", Text: "pg-1 and pg-2 both take writes", Severity: "critical"})
	s.want(s.steer(VerbDone, eve), CodeAccepted, "")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	if r := s.runIs(RunParked, "both take writes"); r.Steps[2].Attempt != 0 {
		t.Error("the point of no return began")
	}
	s.want(s.steer(VerbRetry, dbaB), CodeAccepted, "goes on")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 3})
	s.runIs(RunRunning, "")
}

func TestWhoseTaskItIsDoesNotLetTheRunGoOnBeyondItsDeadline(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, task, promote)
	s.end(0, StepDone)
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Owner: "intern"})
	s.now = s.now.Add(2 * time.Hour) // no tick has come yet
	s.want(s.steer(VerbDone, eve), CodeAccepted, "")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.runIs(RunParked, "deadline passed")
}

func TestAnAttemptThatMayNotBeginAgainIsNotSaidToComeNext(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.do(TellUnsent{Run: "INC-1/R1", Epoch: 1, Attempt: 1, Why: "connection refused", Wait: time.Second, Of: 4})
	s.now = s.now.Add(2 * time.Hour)
	s.do(RetryStep{Run: "INC-1/R1", Epoch: 1, Attempt: 1})
	r := s.runIs(RunParked, "deadline passed")
	if said := r.Steps[0].Trying(); said != "" {
		t.Errorf("the card of a parked run says %q", said)
	}
}

func TestAnAbortNamesWhatAnEarlierAttemptMayHaveDone(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.end(0, StepFailed)
	s.steer(VerbRetry, dbaB)
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.now = s.now.Add(2 * time.Hour)
	s.do(RetryStep{Run: "INC-1/R1", Epoch: 2, Attempt: 2, Note: "its time was over before it began; nothing was done"})
	s.runIs(RunParked, "deadline passed")
	s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "undone by hand: step 1 (drain")
}

func TestAnOutcomeThatIsSaidTwiceEndsOneAttempt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	hard := drain
	hard.Ungraceful = &Form{With: []byte(`{}`), Summary: "kill"}
	s.laid(hard, promote)
	s.steer(VerbUngraceful, dbaB)
	failed := EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepFailed, Attempt: 1}
	s.do(failed)
	s.want(s.do(failed), CodeConflict, "attempt 2") // the answer to the first was lost
	s.runIs(RunRunning, "")
}

func TestAConditionCountsAlsoWhereTheLogLostItsEnd(t *testing.T) {
	t.Parallel()
	only := promote
	only.When = &Condition{Fact: "pg-1", Is: "==", Value: "stopped"}
	s := begin(t)
	s.laid(look, drain, only, look)
	s.end(0, StepDone, Fact{Name: "pg-1", Value: "writable", Result: Pass})
	s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
	s.want(s.steer(VerbRetry, dbaB), CodeAccepted, "")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.end(1, StepDone)
	s.do(RetryStep{Run: "INC-1/R1", Epoch: 2, Step: 2, Attempt: 1, Note: "observed not to have happened"})
	if r := s.runIs(RunRunning, ""); r.Steps[2].State != StepSkipped || r.Steps[2].Attempt != 1 {
		t.Errorf("its condition is false, and it is %s in attempt %d", r.Steps[2].State, r.Steps[2].Attempt)
	}
}

func TestAGroupThatTheLogLostHasItsOwnTime(t *testing.T) {
	t.Parallel()
	first, second := drain, look
	first.Group, second.Group = Group{Name: "both", Timeout: time.Minute}, Group{Name: "both", Timeout: time.Minute}
	s := begin(t)
	s.laid(look, first, second, promote)
	s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
	s.steer(VerbRetry, dbaB)
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.end(0, StepDone)
	if r := s.runIs(RunRunning, ""); !r.GroupUntil.Equal(s.now.Add(time.Minute)) {
		t.Errorf("the time of its group is over at %s", r.GroupUntil)
	}
}

func TestADrillTakesNothingFromWhatFires(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.do(Request{Key: "target:postgres/orders", By: dbaB, Reason: "exercise", Offer: Offer{Runbook: "postgres-failover", Title: "Fail over", Target: orders, Params: map[string]string{"cluster": "orders"}, Mode: ModeDrill}})
	p, err := DecodePlan(planBytes(t, 1, "pg-2"))
	if err != nil {
		t.Fatal(err)
	}
	p.Mode = ModeDrill
	raw, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "starts now")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
	s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
	s.end(0, StepDone)
	s.end(1, StepDone)
	s.runIs(RunDone, "")
	if p := s.state.Proposals[1]; !p.Open() {
		t.Errorf("what an alert asks for is %s after a drill", p.State)
	}
}

func TestAPointOfNoReturnThatWasLeftOutIsNotBehind(t *testing.T) {
	t.Parallel()
	only := promote
	only.Name, only.When = "detach", &Condition{Fact: "pg-1", Is: "==", Value: "stopped"}
	s := begin(t)
	s.laid(look, only, drain, promote)
	s.end(0, StepDone, Fact{Name: "pg-1", Value: "writable", Result: Pass})
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	s.end(2, StepDone)
	s.runIs(RunParked, "every alert resolved during the run")
}

func TestAnAbortIsForetoldWithWhatItLeaves(t *testing.T) {
	t.Parallel()
	s := begin(t)
	byHand := look
	byHand.Name, byHand.UndoByHand = "route", []string{"ip route del"}
	s.laid(drain, byHand, promote)
	s.end(0, StepDone)
	s.end(1, StepUnknown)
	r := s.runIs(RunParked, "unknown")
	if said := r.Foretell(VerbAbort); said != "no further step begins, then this is undone: drain; left to you with its commands: route" {
		t.Error(said)
	}
	s.steer(VerbDone, dbaB)
	if said := s.state.Runs[0].Foretell(VerbAbort); !strings.HasSuffix(said, "left to you with its commands: route") {
		t.Error(said)
	}
}

func TestAGrownFigureIsAskedAlsoAfterAPause(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.laid(drain, promote)
	s.steer(VerbPause, dbaB)
	s.end(0, StepDone)
	s.runIs(RunPaused, "")
	s.steer(VerbResume, dbaB)
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2, Checked: true, Facts: grown(425_984)})
	r := s.runIs(RunParked, "approved was loss <= 213,792 B")
	s.want(s.accepts(dbaB, r.Question.Digest), CodeAccepted, "goes on")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 3, Checked: true})
	if r := s.runIs(RunRunning, ""); r.Steps[1].State != StepStarted || len(r.Granted) != 1 || r.Granted[0].Step != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAWaitThatWasLeftOutLeavesNothingToUndo(t *testing.T) {
	t.Parallel()
	s := begin(t)
	wait := PlanStep{Name: "settle", Kind: "wait", Summary: "wait 10m", SkipBy: []string{"dba"}}
	s.laid(look, wait, task, promote)
	s.end(0, StepDone)
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Until: s.now.Add(10 * time.Minute)})
	s.want(s.steer(VerbSkip, dbaB), CodeAccepted, "goes on")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 2, Step: 2})
	if ans := s.steer(VerbAbort, dbaB); strings.Contains(ans.Text, "settle") {
		t.Error(ans.Text)
	}
}

func TestARunThatWaitsDoesNotBeginAfterItsAlerts(t *testing.T) {
	t.Parallel()
	queued := func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		s.want(s.cast(dbaA, Approve, s.ready(1).Digest), CodeAccepted, "starts now")
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		return s
	}
	start := StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}

	t.Run("its proposal is withdrawn and the next alert asks for every vote anew", func(t *testing.T) {
		t.Parallel()
		s := queued(t)
		s.want(s.do(start), CodeChanged, "every alert resolved before the start")
		p, inc := s.state.Proposals[0], s.state.Incident
		if p.State != ProposalWithdrawn || len(p.Votes) > 0 || p.Run != "" || inc.State != IncidentResolved || inc.Page != "" {
			t.Errorf("the proposal is %s with %d votes, the incident %s, page %q", p.State, len(p.Votes), inc.State, inc.Page)
		}
		s.runIs(RunVoided, "every alert resolved before the start")
		s.now = s.now.Add(time.Minute)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if p := s.state.Proposals[1]; s.state.Incident.State != IncidentOpen || p.State != ProposalChecking || len(p.Votes) > 0 {
			t.Errorf("the incident is %s, its second proposal %s with %d votes", s.state.Incident.State, p.State, len(p.Votes))
		}
		if began := s.count(EvRunStarted) + s.count(EvStepStarted); began > 0 {
			t.Errorf("%d began", began)
		}
	})
	t.Run("an alert that fires again before the start, or an alarm, still asks for it", func(t *testing.T) {
		t.Parallel()
		s := queued(t)
		s.do(webhook(primaryDown("f1", night.Add(time.Minute), AlertFiring)))
		s.want(s.do(start), CodeAccepted, "started")
		s = begin(t)
		s.do(splitBrain())
		raw := planBytes(t, 1, "pg-2")
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
		s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "starts now")
		s.want(s.do(start), CodeAccepted, "started")
	})
	t.Run("the request of a person beside it keeps the incident open", func(t *testing.T) {
		t.Parallel()
		s := queued(t)
		other := webhook().Offers[0]
		other.Runbook = "postgres-repoint"
		s.do(Request{Incident: "INC-1", By: dbaB, Offer: other})
		s.want(s.do(start), CodeChanged, "every alert resolved before the start")
		if a, b := s.state.Proposals[0].State, s.state.Proposals[1].State; a != ProposalWithdrawn || b != ProposalChecking || s.state.Incident.State != IncidentOpen {
			t.Errorf("the alerts' proposal is %s, the person's %s, the incident %s", a, b, s.state.Incident.State)
		}
	})
}
