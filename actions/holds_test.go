package actions

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// needsTwo lets one approval be not enough.
func (w *world) needsTwo() {
	w.cat.people = append(w.cat.people, pointsman.Person{ID: "cai", Name: "Cai", Roles: []string{"dba"}})
	w.cat.runbook.Approval = pointsman.Policy{Require: []pointsman.Requirement{{Count: 2, Role: "dba"}}, Expires: 3 * time.Hour}
}

// watchHolds works like one replica until the returned function is called.
func (w *world) watchHolds() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	h := &Holds{Store: w.ledger, Warden: w.warden(), Log: slog.New(slog.DiscardHandler)}
	done := make(chan struct{})
	go func() { _ = h.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

// standing is the proposal after everybody had time to look.
func (w *world) standing() pointsman.Proposal {
	time.Sleep(2 * time.Second)
	synctest.Wait()
	return w.ledger.state("INC-1").Proposals[0]
}

// A refusal that nobody remembers to ask about again is worse than the lock was.
func TestAProposalIsLookedAtAgainWhenWhatHoldsItBackBeginsOrEnds(t *testing.T) {
	story(t, func(w *world) {
		w.needsTwo()
		defer w.work("a")()
		defer w.watchHolds()()
		defer w.watchHolds()() // another replica
		w.approve(w.propose())
		ready := w.standing()
		if ready.State != pointsman.ProposalReady || ready.Generation != 1 || len(ready.Approvers()) != 1 {
			t.Fatalf("it is %s, generation %d, with %v", ready.State, ready.Generation, ready.Approvers())
		}

		w.protect(pointsman.Lockout, north, time.Hour)
		if p := w.standing(); p.State != pointsman.ProposalRefused || !strings.Contains(guarded(p.Facts), "G7 HARD: yard/north is locked by Ana") {
			t.Fatalf("under the lock it is %s: %v", p.State, p.Facts)
		}
		w.protect(pointsman.Freeze, pointsman.Target{}, 0)
		if p := w.standing(); !strings.Contains(guarded(p.Facts), "G23 HARD: everything is frozen by Ana") {
			t.Fatalf("under the freeze: %v", p.Facts)
		}
		w.protect(pointsman.Unfreeze, pointsman.Target{}, 0)
		if p := w.standing(); p.State != pointsman.ProposalRefused || strings.Contains(guarded(p.Facts), "frozen") {
			t.Fatalf("after the freeze it is %s: %v", p.State, p.Facts)
		}
		time.Sleep(time.Hour) // the lock ends by itself
		p := w.standing()
		if p.State != pointsman.ProposalReady || p.Digest != ready.Digest {
			t.Fatalf("after the lock it is %s, plan %s: %v", p.State, p.Digest, p.Facts)
		}
		if p.Generation != 5 { // once for each change, whoever noticed it
			t.Errorf("it was looked at %d times, want 5", p.Generation)
		}
	})
}

// besideNewer is a store in which another incident carries what only a newer version understands.
type besideNewer struct{ *ledger }

func (s besideNewer) Undecided(ctx context.Context) ([]pointsman.Proposal, error) {
	list, err := s.ledger.Undecided(ctx)
	if len(list) > 0 {
		other := list[0]
		other.ID = "INC-0/P1"
		list = append([]pointsman.Proposal{other}, list...)
	}
	return list, err
}

func (s besideNewer) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	if c, ok := cmd.(pointsman.Relook); ok && c.Proposal == "INC-0/P1" {
		return pointsman.Result{}, &pointsman.Error{Code: pointsman.CodeNewer, Msg: "only a newer version may change it"}
	}
	return s.ledger.Do(ctx, cmd)
}

func TestWhatANewerVersionLooksAtKeepsNoOtherCardBack(t *testing.T) {
	story(t, func(w *world) {
		w.needsTwo()
		defer w.work("a")()
		w.approve(w.propose())
		w.standing()
		h := &Holds{Store: besideNewer{w.ledger}, Warden: w.warden(), Log: slog.New(slog.DiscardHandler)}
		if err := h.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.protect(pointsman.Lockout, north, time.Hour)
		if err := h.Look(t.Context()); err != nil {
			t.Errorf("the look ends at it: %v", err)
		}
		if p := w.standing(); p.State != pointsman.ProposalRefused {
			t.Errorf("under the lock it is %s", p.State)
		}
	})
}

// What was given for the same plan counts again after a short lock.
func TestAVoteOutlivesALock(t *testing.T) {
	story(t, func(w *world) {
		w.needsTwo()
		defer w.work("a")()
		defer w.watchHolds()()
		w.approve(w.propose())
		w.protect(pointsman.Lockout, north, time.Minute)
		if p := w.standing(); p.State != pointsman.ProposalRefused {
			t.Fatalf("under the lock it is %s", p.State)
		}
		time.Sleep(time.Minute)
		if p := w.standing(); p.State != pointsman.ProposalReady || len(p.Approvers()) != 1 {
			t.Fatalf("after the lock it is %s with %v", p.State, p.Approvers())
		}
	})
}

// Planned work waits for its window by itself.
func TestAProposalIsLookedAtAgainWhenItsWindowOpens(t *testing.T) {
	story(t, func(w *world) { // it is Saturday, 00:00
		w.guards.Targets = []TargetGuards{{Target: "yard/north", OnlyWithin: []Window{{Name: "early", From: "01:00", To: "02:00"}}}}
		defer w.work("a")()
		defer w.watchHolds()()
		p := w.propose()
		if p.State != pointsman.ProposalRefused {
			t.Fatalf("outside of its window it is %s", p.State)
		}
		if p := w.standing(); p.Generation != 1 {
			t.Fatalf("nothing has changed, and it was looked at again: generation %d", p.Generation)
		}
		time.Sleep(time.Hour)
		if p := w.standing(); p.State != pointsman.ProposalReady || p.Generation != 2 {
			t.Fatalf("in its window it is %s, generation %d: %v", p.State, p.Generation, p.Facts)
		}
	})
}

// The guards of a target's own checks are not ours: a cluster that is paused would be asked again each minute.
func TestAFactOfTheTargetIsNoHold(t *testing.T) {
	t.Parallel()
	facts := []pointsman.Fact{
		{Guard: "G23", Kind: pointsman.Hard, Name: "maintenance mode", Result: pointsman.Fail, Source: "/cluster of pg-1"},
		{Guard: "G7", Kind: pointsman.Hard, Name: "lock of yard/north", Value: "held by Ana", Result: pointsman.Fail, Source: sourceLocks},
	}
	if got := refusing(facts); len(got) != 1 || got[0] != "G7 lock of yard/north held by Ana" {
		t.Errorf("holds are %q", got)
	}
}
