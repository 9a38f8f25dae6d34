package actions

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// slowDesk is a store that takes a second for each answer, and counts how many come at once.
type slowDesk struct {
	*ledger
	now, most atomic.Int64
}

func (d *slowDesk) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	d.most.Store(max(d.most.Load(), d.now.Add(1)))
	defer d.now.Add(-1)
	<-time.After(time.Second)
	return d.ledger.Do(ctx, cmd)
}

// A storm over a hundred incidents is checked in their order, not all of it at once, and none is left out.
func TestProposalsOfAStormAreCheckedAFewAtATime(t *testing.T) {
	story(t, func(w *world) {
		const incidents = 100
		for i := range incidents {
			w.do(pointsman.Request{
				Key: fmt.Sprint("yard-", i), By: pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}, Reason: "storm",
				Offer: pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: pointsman.Target{Kind: "yard", Name: "north"}, Params: map[string]string{"yard": "north"}},
			})
		}
		log := slog.New(slog.DiscardHandler)
		desk := &slowDesk{ledger: w.ledger}
		planner := &Planner{Desk: desk, Log: log, Resolver: &Resolver{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Log: log}}
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan struct{})
		go func() { _ = planner.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		checking := func() int {
			synctest.Wait()
			left, _, _ := w.ledger.Checking(ctx, "")
			return len(left)
		}
		<-time.After(1500 * time.Millisecond)
		if n := checking(); n != incidents-checksAtOnce {
			t.Errorf("%d are left after the first ones, want %d", n, incidents-checksAtOnce)
		}
		<-time.After(time.Minute)
		if n := checking(); n > 0 || desk.most.Load() != checksAtOnce {
			t.Errorf("%d are never checked; %d at once, want %d", n, desk.most.Load(), checksAtOnce)
		}
	})
}
