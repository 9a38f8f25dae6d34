package actions

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

// mixed is a store in which a newer version has changed all incidents but the last one; it gives five proposals at once.
type mixed struct {
	*ledger
	own   string
	tried map[string]int
}

func (m *mixed) Checking(_ context.Context, after string) (some []pointsman.Proposal, next string, err error) {
	all, err := m.proposals(pointsman.ProposalChecking)
	slices.SortFunc(all, func(a, b pointsman.Proposal) int { return cmp.Compare(number(a.ID), number(b.ID)) })
	for _, p := range all {
		if number(p.ID) > number(after) && len(some) < 5 {
			some, next = append(some, p), p.ID
		}
	}
	if len(some) < 5 {
		next = ""
	}
	return some, next, err
}

func number(id string) (n int) {
	_, _ = fmt.Sscanf(id, "INC-%d", &n)
	return n
}

func (m *mixed) Do(ctx context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	ready, ok := cmd.(pointsman.Ready)
	if ok && ready.Proposal != m.own {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.tried[ready.Proposal]++
		return pointsman.Result{}, pointsman.Errorf(pointsman.CodeNewer, "written by a newer pointsman")
	}
	return m.ledger.Do(ctx, cmd)
}

// asked says how often each proposal was tried; the planner goes on meanwhile.
func (m *mixed) asked() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.tried)
}

// A hundred proposals that only a newer version may change come before the one that this version can check: it is checked
// within seconds, and the targets of the others are not asked each second to no end.
func TestProposalsOfANewerVersionHideNoOther(t *testing.T) {
	story(t, func(w *world) {
		const incidents = 101
		for i := range incidents {
			w.do(pointsman.Request{
				Key: fmt.Sprint("yard-", i), By: pointsman.Actor{Person: ben, Door: pointsman.DoorCLI}, Reason: "upgrade",
				Offer: pointsman.Offer{Runbook: "switch-track", Title: "Switch the track", Target: pointsman.Target{Kind: "yard", Name: "north"}, Params: map[string]string{"yard": "north"}},
			})
		}
		log := slog.New(slog.DiscardHandler)
		last := fmt.Sprintf("INC-%d", incidents)
		desk := &mixed{ledger: w.ledger, own: last + "/P1", tried: map[string]int{}}
		older := &Planner{Desk: desk, Resolver: &Resolver{Kinds: w.kinds, Catalog: w.cat, CheckTimeout: 3 * time.Second, Log: log}, Log: log}
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan struct{})
		go func() { _ = older.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		<-time.After(forNewer / 2)
		synctest.Wait()
		if p := w.ledger.state(last).Proposals[0]; p.State != pointsman.ProposalReady {
			t.Errorf("%s is %s: %s", p.ID, p.State, p.Problem)
		}
		for id, n := range desk.asked() {
			if n != 1 {
				t.Errorf("%s was checked %d times within %s, want once", id, n, forNewer/2)
			}
		}
		<-time.After(forNewer) // the newer version was taken back
		synctest.Wait()
		if tried := desk.asked(); len(tried) != incidents-1 || tried["INC-1/P1"] != 2 {
			t.Errorf("%d are tried, the first one %d times", len(tried), tried["INC-1/P1"])
		}
	})
}
