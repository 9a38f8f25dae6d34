package actions

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pointsman/pointsman"
)

// A person's word was taken by a replica of a newer version, and the run now carries what only that one understands.
// Whoever drives it must not keep the lease and try for ever: the newer one takes over.
func TestARunThatANewerVersionHasChangedIsLetGo(t *testing.T) {
	story(t, func(w *world) {
		defer w.work("a")()
		w.cutOff(pointsman.Errorf(pointsman.CodeNewer, "written by a newer pointsman"), 30*time.Second)
		// From now on this engine is the newer version: it could understand it.
		<-time.After(8 * time.Second)
		synctest.Wait()
		if n := w.ledger.count(pointsman.EvRunTaken); n != 1 {
			t.Errorf("the run was taken over %d times, want 1: it was held on to", n)
		}
	})
}

// Replicas may be started with different configurations, during an upgrade: the first answer counts, and it must not be
// that there is no such runbook while another one has it.
func TestAProposalOfAnUnknownRunbookIsLeftToTheOtherReplicas(t *testing.T) {
	story(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		log := slog.New(slog.DiscardHandler)
		older := &Planner{Desk: w.ledger, Resolver: &Resolver{Kinds: w.kinds, Catalog: &catalog{}, CheckTimeout: 3 * time.Second, Log: log}, Log: log, Others: 5 * time.Second}
		done := make(chan struct{})
		go func() { _ = older.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		w.propose()
		<-time.After(4 * time.Second)
		stop := w.work("newer")
		synctest.Wait()
		if p := w.ledger.state("INC-1").Proposals[0]; p.State != pointsman.ProposalReady {
			t.Errorf("the proposal is %s: %s", p.State, p.Problem)
		}
		stop()
		w.do(pointsman.Recheck{Proposal: "INC-1/P1", By: pointsman.Actor{Person: ana, Door: pointsman.DoorSlack}})
		<-time.After(10 * time.Second)
		synctest.Wait()
		if p := w.ledger.state("INC-1").Proposals[0]; p.Problem != "runbook switch-track is not in the configuration any more" {
			t.Errorf("nobody has the runbook, and the proposal is %s: %s", p.State, p.Problem)
		}
	})
}
