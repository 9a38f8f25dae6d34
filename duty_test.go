package pointsman

import (
	"strings"
	"testing"
	"time"
)

var (
	crewOf = map[string]Person{"ana": dbaA.Person, "ben": dbaB.Person}
	nina   = Actor{Person: person("nina", "network"), Door: DoorSlack, Ref: "T1/UNINA"}
)

// owing brings the story to a step that the network people do by hand within 20 minutes.
func owing(t *testing.T) *story {
	t.Helper()
	s := begin(t)
	s.cast(dbaA, Approve, s.ready(1).Digest)
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: crewOf})
	s.want(s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 0, Note: "waits for network", Owner: "network", Due: night.Add(20 * time.Minute)}), CodeAccepted, "waits for network")
	return s
}

func (s *story) tickAt(after time.Duration) {
	s.t.Helper()
	s.now = night.Add(after)
	s.do(Tick{Incident: "INC-1"})
}

func TestDuties(t *testing.T) {
	t.Parallel()
	t.Run("the owner is told again when it is late, then somebody is paged, each once", func(t *testing.T) {
		t.Parallel()
		s := owing(t)
		s.tickAt(19 * time.Minute)
		if s.count(EvStepOverdue) != 0 {
			t.Fatal("told before it was due")
		}
		for range 2 {
			s.tickAt(20 * time.Minute)
		}
		if s.count(EvStepOverdue) != 1 || s.count(EvPageTriggered) != 0 || !strings.Contains(s.last(EvStepOverdue), "network until 03:20:00 UTC; somebody is paged at 03:25:00 UTC") {
			t.Fatalf("%d told, %d paged: %s", s.count(EvStepOverdue), s.count(EvPageTriggered), s.last(EvStepOverdue))
		}
		for range 2 {
			s.tickAt(25 * time.Minute)
		}
		if s.count(EvStepOverdue) != 1 || s.count(EvPageTriggered) != 1 || s.state.Incident.Page != PageTriggered {
			t.Fatalf("%d told, %d paged", s.count(EvStepOverdue), s.count(EvPageTriggered))
		}
	})
	t.Run("a clock that slept tells first and pages later, never both at once", func(t *testing.T) {
		t.Parallel()
		s := owing(t)
		s.tickAt(3 * time.Hour)
		if s.count(EvStepOverdue) != 1 || s.count(EvPageTriggered) != 0 {
			t.Fatalf("%d told, %d paged", s.count(EvStepOverdue), s.count(EvPageTriggered))
		}
		s.tickAt(3*time.Hour + 5*time.Minute)
		if s.count(EvPageTriggered) != 1 {
			t.Fatal("nobody is paged")
		}
	})
	t.Run("the owner says done without a voice in the rest of the run, and what they wrote is kept", func(t *testing.T) {
		t.Parallel()
		s := owing(t)
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: nina}), CodeNotAllowed, "none of the roles")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: eve, Reason: "me too"}), CodeNotAllowed, "none of the roles")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: nina, Reason: " lb shows 0 connections "}), CodeAccepted, "goes on")
		if st := s.state.Runs[0].Steps[0]; st.State != StepDone || st.Result != "lb shows 0 connections" || st.MarkedBy != "nina" {
			t.Fatalf("%+v", st)
		}
		s.tickAt(time.Hour)
		if s.count(EvStepOverdue)+s.count(EvPageTriggered) != 0 {
			t.Fatal("what is done is not overdue")
		}
	})
	t.Run("who may steer the run may say done for the owner, as ever", func(t *testing.T) {
		t.Parallel()
		s := owing(t)
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: dbaB, Reason: "did it for them"}), CodeAccepted, "goes on")
	})
	t.Run("an owner of a parked step has no say: that it failed is not their task", func(t *testing.T) {
		t.Parallel()
		s := owing(t)
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 2, Step: 0, State: StepFailed, Note: "no"})
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, Reason: "seen on the console", By: nina}), CodeNotAllowed, "none of the roles")
	})
	t.Run("nobody named as owner is nobody", func(t *testing.T) {
		t.Parallel()
		if (Duty{}).Of(Actor{Person: Person{Roles: []string{""}}}) || (Duty{Owner: "network"}).Of(nobody) {
			t.Fatal("an unknown account owns nothing")
		}
	})
}
