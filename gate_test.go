package pointsman

import (
	"strings"
	"testing"
	"time"
)

// atGate brings the story, asked for by rob, to a gate before the promotion that needs two of dba within ten minutes.
func atGate(t *testing.T) *story {
	t.Helper()
	s := begin(t)
	s.asked(rob)
	plan, err := DecodePlan(planBytes(t, 1, "pg-2"))
	if err != nil {
		t.Fatal(err)
	}
	gate := PlanStep{Name: "look", Kind: KindGate, Summary: "look", Approval: Policy{Require: []Requirement{{Count: 2, Role: "dba"}}, Expires: 10 * time.Minute}}
	plan.Steps = []PlanStep{plan.Steps[0], gate, plan.Steps[1]}
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.do(Recheck{Proposal: "INC-1/P1", By: dbaA})
	s.do(Ready{Proposal: "INC-1/P1", Generation: s.state.Proposals[0].Generation, Plan: raw})
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "approved")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: crew})
	s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
	s.want(s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepDone}), CodeInvalid, "only votes open it")
	s.want(s.do(WaitStep{Run: "INC-1/R1", Epoch: 1, Step: 1, Note: "is the lag gone?"}), CodeAccepted, "waiting at step 2")
	return s
}

func (s *story) gate(by Actor, verdict Verdict) Answer {
	s.t.Helper()
	r := s.state.Runs[0]
	return s.do(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest[:12], Verdict: verdict, By: by, People: crew})
}

func (s *story) stands(state RunState, step StepState) {
	s.t.Helper()
	if r := s.state.Runs[0]; r.State != state || r.Steps[1].State != step {
		s.t.Fatalf("run %s, gate %s (%s); want %s, %s", r.State, r.Steps[1].State, r.Note, state, step)
	}
}

func TestGates(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]func(*story){
		"two distinct people besides the requester let the run go on":     opensByQuorum,
		"a vote is bound to plan, step and attempt":                       boundToTheCard,
		"a denial parks and pages, retry asks again without old votes":    deniedIsParked,
		"expired is parked, with the clock":                               expiredIsParked(func(s *story) { s.do(Tick{Incident: "INC-1"}) }),
		"expired is parked, with a click that comes before the clock":     expiredIsParked(func(s *story) { s.want(s.gate(dbaB, Approve), CodeDecided, "not decided until") }),
		"a crash while it waits neither loses a vote nor gives more time": surviveACrash,
		"nobody decides, so somebody is paged as for a proposal":          gatePages,
		"the first of two votes acknowledges nothing, and one is chased":  gateChasesTheOther,
		"whoever asked may take it back, and abort ends it": func(s *story) {
			s.want(s.gate(rob, Deny), CodeAccepted, "parked")
			s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: dbaA}), CodeAccepted, "aborted")
		},
		"who has left or lost the role since opens nothing": leftTheGate,
		"a gate that was denied leaves nothing to look for": func(s *story) {
			s.want(s.gate(dbaB, Deny), CodeAccepted, "parked")
			s.want(s.steer(VerbAbort, dbaB), CodeAccepted, "aborted")
			if left := s.state.Runs[0].Left; len(left) != 0 {
				s.t.Errorf("left: %+v", left)
			}
		},
		"nobody marks a gate done": func(s *story) {
			s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: dbaA, Reason: "go"}), CodeInvalid, "is a gate")
			s.stands(RunWaiting, StepStarted)
		},
		"a run that does not exist or has ended says so": func(s *story) {
			s.want(s.do(CastVote{Run: "INC-1/R9", Digest: "x", Verdict: Approve, By: dbaA}), CodeNotFound, "no run")
			s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: dbaA})
			s.want(s.gate(dbaA, Approve), CodeDecided, "already aborted")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told(atGate(t))
		})
	}
}

func opensByQuorum(s *story) {
	s.want(s.gate(rob, Approve), CodeNotAllowed, "asked for this run")
	s.want(s.gate(eve, Approve), CodeNotAllowed, "none of the roles")
	s.want(s.gate(dbaA, Approve), CodeCounted, "1 of 2")
	s.want(s.gate(dbaA, Approve), CodeDuplicate, "already; it has 1 of 2")
	s.stands(RunWaiting, StepStarted)
	s.want(s.gate(dbaB, Approve), CodeAccepted, "goes on")
	s.stands(RunWaiting, StepDone)
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	if r := s.state.Runs[0]; r.Steps[2].State != StepStarted || r.Steps[1].Gate.OpenedBy != "ana and ben" || r.Steps[1].Gate.Votes[0].Mark != "2.1" {
		s.t.Fatalf("%+v", r.Steps)
	}
	s.want(s.gate(dbaB, Approve), CodeDecided, "waits at no gate")
}

// leftTheGate: ana's approval is hours old when ben gives his, and the step behind the gate begins with his alone.
func leftTheGate(s *story) {
	for _, today := range []map[string]Person{
		{"ben": dbaB.Person},
		{"ben": dbaB.Person, "ana": {ID: "ana", Name: "ana", Roles: []string{"web"}}},
		nil, // nobody says who is there
	} {
		s.want(s.gate(dbaA, Approve), CodeCounted, "1 of 2")
		r := s.state.Runs[0]
		s.want(s.do(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Approve, By: dbaB, People: today}), CodeCounted, "1 of 2")
		s.stands(RunWaiting, StepStarted)
		if got := s.last(EvVotesVoided); !strings.Contains(got, "the approval of ana does not count any more") {
			s.t.Fatal(got)
		}
		s.want(s.do(CastVote{Run: r.ID, Mark: r.Mark(), Digest: r.Digest, Verdict: Deny, By: dbaB}), CodeAccepted, "parked")
		s.steer(VerbRetry, dbaB)
		epoch := r.Epoch + 1
		s.do(WakeRun{Run: r.ID, Epoch: epoch})
		s.do(WaitStep{Run: r.ID, Epoch: epoch, Step: 1, Note: "is the lag gone?"})
	}
	s.want(s.gate(dbaA, Approve), CodeCounted, "1 of 2")
	s.want(s.gate(dbaB, Approve), CodeAccepted, "goes on")
}

func boundToTheCard(s *story) {
	r := s.state.Runs[0]
	s.want(s.do(CastVote{Run: r.ID, Mark: "2.1", Digest: strings.Repeat("0", 64), Verdict: Approve, By: dbaA}), CodeChanged, "read the card again")
	s.want(s.do(CastVote{Run: r.ID, Mark: "2.1", Digest: r.Digest[:6], Verdict: Approve, By: dbaA}), CodeChanged, "read the card again")
	s.want(s.do(CastVote{Run: r.ID, Mark: "", Digest: r.Digest, Verdict: Approve, By: dbaA}), CodeChanged, "you were shown none")
	s.want(s.do(CastVote{Run: r.ID, Mark: "1.1", Digest: r.Digest, Verdict: Deny, By: dbaA}), CodeChanged, "step and attempt 2.1, you were shown 1.1")
	s.stands(RunWaiting, StepStarted)
}

func deniedIsParked(s *story) {
	s.gate(dbaA, Approve)
	s.want(s.gate(dbaB, Deny), CodeAccepted, "parked")
	s.stands(RunParked, StepFailed)
	if s.count(EvPageTriggered) != 1 {
		s.t.Fatal("a parked run pages")
	}
	s.want(s.gate(dbaB, Approve), CodeDecided, "denied by ben; retry asks again")
	s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: dbaA, Reason: "go"}), CodeInvalid, "is a gate: it needs 2 of dba")
	s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 2, Step: 1})
	if r := s.state.Runs[0]; r.Mark() != "2.2" || len(r.Steps[1].Gate.Votes) != 0 {
		s.t.Fatalf("%s %+v", r.Mark(), r.Steps[1].Gate)
	}
	s.want(s.gate(dbaA, Approve), CodeCounted, "1 of 2")
}

func expiredIsParked(late func(*story)) func(*story) {
	return func(s *story) {
		s.gate(dbaA, Approve)
		s.now = night.Add(10 * time.Minute)
		late(s)
		if r := s.state.Runs[0]; r.State != RunParked || !strings.Contains(r.Note, "not decided until 03:10:00 UTC, with 1 of 2") {
			s.t.Fatalf("%s %s", r.State, r.Note)
		}
	}
}

func surviveACrash(s *story) {
	s.gate(dbaA, Approve)
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.do(TakeOver{Run: "INC-1/R1", Epoch: 3, Owner: "b"})
	s.now = night.Add(9 * time.Minute)
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 3, Step: 1})
	if g := s.state.Runs[0].Steps[1].Gate; !g.ExpiresAt.Equal(night.Add(10*time.Minute)) || len(g.Votes) != 1 {
		s.t.Fatalf("%+v", g)
	}
	s.want(s.gate(dbaB, Approve), CodeAccepted, "goes on")
}

func gatePages(s *story) {
	s.state.Incident.Escalate.After = 5 * time.Minute
	s.gate(dbaA, Deny)
	s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA})
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 2, Step: 1})
	paged := s.count(EvPageTriggered)
	for range 2 {
		s.tickAt(5 * time.Minute)
	}
	if s.count(EvPageTriggered) != paged+1 || !strings.Contains(s.last(EvPageTriggered), "nobody decides; it needs 2 of dba") {
		s.t.Fatal(s.last(EvPageTriggered))
	}
}

func gateChasesTheOther(s *story) {
	s.state.Incident.Escalate = Escalation{After: 3 * time.Minute, Service: "dba"}
	s.gate(dbaB, Deny)
	s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA})
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	s.do(WaitStep{Run: "INC-1/R1", Epoch: 2, Step: 1})
	s.log = nil
	s.tickAt(3 * time.Minute)
	s.want(s.gate(dbaA, Approve), CodeCounted, "1 of 2")
	s.paged("triggered 2@dba")
	s.tickAt(6 * time.Minute)
	s.paged("triggered 2@dba", "triggered 3@dba")
	if got := s.last(EvPageTriggered); !strings.Contains(got, "nobody else decides, 1 approval so far; it needs 2 of dba") {
		s.t.Fatal(got)
	}
	s.want(s.gate(dbaB, Approve), CodeAccepted, "goes on")
	s.paged("triggered 2@dba", "triggered 3@dba", "acknowledged 1@dba 2@dba 3@dba")
}
