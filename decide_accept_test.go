package pointsman

import (
	"math"
	"strings"
	"testing"
	"time"
)

// grown are the facts of a step that is refused because more would be lost than was approved.
func grown(bytes float64) []Fact {
	now := Bound{Name: "lost_bytes", Max: bytes, Text: "loss <= " + Bytes(int64(bytes))}
	return []Fact{
		{Guard: "G1", Kind: Hard, Name: "primary", Value: "gone", Result: Pass},
		{Guard: "G6", Kind: Hard, Name: "lost_bytes", Value: now.Text, Result: Fail, Text: "approved was loss <= 213,792 B, now it is " + now.Text, Excess: Exceeds(now, "loss <= 213,792 B")},
	}
}

// asksNow brings the story to a run that is parked before its point of no return and asks.
func (s *story) asksNow(bytes float64) Run {
	s.t.Helper()
	s.started()
	s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
	return s.refusedFor(1, grown(bytes))
}

func (s *story) refusedFor(epoch int64, facts []Fact) Run {
	s.t.Helper()
	s.do(EndStep{Run: "INC-1/R1", Epoch: epoch, Step: 1, State: StepRefused, Note: "approved was less", Facts: facts})
	r := s.state.Runs[0]
	if r.State != RunParked || r.Steps[1].State != StepRefused {
		s.t.Fatalf("the run is %s: %s", r.State, r.Note)
	}
	return r
}

func (s *story) accepts(by Actor, digest string) Answer {
	s.t.Helper()
	return s.do(Steer{Run: "INC-1/R1", Verb: VerbAccept, Mark: s.state.Runs[0].Mark(), Digest: digest, Reason: "it is the last hour's drafts", By: by, People: crew})
}

// TestWhoHasLeftSinceTheApprovalIsNoneOfTheQuorumThatAccepts: the vote on the plan is hours old by then.
func TestWhoHasLeftSinceTheApprovalIsNoneOfTheQuorumThatAccepts(t *testing.T) {
	t.Parallel()
	for name, today := range map[string]map[string]Person{"gone": {"ben": dbaB.Person}, "without the role": {"ben": dbaB.Person, "ana": {ID: "ana"}}} {
		s := begin(t)
		r := s.asksNow(425_984)
		ans := s.do(Steer{Run: r.ID, Verb: VerbAccept, Mark: r.Mark(), Digest: r.Question.Digest, Reason: "it is the last hour's drafts", By: dbaB, People: today})
		if ans.Code != CodeNotAllowed || !strings.Contains(ans.Text, "with you it has 1 of 2") {
			t.Errorf("ana is %s: %+v", name, ans)
		}
	}
}

func TestAGrownFigureIsAskedInPlaceAndOneMoreApproverAcceptsIt(t *testing.T) {
	t.Parallel()
	s := begin(t)
	q := s.asksNow(425_984).Question
	const says = "it would now be loss <= 425,984 B, approved was loss <= 213,792 B"
	if q == nil || q.Sentence() != says || !strings.HasSuffix(s.state.Runs[0].Note, says) {
		t.Fatalf("asked was %+v, the note is %q", q, s.state.Runs[0].Note)
	}
	if said := s.last(EvRunParked); !strings.Contains(said, says+"; one more approver may accept exactly that until 03:15:00 UTC") {
		t.Errorf("people are told %q", said)
	}
	plan := s.state.Runs[0].Digest
	s.want(s.accepts(dbaA, q.Digest), CodeNotAllowed, "one more approver beside ana: 2 of dba; with you it has 1 of 2") // ana's vote carries the plan already
	s.want(s.accepts(eve, q.Digest), CodeNotAllowed, "none of the roles")
	s.want(s.accepts(Actor{Door: DoorSlack, Ref: "T1/U9"}, q.Digest), CodeNotAllowed, "not a person")
	s.want(s.accepts(dbaB, strings.Repeat("0", 64)), CodeChanged, "you were shown 000000000000")
	s.want(s.accepts(dbaB, ""), CodeChanged, "you were shown none")
	s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAccept, Mark: "2.9", Digest: q.Digest, Reason: "r", By: dbaB}), CodeChanged, "older than the run")
	s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAccept, Mark: "2.1", Digest: q.Digest, By: dbaB}), CodeInvalid, "needs a reason")
	if n := s.count(EvVoteRefused); n != 7 || s.count(EvRunAccepted) != 0 || len(s.state.Runs[0].Granted) != 0 {
		t.Fatalf("%d were told not to count, granted %+v", n, s.state.Runs[0].Granted)
	}
	s.want(s.accepts(dbaB, ShortDigest(q.Digest)), CodeAccepted, "goes on")
	r := s.state.Runs[0]
	if len(r.Granted) != 1 || r.Granted[0].By.Person.ID != "ben" || r.Granted[0].Question != q.Digest || r.Granted[0].Reason != "it is the last hour's drafts" || r.Question != nil || r.Digest != plan || Digest(r.Plan) != plan {
		t.Fatalf("granted %+v, question %+v", r.Granted, r.Question)
	}
	if said := s.last(EvRunAccepted); !strings.Contains(said, says) || !strings.Contains(said, "ben accepts for INC-1/R1, step 2 (promote)") {
		t.Errorf("told is %q", said)
	}
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
	if r = s.state.Runs[0]; r.State != RunRunning || r.Steps[1].Attempt != 2 {
		t.Fatalf("the run is %s, attempt %d", r.State, r.Steps[1].Attempt)
	}
	if b, ok := r.Raised(mustPlan(t, r)).Bound("lost_bytes"); !ok || b.Max != 425_984 {
		t.Fatalf("the limit is %+v", b)
	}
	again := s.refusedFor(2, grown(500_000)).Question // it has grown once more
	if again == nil || again.Digest == q.Digest {
		t.Fatalf("asked again was %+v", again)
	}
	s.want(s.accepts(dbaB, q.Digest), CodeChanged, "look at the card again")
	s.want(s.accepts(dbaB, again.Digest), CodeAccepted, "goes on")
	s.do(WakeRun{Run: "INC-1/R1", Epoch: 3})
	s.do(EndStep{Run: "INC-1/R1", Epoch: 3, Step: 1, State: StepDone})
	if r = s.state.Runs[0]; r.State != RunDone || len(r.Granted) != 2 {
		t.Fatalf("the run is %s with %+v", r.State, r.Granted)
	}
}

func mustPlan(t *testing.T, r Run) Plan {
	t.Helper()
	plan, err := DecodePlan(r.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestWhatNobodyMayAcceptIsNotAsked(t *testing.T) {
	t.Parallel()
	unknown, infinite := grown(1)[1], grown(1)[1]
	unknown.Result = Unknown
	infinite.Excess = Exceeds(Bound{Name: "lost_bytes", Max: math.Inf(1)}, "")
	for name, facts := range map[string][]Fact{
		"a guard that has no override beside it": append(grown(425_984), Fact{Guard: "G1", Kind: Hard, Name: "fence", Value: "open", Result: Fail}),
		"a guard that cannot be told beside it":  append(grown(425_984), Fact{Guard: "G1", Kind: Hard, Name: "fence", Value: "unknown", Result: Unknown}),
		"a figure that is unknown now":           {unknown},
		"a figure that is no number":             {infinite},
		"nothing is said":                        nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.started()
			s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
			if r := s.refusedFor(1, facts); r.Question != nil {
				t.Fatalf("asked is %+v", r.Question)
			}
			s.want(s.accepts(dbaB, strings.Repeat("0", 64)), CodeInvalid, "asks nothing that could be accepted")
		})
	}
}

func TestAQuestionDoesNotOutliveWhatItWasAskedOf(t *testing.T) {
	t.Parallel()
	t.Run("it expires as an approval does, and retry asks anew", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		old := s.asksNow(425_984).Question
		s.now = s.now.Add(15 * time.Minute)
		s.want(s.accepts(dbaB, old.Digest), CodeInvalid, "could be accepted until 03:15:00 UTC and are old now; retry looks anew")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "look again", By: dbaB}), CodeAccepted, "goes on")
		if s.state.Runs[0].Question != nil {
			t.Fatal("a run that goes on asks nothing")
		}
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		q := s.refusedFor(2, grown(425_984)).Question
		s.want(s.accepts(dbaB, old.Digest), CodeChanged, "look at the card again") // the same figure, but another look
		s.want(s.accepts(dbaB, q.Digest), CodeAccepted, "goes on")
	})
	t.Run("the end of the log is lost", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		q := s.asksNow(425_984).Question
		s.do(LoseEnd{Incident: "INC-1", Text: "the log ends earlier than what was announced"})
		s.want(s.accepts(dbaB, q.Digest), CodeInvalid, "asks nothing that could be accepted")
	})
	t.Run("somebody froze everything", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		q := s.asksNow(425_984).Question
		s.state.Protections = append(s.state.Protections, Protection{Target: Everything, Hold: Hold{By: dbaA, Since: s.now, Until: s.now.Add(time.Minute), Reason: "works"}})
		s.want(s.accepts(dbaB, q.Digest), CodeLocked, "may not go on")
	})
}

func TestWhoeverAskedForTheRunAcceptsNothing(t *testing.T) {
	t.Parallel()
	s := begin(t)
	p := s.asked(dbaB)
	s.want(s.do(CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: Approve, By: dbaA}), CodeAccepted, "starts now")
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: engineers})
	s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
	q := s.refusedFor(1, grown(425_984)).Question
	s.want(s.accepts(dbaB, q.Digest), CodeNotAllowed, "asked for this run")
	s.want(s.accepts(rob, q.Digest), CodeAccepted, "goes on")
}

// A plan whose risks one more approver accepted has that place already: either of the two may accept the grown figure.
func TestAPlanWithAnAcceptedRiskHasItsSecondApproverAlready(t *testing.T) {
	t.Parallel()
	figure := 213_792.0
	plan := Plan{Policy: Policy{Require: []Requirement{{2, "dba", ""}}}, Acknowledge: []string{"WAL may be lost"}, Accepted: []string{"G5 loss"}, Figures: map[string]float64{"G5 loss": figure}, Bounds: []Bound{{Name: "lost_bytes", Max: figure}}}
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	more := 425_984.0
	r := Run{ID: "INC-1/R1", Plan: raw, Digest: Digest(raw), ApprovedBy: "ana and ben", Steps: []RunStep{{Name: "promote", State: StepRefused, Attempt: 1}}}
	facts := []Fact{{Kind: Hard, Name: "loss", Result: Fail, Excess: &Excess{Name: "G5 loss", Guard: true, Max: &more, Text: "425,984 B may be lost", Was: "WAL may be lost"}}}
	r.Question = r.asking(facts, night)
	if got := r.Question.Sentence() + "|" + r.Question.Figures(); got != "a risk has grown: 425,984 B may be lost|1 risk" {
		t.Errorf("asked is %q", got)
	}
	votes := []Vote{{Person: dbaA.Person, Verdict: Approve, Digest: r.Digest}, {Person: dbaB.Person, Verdict: Approve, Digest: r.Digest}}
	p := Proposal{Policy: plan.Policy, Digest: r.Digest, Votes: votes}
	for _, by := range []Actor{dbaA, dbaB, rob} {
		if ans, ok := (&turn{}).acceptor(&r, &p, Steer{By: by, People: crew}); !ok {
			t.Errorf("%s: %s", by, ans.Text)
		}
	}
	r.Granted = []Grant{{Plan: r.Digest, Excess: r.Question.Excess}}
	if up := r.Raised(plan); up.Figures["G5 loss"] != more || plan.Figures["G5 loss"] != figure {
		t.Errorf("raised is %v, the plan has %v now", up.Figures, plan.Figures)
	}
	r.Granted[0].Plan = Digest([]byte("another plan"))
	if up := r.Raised(plan); up.Figures["G5 loss"] != figure {
		t.Errorf("a grant for another plan counted: %v", up.Figures)
	}
	r.Granted[0].Plan, r.Granted[0].Step = r.Digest, 1
	if up := r.Raised(plan); up.Figures["G5 loss"] != figure {
		t.Errorf("a grant for a later step counted: %v", up.Figures)
	}
}

func TestFiguresAreSaidInShort(t *testing.T) {
	t.Parallel()
	for want, in := range map[string][]string{
		"loss <= 425,984 B / 10 s":                          {"loss <= 425,984 B", "loss <= 10 s"},
		"loss <= 1 B, sessions to end <= 32":                {"loss <= 1 B", "sessions to end <= 32"},
		"loss <= 1 B and the last loop, rewound <= 1,024 B": {"loss <= 1 B and the last loop", "rewound <= 1,024 B"},
	} {
		if got := figures(in); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
