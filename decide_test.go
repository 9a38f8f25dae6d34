package pointsman

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	t.Run("the same alert many times is one incident and one proposal", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		for range 5 {
			s.do(webhook(primaryDown("f1", night, AlertFiring), primaryDown("f1", night, AlertFiring)))
		}
		if s.count(EvIncidentOpened) != 1 || s.count(EvAlertFiring) != 1 || s.count(EvProposalRequested) != 1 || s.state.Incident.Firing != 1 {
			t.Fatalf("%+v", s.log)
		}
	})
	t.Run("it resolves when the last alert does and takes pending votes away", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(1)
		s.do(webhook(primaryDown("f2", night, AlertFiring)))
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		if s.state.Incident.State != IncidentOpen {
			t.Fatal("one alert still fires")
		}
		s.now = night.Add(6 * time.Minute)
		s.do(webhook(primaryDown("f2", night, AlertResolved)))
		if s.state.Incident.State != IncidentResolved || s.state.Proposals[0].State != ProposalWithdrawn {
			t.Fatalf("%s %s", s.state.Incident.State, s.state.Proposals[0].State)
		}
		last := s.log[len(s.log)-1].Text
		if !strings.Contains(last, "INC-1 resolved after 6m") || !strings.Contains(last, "alert to proposal") {
			t.Fatal(last)
		}
	})
	t.Run("a resolved firing does not burn again, a new one reopens", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.want(s.do(webhook(primaryDown("f1", night, AlertFiring))), CodeDuplicate, "known already")
		s.now = night.Add(10 * time.Minute)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if s.state.Incident.State != IncidentOpen || s.state.Incident.Reopened != 1 || len(s.state.Proposals) != 2 {
			t.Fatalf("%+v", s.state.Incident)
		}
	})
	t.Run("the end of something never seen opens nothing", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(webhook(primaryDown("f1", night, AlertResolved))), CodeDuplicate, "nothing fires")
		if len(s.log) != 0 || s.state.Incident.State != "" {
			t.Fatal("something was opened")
		}
	})
	t.Run("a person closes what will never be reported as over, with a reason, and a new firing opens it again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring), primaryDown("f2", night, AlertFiring)))
		s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaA}), CodeInvalid, "give a reason")
		s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaA, Reason: "silenced, a test of the rules"}), CodeAccepted, "closed")
		if i := s.state.Incident; i.State != IncidentResolved || i.Firing != 0 {
			t.Fatalf("%+v", i)
		}
		s.want(s.do(webhook(primaryDown("f1", night, AlertFiring), primaryDown("f2", night, AlertResolved))), CodeDuplicate, "known already")
		s.now = night.Add(time.Minute)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		if i := s.state.Incident; i.State != IncidentOpen || i.Firing != 1 {
			t.Fatalf("%+v", i)
		}
	})
	t.Run("a label that selects no target is said at once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		w := webhook(primaryDown("f1", night, AlertFiring))
		w.Offers[0].Problem = `label cluster="x" selects no target`
		s.do(w)
		if p := s.state.Proposals[0]; p.State != ProposalRefused {
			t.Fatal(p.State)
		}
		s.want(s.cast(dbaA, Approve, strings.Repeat("0", 12)), CodeNotAllowed, "selects no target")
	})
}

func TestVotes(t *testing.T) {
	t.Parallel()
	t.Run("one of one approves and queues the run in the same turn", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.want(s.cast(dbaA, Approve, ShortDigest(p.Digest)), CodeAccepted, "approved (1 of 1)")
		if r := s.state.Runs[0]; r.State != RunQueued || r.Digest != p.Digest || !r.Holds {
			t.Fatalf("%+v", r)
		}
		s.want(s.cast(dbaB, Approve, p.Digest), CodeDecided, "already approved by ana")
	})
	t.Run("two of two need two people", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.want(s.cast(dbaA, Approve, p.Digest), CodeCounted, "1 of 2")
		s.want(s.cast(dbaA, Approve, p.Digest), CodeDuplicate, "1 of 2")
		if len(s.state.Runs) != 0 {
			t.Fatal("one person counted twice")
		}
		s.want(s.cast(dbaB, Approve, p.Digest), CodeAccepted, "2 of 2")
	})
	t.Run("a denial wins and is final", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.cast(dbaA, Approve, p.Digest)
		s.want(s.cast(dbaB, Deny, p.Digest), CodeAccepted, "nothing will run")
		s.want(s.cast(dbaA, Approve, p.Digest), CodeDecided, "already denied by ben")
	})
	for name, tc := range map[string]struct {
		by     Actor
		digest string
		after  time.Duration
		code   Code
		says   string
	}{
		"somebody without the role":         {eve, "", 0, CodeNotAllowed, "none of the roles"},
		"an account nobody configured":      {Actor{Ref: "T1/U9", Door: DoorSlack}, "", 0, CodeNotAllowed, "not a person"},
		"after the expiry":                  {dbaA, "", 16 * time.Minute, CodeExpired, "not a denial"},
		"on an old card":                    {dbaA, strings.Repeat("a", 64), 0, CodeChanged, "read the card again"},
		"with too few digits of the digest": {dbaA, "a", 0, CodeChanged, "read the card again"},
	} {
		t.Run("refused and audited: "+name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			p := s.ready(1)
			if tc.digest == "" {
				tc.digest = p.Digest
			}
			s.now = s.now.Add(tc.after)
			s.want(s.cast(tc.by, Approve, tc.digest), tc.code, tc.says)
			if len(s.state.Runs) != 0 || s.count(EvVoteRefused) != 1 {
				t.Fatalf("runs %d, refusals in the log %d", len(s.state.Runs), s.count(EvVoteRefused))
			}
		})
	}
	t.Run("the requester may not approve but may take it back", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(Request{Key: "target:postgres/orders", By: dbaA, Offer: webhook().Offers[0], Reason: "planned"})
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(t, 1, "pg-2")})
		d := s.state.Proposals[0].Digest
		s.want(s.cast(dbaA, Approve, d), CodeNotAllowed, "ana asked for this run")
		s.want(s.cast(dbaA, Deny, d), CodeAccepted, "nothing will run")
		if s.state.Incident.State != IncidentResolved {
			t.Fatal("an incident of one denied request is over")
		}
	})
	t.Run("another run holds the target", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.state.Locks = []Lock{{Target: orders.Key(), Incident: "INC-9", Run: "INC-9/R1"}}
		s.want(s.cast(dbaA, Approve, p.Digest), CodeLocked, "postgres/orders is held by INC-9/R1")
	})
	t.Run("a kill switch does not wait for the run that holds its target", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		offer := webhook().Offers[0]
		s.do(Request{Key: "target:postgres/orders", By: dbaA, Offer: offer})
		free, err := DecodePlan(planBytes(t, 1, "pg-2"))
		if err != nil {
			t.Fatal(err)
		}
		free.Lock, free.Policy.RequesterMayApprove = false, true
		raw, err := free.Encode()
		if err != nil {
			t.Fatal(err)
		}
		s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
		s.state.Locks = []Lock{{Target: orders.Key(), Incident: "INC-9", Run: "INC-9/R1"}}
		s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "approved")
		if s.state.Runs[0].Holds {
			t.Fatal("it must not hold the lock either")
		}
	})
	t.Run("a changed plan takes the votes away and says what is different", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.cast(dbaA, Approve, p.Digest)
		s.do(Recheck{Proposal: p.ID, By: dbaA})
		s.do(Ready{Proposal: p.ID, Generation: 2, Plan: planBytes(t, 2, "pg-3")})
		got := s.state.Proposals[0]
		if len(got.Votes) != 0 || !cmp.Equal(got.Changed[0], "candidate: pg-2 -> pg-3") || s.count(EvVotesVoided) != 1 {
			t.Fatalf("%v %v", got.Votes, got.Changed)
		}
		s.want(s.cast(dbaB, Approve, p.Digest), CodeChanged, "you were shown")
	})
	t.Run("fresh checks with the same plan keep the votes", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		s.cast(dbaA, Approve, p.Digest)
		s.do(Recheck{Proposal: p.ID, By: dbaA})
		s.want(s.do(Ready{Proposal: p.ID, Generation: 1, Plan: planBytes(t, 2, "pg-3")}), CodeDuplicate, "not waiting")
		s.do(Ready{Proposal: p.ID, Generation: 2, Plan: planBytes(t, 2, "pg-2")})
		s.want(s.cast(dbaB, Approve, p.Digest), CodeAccepted, "2 of 2")
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	t.Run("updates come on time, also after a long sleep, and once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.ready(1)
		s.now = night.Add(35 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		s.do(Tick{Incident: "INC-1"})
		if s.count(EvIncidentUpdate) != 1 || !s.state.Incident.NextUpdate.Equal(night.Add(40*time.Minute)) {
			t.Fatalf("%d updates, next %s", s.count(EvIncidentUpdate), s.state.Incident.NextUpdate)
		}
	})
	t.Run("nobody decides: paged once, acknowledged by the decision, resolved with the incident", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(2)
		if due := s.state.Due(); !due.Equal(night.Add(5 * time.Minute)) {
			t.Fatal(due)
		}
		s.now = night.Add(5 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		s.do(Tick{Incident: "INC-1"})
		s.cast(dbaA, Deny, p.Digest)
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		if s.count(EvPageTriggered) != 1 || s.count(EvPageAcknowledged) != 1 || s.count(EvPageResolved) != 1 {
			t.Fatalf("%d %d %d", s.count(EvPageTriggered), s.count(EvPageAcknowledged), s.count(EvPageResolved))
		}
	})
	t.Run("an expired proposal may be asked again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.now = night.Add(15 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		if s.state.Proposals[0].State != ProposalExpired {
			t.Fatal(s.state.Proposals[0].State)
		}
		s.do(Recheck{Proposal: p.ID, By: dbaA})
		s.do(Ready{Proposal: p.ID, Generation: 2, Plan: planBytes(t, 1, "pg-2")})
		s.want(s.cast(dbaA, Approve, p.Digest), CodeAccepted, "approved")
	})
}

func TestRuns(t *testing.T) {
	t.Parallel()
	approved := func(t *testing.T) *story {
		t.Helper()
		s := begin(t)
		p := s.ready(1)
		s.cast(dbaA, Approve, p.Digest)
		return s
	}
	people := map[string]Person{"ana": dbaA.Person}
	t.Run("step by step to the end, and the incident ends with its alerts", func(t *testing.T) {
		t.Parallel()
		s := approved(t)
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: people}), CodeAccepted, "started")
		s.want(s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone}), CodeAccepted, "step 2 of 2")
		s.want(s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone}), CodeConflict, "not at work")
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 1, State: StepDone})
		if s.state.Runs[0].State != RunDone || s.state.Incident.State != IncidentOpen {
			t.Fatalf("%s %s", s.state.Runs[0].State, s.state.Incident.State)
		}
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		if s.state.Incident.State != IncidentResolved {
			t.Fatal("not resolved")
		}
	})
	t.Run("an approver who lost the role voids the approval", func(t *testing.T) {
		t.Parallel()
		s := approved(t)
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": person("ana")}}), CodeChanged, "still stand")
		if s.state.Proposals[0].State != ProposalChecking || s.state.Runs[0].State != RunVoided {
			t.Fatal("the proposal must be asked again")
		}
	})
	t.Run("alerts that end before the point of no return ask a person", func(t *testing.T) {
		t.Parallel()
		s := approved(t)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: people})
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		if s.state.Incident.State != IncidentOpen {
			t.Fatal("an incident must not end while a run is open")
		}
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		if s.state.Runs[0].State != RunParked {
			t.Fatal(s.state.Runs[0].State)
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: eve}), CodeNotAllowed, "none of the roles")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "seen on the console", By: dbaB}), CodeAccepted, "aborted")
		if s.state.Incident.State != IncidentResolved {
			t.Fatal("nothing is left to do")
		}
	})
	t.Run("a stale epoch changes nothing", func(t *testing.T) {
		t.Parallel()
		s := approved(t)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 7, People: people})
		s.want(s.do(EndStep{Run: "INC-1/R1", Epoch: 6, Step: 0, State: StepDone}), CodeConflict, "epoch")
	})
	t.Run("a parked step is retried as its own recorded attempt", func(t *testing.T) {
		t.Parallel()
		s := approved(t)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: people})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepFailed, Note: "hook failed"})
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if st := s.state.Runs[0].Steps[0]; st.State != StepStarted || st.Attempt != 2 {
			t.Fatalf("%+v", st)
		}
	})
}
