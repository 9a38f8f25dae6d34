package sim

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/cmd/lab"
	"github.com/pointsman/pointsman/store"
)

// nothing is an action that does nothing, so that only the engine's own work is left.
type nothing struct{}

func (nothing) Kind() string { return "bench.nothing" }
func (nothing) Check(context.Context, actions.Input) (pointsman.Evidence, error) {
	return pointsman.Evidence{}, nil
}

func (nothing) Apply(context.Context, actions.Input) (actions.Outcome, error) {
	return actions.Outcome{}, nil
}

func (nothing) Verify(context.Context, actions.Input) (pointsman.Evidence, error) {
	return pointsman.Evidence{Holds: true}, nil
}
func (nothing) Describe(actions.Input) (string, error) { return "do nothing", nil }

// BenchmarkStep measures what the engine adds to a step: outcome and next intent on record, in one commit. Beside it
// stands one commit of one entry of the log.
func BenchmarkStep(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchStep(b, store.Config{Path: filepath.Join(b.TempDir(), "p.db")})
	})
	b.Run("postgres", func(b *testing.B) { benchStep(b, store.Config{Driver: "postgres", DSN: lab.PostgresDSN(b)}) })
}

func benchStep(b *testing.B, cfg store.Config) {
	ctx := b.Context()
	s, err := store.Open(ctx, cfg, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	}()
	began := time.Now()
	for range b.N {
		if err := s.Note(ctx, pointsman.Event{Type: pointsman.EvServerState, Text: "one entry"}); err != nil {
			b.Fatal(err)
		}
	}
	commit := time.Since(began) / time.Duration(b.N)
	took := runOf(b, s, b.N)
	b.ReportMetric(float64(commit.Microseconds()), "us/commit")
	b.ReportMetric(float64(took.Microseconds()), "us/step")
	b.ReportMetric(float64(took)/float64(commit), "step-ratio")
	b.ReportMetric(0, "ns/op")
}

// stepsAtMost is how long one run is: the run is stored as a whole at each step.
const stepsAtMost = 20

// runOf lets an engine carry out runs with n steps in all and returns how long one took.
func runOf(b *testing.B, s *store.Store, n int) time.Duration {
	b.Helper()
	kinds, err := actions.NewRegistry(nil, nothing{})
	if err != nil {
		b.Fatal(err)
	}
	rb := pointsman.Runbook{Name: "bench", Title: "Do nothing often", Digest: "rb", Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 1, Role: "dba"}}, Expires: time.Hour}}
	for i := range stepsAtMost {
		rb.Steps = append(rb.Steps, pointsman.RunbookStep{Name: fmt.Sprintf("s%d", i), Kind: "bench.nothing", Timeout: time.Minute})
	}
	cat := &catalog{runbook: rb, people: []pointsman.Person{ana, ben}}
	log := slog.New(slog.DiscardHandler)
	resolver := &actions.Resolver{Kinds: kinds, Catalog: cat, CheckTimeout: time.Second, Log: log}
	planner := &actions.Planner{Desk: s, Log: log, Resolver: resolver}
	engine := &actions.Engine{
		Ledger: s, Kinds: kinds, Catalog: cat, Owner: "bench", Lease: 6 * time.Second, Beat: 2 * time.Second, Sweep: time.Second,
		CheckTimeout: time.Second, Grace: time.Second, Log: log,
	}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go func() { _ = planner.Run(ctx) }() // both end with the context, and only then
	go func() { _ = engine.Run(ctx) }()
	var spent time.Duration
	runs := max(1, n/stepsAtMost)
	for i := range runs {
		spent += oneRun(b, s, rb, fmt.Sprintf("bench:%d", i))
	}
	return spent / time.Duration(runs*stepsAtMost)
}

// oneRun asks for the runbook, approves it and waits for its end; the time is that of the steps, as the log says.
func oneRun(b *testing.B, s *store.Store, rb pointsman.Runbook, key string) time.Duration {
	b.Helper()
	ctx := b.Context()
	res, err := s.Do(ctx, pointsman.Request{Key: key, Offer: pointsman.Offer{Runbook: rb.Name, Title: rb.Title}, By: by(ben)})
	if err != nil {
		b.Fatal(err)
	}
	id := res.State.Incident.ID
	st := await(b, s, id, func(st pointsman.State) bool { return st.Proposals[0].State == pointsman.ProposalReady })
	if _, err := s.Do(ctx, pointsman.CastVote{Proposal: st.Proposals[0].ID, Digest: st.Proposals[0].Digest, Verdict: pointsman.Approve, By: by(ana)}); err != nil {
		b.Fatal(err)
	}
	st = await(b, s, id, func(st pointsman.State) bool { return len(st.Runs) > 0 && st.Runs[0].State.Terminal() })
	r := st.Runs[0]
	if r.State != pointsman.RunDone {
		b.Fatalf("%s: %s", r.State, r.Note)
	}
	return r.EndedAt.Sub(r.StartedAt)
}

func await(b *testing.B, s *store.Store, id string, holds func(pointsman.State) bool) pointsman.State {
	b.Helper()
	for {
		changed := s.Changed()
		st, err := s.State(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		if holds(st) {
			return st
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-b.Context().Done():
			b.Fatal("it never came")
		}
	}
}
