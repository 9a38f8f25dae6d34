package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/store"
)

// A freeze and its end are on the card of a run that waits, each once, whichever replica noticed it.
func TestAFreezeIsToldOnceToTheRunsThatWait(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	do := func(cmd pointsman.Command) pointsman.State {
		t.Helper()
		res, err := db.Do(t.Context(), cmd)
		if err != nil || !res.Answer.OK() {
			t.Fatalf("%+v %v", res.Answer, err)
		}
		return res.State
	}
	ana := pointsman.Actor{Person: pointsman.Person{ID: "ana", Name: "Ana Ruiz", Roles: []string{"dba"}}, Door: pointsman.DoorSlack}
	target := pointsman.Target{Kind: "service", Name: "api"}
	do(pointsman.Request{Key: "api", By: ana, Reason: "it hangs", Offer: pointsman.Offer{Runbook: "service-restart", Title: "Restart a service", Target: target}})
	raw, err := pointsman.Plan{
		Version: 1, Runbook: "service-restart", Title: "Restart a service", Incident: "INC-1", Target: target, Lock: true,
		Policy: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, RequesterMayApprove: true, Expires: 15 * time.Minute},
		Steps:  []pointsman.PlanStep{{Name: "restart", Kind: "exec.run", Timeout: time.Second, Summary: "restart api"}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	p := do(pointsman.Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw}).Proposals[0]
	do(pointsman.CastVote{Proposal: p.ID, Digest: p.Digest, Verdict: pointsman.Approve, By: ana})

	registry, err := actions.NewRegistry(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		h := &actions.Holds{Store: db, Warden: &actions.Warden{Records: db, Guards: func() actions.Guards { return actions.Guards{} }, Kinds: registry}, Log: slog.New(slog.DiscardHandler)}
		if err := h.Look(ctx); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- h.Run(ctx) }()
	}
	t.Cleanup(func() { cancel(); <-ended; <-ended })
	told := func(n int) string {
		t.Helper()
		deadline := time.After(time.Minute)
		for {
			changed := db.Changed() // before the look, so that nothing is missed in between
			events, err := db.Events(t.Context(), "INC-1", 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, ev := range events {
				if ev.Type == pointsman.EvRunHeld {
					said = append(said, ev.Text)
				}
			}
			if len(said) >= n {
				return strings.Join(said, "; ")
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("said %q, want %d", said, n)
			}
		}
	}
	freeze := pointsman.Protect{Verb: pointsman.Freeze, Reason: "the network is rebuilt", Roles: []string{"dba"}, By: ana}
	do(freeze)
	if got := told(1); !strings.HasPrefix(got, "INC-1/R1: everything is frozen by Ana Ruiz since ") {
		t.Errorf("said %q", got)
	}
	freeze.Verb = pointsman.Unfreeze
	do(freeze)
	if got := told(2); !strings.HasSuffix(got, "; INC-1/R1: the freeze is over") || strings.Count(got, "INC-1/R1") != 2 {
		t.Errorf("said %q", got)
	}
}
