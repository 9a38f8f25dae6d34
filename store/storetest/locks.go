package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
)

// protect is a word of somebody who may.
func protect(verb pointsman.Protective, name string, by pointsman.Actor) pointsman.Protect {
	c := pointsman.Protect{Verb: verb, Reason: "vacuum full", Roles: []string{"dba"}, By: by}
	if name != "" {
		c.Target = target(name)
	}
	return c
}

func (s *story) protection(name string) pointsman.Protection {
	s.tb.Helper()
	key := ""
	if name != "" {
		key = target(name).Key()
	}
	return must(s.Held(s.tb.Context()))(s.tb).Of(key)
}

// locksAndRuns races a person's lock against the completing vote, fifty clicks at once: exactly one of the two gets the
// target, and whoever loses is told by whom.
func locksAndRuns(t *testing.T, s *story) {
	const rounds, clicks = 6, 50
	runs := 0
	for round := range rounds {
		name := fmt.Sprintf("db-%d", round)
		p := s.ready(name, 1)
		var mu sync.Mutex
		var locked, queued, refused int
		atOnce(clicks, func(i int) {
			var ans pointsman.Answer
			who := person(fmt.Sprintf("p%d", i), "dba")
			if i%2 == round%2 {
				ans = s.do(protect(pointsman.Lockout, name, who)).Answer
			} else {
				ans = s.do(vote(p, who)).Answer
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case ans.Code == pointsman.CodeAccepted && ans.ID == target(name).Key():
				locked++
			case ans.Code == pointsman.CodeAccepted:
				queued++
			case ans.Code == pointsman.CodeLocked || ans.Code == pointsman.CodeDecided:
				refused++
			default:
				t.Errorf("round %d: %+v", round, ans)
			}
		})
		if locked+queued != 1 || refused != clicks-1 {
			t.Fatalf("round %d: %d locks and %d runs, %d refused, want one of the first two", round, locked, queued, refused)
		}
		runs += queued
		if held := must(s.Held(t.Context()))(t); (len(held.Runs) != runs) || s.protection(name).Hold.Lasts(s.now.now()) != (locked == 1) {
			t.Errorf("round %d: %d runs hold, want %d; %+v", round, len(held.Runs), runs, s.protection(name))
		}
		if got := s.protection(name).Token; got != 1 {
			t.Errorf("round %d: token %d after one lock", round, got)
		}
	}
}

// freezeAndSteps freezes while runs go from step to step: in the log no intent lies behind the freeze.
func freezeAndSteps(t *testing.T, s *story) {
	const runs = 8
	var claims [runs]pointsman.Claim
	for i := range claims {
		claims[i] = s.running(fmt.Sprintf("db-%d", i), "w")
	}
	late := s.ready("late", 1)
	atOnce(runs+2, func(i int) {
		switch {
		case i < runs:
			c := claims[i]
			s.do(pointsman.EndStep{Run: c.Run.ID, Epoch: c.Epoch, Step: 0, State: pointsman.StepDone})
		case i == runs:
			s.do(protect(pointsman.Freeze, "", ana))
		default:
			s.do(vote(late, ben))
		}
	})
	frozen, parked := false, 0
	for _, ev := range s.events("") {
		switch ev.Type {
		case pointsman.EvFreezeOn:
			frozen = true
		case pointsman.EvStepStarted, pointsman.EvRunStarted, pointsman.EvRunQueued:
			if frozen {
				t.Errorf("%s of %s at %d, behind the freeze", ev.Type, ev.Run, ev.Seq)
			}
		case pointsman.EvRunParked:
			parked++
		}
	}
	if !frozen {
		t.Fatal("nothing was frozen")
	}
	t.Logf("%d of %d runs were caught between their steps", parked, runs)
	s.do(vote(late, ben)) // whoever was first, it may not begin now
	if c, ok, err := s.ClaimRun(t.Context(), "w", lease); err != nil {
		t.Fatal(err)
	} else if ok && c.Run.State == pointsman.RunQueued {
		ans := s.do(pointsman.StartRun{Run: c.Run.ID, Epoch: c.Epoch, People: people()}).Answer
		if ans.Code != pointsman.CodeChanged || !strings.Contains(ans.Text, "everything is frozen by ana since 2026-11-21 03:00 UTC: vacuum full") {
			t.Errorf("a queued run under the freeze: %+v", ans)
		}
	}
	if ans := s.do(protect(pointsman.Unfreeze, "", ben)).Answer; !ans.OK() {
		t.Errorf("unfreeze: %+v", ans)
	}
}

// tokens rise with every lock, whoever takes it, and an older one ends nothing.
func tokens(t *testing.T, s *story) {
	first := s.do(protect(pointsman.Lockout, "a", ana))
	if again := s.do(protect(pointsman.Lockout, "a", ben)).Answer; again.Code != pointsman.CodeLocked || !strings.Contains(again.Text, "postgres/a is locked by ana since") {
		t.Errorf("a second lock: %+v", again)
	}
	s.do(protect(pointsman.Unlock, "a", ana))
	run := s.queued("a")
	if ans := s.do(protect(pointsman.Lockout, "a", ben)).Answer; ans.Code != pointsman.CodeLocked || !strings.Contains(ans.Text, run.ID) {
		t.Errorf("a lock beside a run: %+v", ans)
	}
	s.do(pointsman.Steer{Run: run.ID, Verb: pointsman.VerbAbort, Reason: "seen on the console", By: ana})
	timed := protect(pointsman.Lockout, "a", ben)
	timed.For = time.Hour
	s.do(timed)
	if got := s.protection("a"); got.Token != 3 || run.Token != 2 || first.State.Protections[0].Token != 1 {
		t.Errorf("tokens: %d, %d, %d, want 1, 2, 3", first.State.Protections[0].Token, run.Token, got.Token)
	}
	old := protect(pointsman.Unlock, "a", ana)
	old.Token = 1
	if ans := s.do(old).Answer; ans.Code != pointsman.CodeConflict {
		t.Errorf("unlocked with an old token: %+v", ans)
	}
	s.now.pass(time.Hour)
	if s.protection("a").Hold.Lasts(s.now.now()) {
		t.Error("the lock lasts beyond its end")
	}
	lines := ""
	for _, ev := range s.events("") {
		if ev.Type == pointsman.EvTargetLocked || ev.Type == pointsman.EvTargetUnlocked || ev.Type == pointsman.EvProtectRefused {
			lines += fmt.Sprintf("%s by %s of %s in %q\n", ev.Type, ev.Actor, ev.Target, ev.Incident)
		}
	}
	want := "target.locked by ana of postgres/a in \"\"\nprotect.refused by ben of postgres/a in \"\"\ntarget.unlocked by ana of postgres/a in \"\"\n" +
		"protect.refused by ben of postgres/a in \"\"\ntarget.locked by ben of postgres/a in \"\"\nprotect.refused by ana of postgres/a in \"\"\n"
	if lines != want {
		t.Errorf("the log says\n%s\nwant\n%s", lines, want)
	}
}

// undecided: ready and refused proposals of open incidents, and no others, are what a lock or its end may change.
func undecided(t *testing.T, s *story) {
	ids := func() (out []string) {
		for _, p := range must(s.Undecided(t.Context()))(t) {
			out = append(out, p.ID+" "+string(p.State))
		}
		return out
	}
	first, second := s.ready("orders", 1), s.ready("billing", 1)
	third := s.do(s.webhook("users", s.alert("fp-users"))).State.Proposals[0]
	if diff := cmp.Diff([]string{first.ID + " ready", second.ID + " ready"}, ids()); diff != "" {
		t.Error(diff)
	}
	s.do(pointsman.Ready{Proposal: third.ID, Generation: 1, Problem: "no plan"})
	s.do(vote(second, ana))
	if diff := cmp.Diff([]string{first.ID + " ready", third.ID + " refused"}, ids()); diff != "" {
		t.Error(diff)
	}
	over := s.webhook("orders", s.alert("fp-orders"))
	// Its end is left out, as by a sender of another kind: it was over by now.
	over.Alerts[0].Status, over.Alerts[0].StartsAt = pointsman.AlertResolved, s.state("INC-1").Alerts[0].StartsAt
	s.do(over)
	if diff := cmp.Diff([]string{third.ID + " refused"}, ids()); diff != "" {
		t.Error(diff)
	}
}
