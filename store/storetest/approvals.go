package storetest

import (
	"fmt"
	"testing"

	"github.com/pointsman/pointsman"
)

func votes(t *testing.T, s *story) {
	p := s.ready("a", 2)
	const voters = 16
	codes := make([]pointsman.Code, voters)
	atOnce(voters, func(i int) {
		codes[i] = s.do(vote(p, person(fmt.Sprintf("p%d", i), "dba"))).Answer.Code
	})
	count := map[pointsman.Code]int{}
	for _, c := range codes {
		count[c]++
	}
	if count[pointsman.CodeCounted] != 1 || count[pointsman.CodeAccepted] != 1 || count[pointsman.CodeDecided] != voters-2 {
		t.Errorf("answers: %v, want one counted, one accepted, the rest decided", count)
	}
	st := s.state("INC-1")
	if len(st.Runs) != 1 || st.Runs[0].State != pointsman.RunQueued {
		t.Errorf("runs: %+v", st.Runs)
	}
	queued := 0
	for _, ev := range s.events("INC-1") {
		if ev.Type == pointsman.EvRunQueued {
			queued++
		}
	}
	if queued != 1 {
		t.Errorf("%d runs were announced", queued)
	}
}

// oneRunPerTarget races two incidents of one target: the reducer cannot see the other's run in time, the database can.
func oneRunPerTarget(t *testing.T, s *story) {
	const rounds = 10
	for round := range rounds {
		name := fmt.Sprintf("db-%d", round)
		var ps [2]pointsman.Proposal
		for i := range ps {
			hook := s.webhook(name, s.alert(fmt.Sprintf("fp-%d", i)))
			hook.Key = fmt.Sprintf("%s/%d", hook.Key, i)
			p := s.do(hook).State.Proposals[0]
			res := s.do(pointsman.Ready{Proposal: p.ID, Generation: 1, Plan: plan(p, true, 1, pointsman.Requirement{Count: 1, Role: "dba"})})
			ps[i], _ = res.State.Proposal(p.ID)
		}
		var answers [2]pointsman.Answer
		atOnce(2, func(i int) { answers[i] = s.do(vote(ps[i], ana)).Answer })
		won := 0
		if answers[1].Code == pointsman.CodeAccepted {
			won = 1
		}
		if answers[won].Code != pointsman.CodeAccepted || answers[1-won].Code != pointsman.CodeLocked {
			t.Fatalf("round %d: %+v", round, answers)
		}
		// The lock lasts until the run is at its end, and then the other may run.
		s.do(pointsman.Steer{Run: answers[won].ID, Verb: pointsman.VerbAbort, Reason: "seen on the console", By: ana})
		if res := s.do(vote(ps[1-won], ana)); res.Answer.Code != pointsman.CodeAccepted {
			t.Fatalf("round %d, after the end of the first: %+v", round, res.Answer)
		}
	}
}

func onceOnly(t *testing.T, s *story) {
	p := s.ready("a", 2)
	click := vote(p, ana)
	click.Once = "envelope-1"
	answers := make([]pointsman.Answer, 8)
	atOnce(len(answers), func(i int) { answers[i] = s.do(click).Answer })
	first := 0
	for _, a := range answers {
		if a.Code == pointsman.CodeCounted {
			first++
		} else if a.Code != pointsman.CodeDuplicate {
			t.Errorf("an answer is %+v", a)
		}
		if a.Text != answers[0].Text || a.ID != answers[0].ID {
			t.Errorf("different answers: %q and %q", a.Text, answers[0].Text)
		}
	}
	if first != 1 {
		t.Errorf("%d of %d clicks counted", first, len(answers))
	}
	stranger := vote(p, person("eve", "intern"))
	stranger.Once = "envelope-2"
	no := s.do(stranger).Answer
	if again := s.do(stranger).Answer; again != no || no.Code != pointsman.CodeNotAllowed {
		t.Errorf("a refusal stays a refusal: %+v, then %+v", no, again)
	}
	// A request that opens an incident is remembered as well, although the incident did not exist yet.
	req := pointsman.Request{Key: "new", Offer: s.webhook("b").Offers[0], By: ana, Once: "envelope-3"}
	atOnce(4, func(int) { s.do(req) })
	if all := must(s.Incidents(t.Context(), false, 10))(t); len(all) != 2 {
		t.Errorf("%d incidents, want 2", len(all))
	}
}
