package pointsman

import (
	"strings"
	"testing"
	"time"
)

var engineers = map[string]Person{"ana": dbaA.Person, "ben": dbaB.Person}

// approved brings the story to a queued run.
func (s *story) approved() {
	s.t.Helper()
	s.want(s.cast(dbaA, Approve, s.ready(1).Digest), CodeAccepted, "starts now")
}

func (s *story) started() {
	s.t.Helper()
	s.approved()
	s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeAccepted, "started")
}

// asked brings the story to a card that a person asked for.
func (s *story) asked(by Actor) Proposal {
	s.t.Helper()
	ans := s.do(Request{Key: "target:postgres/orders", By: by, Offer: webhook().Offers[0], Reason: "planned"})
	s.want(ans, CodeAccepted, "is being checked")
	p, _ := s.state.Proposal(ans.ID)
	s.do(Ready{Proposal: p.ID, Generation: p.Generation, Plan: planBytes(s.t, 1, "pg-2")})
	p, _ = s.state.Proposal(ans.ID)
	return p
}

func (s *story) last(typ EventType) string {
	for i := len(s.log) - 1; i >= 0; i-- {
		if s.log[i].Type == typ {
			return s.log[i].Text
		}
	}
	return ""
}

func TestApprovalsThatMustNotLast(t *testing.T) {
	t.Parallel()
	t.Run("a denial wins until the start", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.approved()
		d := s.state.Proposals[0].Digest
		s.want(s.cast(eve, Deny, d), CodeNotAllowed, "none of the roles")
		s.want(s.cast(dbaB, Deny, strings.Repeat("a", 64)), CodeDecided, "already approved")
		s.want(s.cast(dbaB, Deny, d), CodeAccepted, "nothing will run")
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeConflict, "aborted")
		if s.count(EvStepStarted) != 0 {
			t.Fatal("a denied run began")
		}
	})
	t.Run("after the start it is decided", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.want(s.cast(dbaB, Deny, s.state.Proposals[0].Digest), CodeDecided, "already approved by ana")
	})
	t.Run("a run that could not begin in time is void", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.approved()
		s.now = s.now.Add(15 * time.Minute)
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeChanged, "the run had not begun")
		if p := s.state.Proposals[0]; p.State != ProposalChecking || len(p.Votes) != 0 || p.DecidedBy != "" {
			t.Fatalf("%+v", p)
		}
	})
	t.Run("a void approval starts the escalation again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.approved()
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: nil})
		s.do(Ready{Proposal: "INC-1/P1", Generation: 2, Plan: planBytes(t, 1, "pg-2")})
		s.now = s.now.Add(5 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		if s.count(EvPageTriggered) != 1 {
			t.Fatal("nobody was told that the approval they gave is gone")
		}
	})
	t.Run("votes that end while the checks run are said to end", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.cast(dbaA, Approve, p.Digest)
		s.now = s.now.Add(14 * time.Minute)
		s.do(Recheck{Proposal: p.ID, By: dbaB})
		s.now = s.now.Add(2 * time.Minute)
		s.do(Ready{Proposal: p.ID, Generation: 2, Plan: planBytes(t, 2, "pg-2")})
		if got := s.state.Proposals[0]; len(got.Votes) != 0 || !strings.Contains(s.last(EvVotesVoided), "lasted until 03:15:00 UTC") {
			t.Fatalf("%d votes, %q", len(got.Votes), s.last(EvVotesVoided))
		}
	})
	t.Run("votes that expired stay so when the clock is set back and the plan comes out the same", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.cast(dbaA, Approve, p.Digest)
		s.now = p.ExpiresAt
		s.do(Tick{Incident: "INC-1"})
		s.now = s.now.Add(-10 * time.Minute) // the own database was failed over to a host that is behind
		s.do(Recheck{Proposal: p.ID, By: dbaB})
		s.do(Ready{Proposal: p.ID, Generation: 2, Plan: planBytes(t, 2, "pg-2")})
		got := s.state.Proposals[0]
		if s.count(EvProposalExpired) != 1 || len(got.Votes) != 0 || s.count(EvVotesVoided) != 1 || !got.ExpiresAt.Equal(s.now.Add(got.Policy.Lasts())) {
			t.Fatalf("%s has %d votes and lasts until %s; %d times votes were voided", got.State, len(got.Votes), got.ExpiresAt, s.count(EvVotesVoided))
		}
		s.cast(dbaB, Approve, got.Digest)
		if len(s.state.Runs) != 0 {
			t.Fatal("a vote that had expired made a run begin")
		}
	})
	t.Run("refreshing does not prolong votes", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		for gen := 2; gen < 16; gen++ {
			s.now = s.now.Add(time.Minute)
			s.do(Recheck{Proposal: p.ID, By: dbaB})
			s.do(Ready{Proposal: p.ID, Generation: gen, Plan: planBytes(t, 2, "pg-2")})
		}
		if got := s.state.Proposals[0].ExpiresAt; !got.Equal(night.Add(15 * time.Minute)) {
			t.Fatalf("it now lasts until %s", got)
		}
	})
	t.Run("a policy that says nothing about its end has one", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		plan, _ := DecodePlan(planBytes(t, 1, "pg-2"))
		plan.Policy.Expires = 0
		raw, _ := plan.Encode()
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
		if got := s.state.Proposals[0].ExpiresAt; !got.Equal(night.Add(DefaultExpires)) {
			t.Fatalf("expires at %s", got)
		}
	})
	t.Run("a plan that cannot be read is a refusal, not a check without end", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: []byte("{")})
		if p := s.state.Proposals[0]; p.State != ProposalRefused || p.Problem == "" {
			t.Fatalf("%+v", p)
		}
	})
}

func TestRequestsOfPeopleOutliveTheAlerts(t *testing.T) {
	t.Parallel()
	over := func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.now = s.now.Add(time.Minute)
		return s
	}
	t.Run("asked for after the alerts resolved, it runs to its end", func(t *testing.T) {
		t.Parallel()
		s := over(t)
		p := s.asked(dbaB)
		s.do(Tick{Incident: "INC-1"})
		s.want(s.cast2(p, dbaA, Approve), CodeAccepted, "starts now")
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers}), CodeAccepted, "started")
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepDone})
		if s.state.Runs[0].State != RunDone || s.state.Incident.State != IncidentResolved {
			t.Fatalf("run %s, incident %s", s.state.Runs[0].State, s.state.Incident.State)
		}
	})
	t.Run("alerts that resolve take their own proposals away and nobody is woken", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(1)
		other := webhook().Offers[0]
		other.Runbook = "postgres-repoint"
		s.do(Request{Incident: "INC-1", By: dbaB, Offer: other})
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.now = s.now.Add(6 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		if a, b := s.state.Proposals[0].State, s.state.Proposals[1].State; a != ProposalWithdrawn || b != ProposalChecking {
			t.Fatalf("the alerts' proposal is %s, the person's %s", a, b)
		}
		if s.count(EvPageTriggered) != 0 || s.state.Incident.State != IncidentOpen {
			t.Fatal("paged, or the person's request was dropped with the incident")
		}
	})
	t.Run("nobody takes it up: the incident ends by itself", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.asked(dbaB)
		s.now = p.ExpiresAt
		s.do(Tick{Incident: "INC-1"})
		if s.state.Incident.State != IncidentOpen {
			t.Fatal("expired is not denied: it may still be asked again")
		}
		s.now = s.state.Due()
		s.do(Tick{Incident: "INC-1"})
		if s.state.Incident.State != IncidentResolved || !strings.Contains(s.last(EvProposalWithdrawn), "nobody took it up within 30m") {
			t.Fatalf("incident %s, %q", s.state.Incident.State, s.last(EvProposalWithdrawn))
		}
	})
	t.Run("the hours of quiet before a reopening are no waiting for approval", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(1)
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.now = s.now.Add(20 * time.Minute)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if m := s.state.Incident.Marks; !m.Alerted.Equal(s.now) || !m.Proposed.IsZero() {
			t.Fatalf("%+v", m)
		}
	})
}

func (s *story) cast2(p Proposal, by Actor, v Verdict) Answer {
	s.t.Helper()
	return s.do(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: v, By: by})
}

func TestParkedRuns(t *testing.T) {
	t.Parallel()
	overtaken := func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		s.started()
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.want(Answer{Text: s.state.Runs[0].Note, Code: Code(s.state.Runs[0].State)}, "parked", "every alert resolved")
		return s
	}
	t.Run("a step that has not begun cannot be marked done", func(t *testing.T) {
		t.Parallel()
		s := overtaken(t)
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, Reason: "seen on the console", By: dbaB}), CodeInvalid, "step 2 (promote) of INC-1/R1 has not begun")
	})
	t.Run("whoever decided to go on is not asked before every step", func(t *testing.T) {
		t.Parallel()
		s := overtaken(t)
		s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaB})
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if !s.state.Runs[0].Regardless {
			t.Fatal("the decision to go on is forgotten")
		}
		s.do(EndStep{Run: "INC-1/R1", Epoch: 2, Step: 1, State: StepDone})
		if s.state.Runs[0].State != RunDone {
			t.Fatal(s.state.Runs[0].State)
		}
	})
	t.Run("behind its first point of no return a run is not halted halfway", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		plan, _ := DecodePlan(planBytes(t, 1, "pg-2"))
		plan.Steps = append(plan.Steps, PlanStep{Name: "repoint", Kind: "dns.repoint", Timeout: time.Second, Irreversible: true, Summary: "repoint"})
		raw, _ := plan.Encode()
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
		s.cast(dbaA, Approve, Digest(raw))
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepDone})
		if r := s.state.Runs[0]; r.State != RunRunning {
			t.Fatalf("%s: %s", r.State, r.Note)
		}
	})
	t.Run("what a person marked done is not called verified", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepUnknown, Note: "connection reset"})
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbDone, By: dbaA, Reason: "seen in psql"}), CodeAccepted, "is done")
		r := s.state.Runs[0]
		if strings.Contains(r.Note, "verified") || r.Steps[1].Note != "marked done by ana: seen in psql" {
			t.Fatalf("%q, %q", r.Note, r.Steps[1].Note)
		}
	})
	t.Run("a wait that was taken over does not begin again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		s.do(WaitStep{Run: "INC-1/R1", Epoch: 2, Step: 0, Until: night.Add(time.Minute), Note: "waits"})
		s.now = night.Add(time.Minute)
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 3})
		if st := s.state.Runs[0].Steps[0]; st.Attempt != 1 || !st.StartedAt.Equal(night) {
			t.Fatalf("%+v", st)
		}
	})
	t.Run("the same retry twice is one new attempt", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		again := RetryStep{Run: "INC-1/R1", Epoch: 2, Step: 0, Attempt: 1}
		s.want(s.do(again), CodeAccepted, "")
		s.want(s.do(again), CodeConflict, "is at attempt 2, not 1")
	})
}

func TestNoDecisionOnARunCountsWithoutAReason(t *testing.T) {
	t.Parallel()
	for _, verb := range Verbs() {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.started()
			if verb != VerbPause && verb != VerbStop && verb != VerbAbort {
				s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepUnknown, Note: "connection reset"})
			}
			before := s.state.Runs[0]
			ans := s.do(Steer{Run: "INC-1/R1", Verb: verb, Reason: " ", By: dbaB})
			if after := s.state.Runs[0]; ans.OK() || after.State != before.State || after.Wish.Verb != "" || after.Steps[0].State != before.Steps[0].State {
				t.Fatalf("%+v, the run is %s", ans, after.State)
			}
			if why := before.Refuses(verb, s.now); why == "" && !strings.Contains(ans.Text, "needs a reason") {
				t.Errorf("%q", ans.Text)
			}
		})
	}
}

func TestWhatBecameOfApprovalsOfAnOldPlanIsSaid(t *testing.T) {
	t.Parallel()
	p := Proposal{ID: "INC-1/P1", Digest: strings.Repeat("a1b2", 16), Votes: []Vote{{Verdict: Approve}, {Verdict: Approve}}}
	if got, want := voided(p, strings.Repeat("c3d4", 16)), "INC-1/P1: 2 approvals were for plan a1b2a1b2a1b2 and do not count for plan c3d4c3d4c3d4"; got != want {
		t.Errorf("%q", got)
	}
	p.Votes = p.Votes[:1]
	if got := voided(p, strings.Repeat("c3d4", 16)); !strings.Contains(got, "1 approval was for plan a1b2a1b2a1b2 and does not count for plan") {
		t.Errorf("%q", got)
	}
}
