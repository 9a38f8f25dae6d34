package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/postgres/probe"
	"github.com/pointsman/pointsman/cmd/lab"
)

const token = "probe-token-of-the-test"

// world is a real pair with a probe as the second vantage point.
type world struct {
	pair    *lab.Pair
	cluster postgres.Cluster
	*postgres.Clusters
}

func newWorld(t testing.TB, options lab.PairOptions, change ...func(*postgres.Cluster)) *world {
	t.Helper()
	return newWorldOf(t, options, func(*lab.Pair) {}, change...)
}

// newWorldOf lets the caller start what stands beside the pair before the configuration is made.
func newWorldOf(t testing.TB, options lab.PairOptions, beside func(*lab.Pair), change ...func(*postgres.Cluster)) *world {
	t.Helper()
	w := &world{pair: lab.NewPair(t, options)}
	beside(w.pair)
	w.cluster = clusterOf(w.pair)
	far := postgres.New(postgres.Config{w.cluster}, nil)
	server := httptest.NewServer(probe.Handler(far, func() (string, error) { return token, nil }))
	t.Cleanup(server.Close)
	w.cluster.Probes = []postgres.Probe{{Name: "probe-b", URL: server.URL, Token: token}}
	for _, f := range change {
		f(&w.cluster)
	}
	if faults := (postgres.Config{w.cluster}).Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	w.Clusters = postgres.New(postgres.Config{w.cluster}, nil)
	return w
}

func clusterOf(pair *lab.Pair) postgres.Cluster {
	c := postgres.Cluster{
		Name: "orders", Environment: "test", Database: lab.AppDatabase,
		Clients:     postgres.Clients{Address: postgres.Address{DSN: pair.ClientDSN(lab.Pointsman)}},
		SampleEvery: 200 * time.Millisecond,
		Fence:       postgres.Fence{Command: []string{"true", "{node}"}},
	}
	for _, n := range pair.Nodes() {
		c.Nodes = append(c.Nodes, postgres.Node{Name: n.Name, Address: postgres.Address{DSN: n.PointsmanDSN()}})
	}
	return c
}

// sampled runs the sampler until it has seen the primary with a heartbeat that the standby has.
func (w *world) sampled(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	sampler := postgres.Sampler{Clusters: w.Clusters}
	go func() {
		defer close(done)
		_ = sampler.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	await(t, func(context.Context) error {
		if last := sampler.Last("orders"); last.Beat.IsZero() || last.Rate < 0 {
			return fmt.Errorf("sample %+v has no heartbeat", last)
		}
		return nil
	})
	return w
}

func await(t testing.TB, fact func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := lab.Await(ctx, fact); err != nil {
		t.Fatal(err)
	}
}

func (w *world) kind(t testing.TB, kind string) actions.Action {
	t.Helper()
	for _, a := range w.Kinds() {
		if a.Kind() == kind {
			return a
		}
	}
	t.Fatalf("no kind %s", kind)
	return nil
}

func input(with string) actions.Input {
	return actions.Input{
		Phase: actions.Start, Key: "INC-1/R1/1", Incident: "INC-1",
		Target: pointsman.Target{Kind: "postgres", Name: "orders"}, With: json.RawMessage(with),
	}
}

const (
	checkArgs   = `{"cluster":"orders","want":"failover"}`
	promoteArgs = `{"cluster":"orders","candidate":"pg-2"}`
	fenceArgs   = `{"cluster":"orders","node":"pg-1"}`
)

func (w *world) check(t testing.TB, kind, with string) pointsman.Evidence {
	t.Helper()
	ev, err := w.kind(t, kind).Check(t.Context(), input(with))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func mustStand(t testing.TB, ev pointsman.Evidence) {
	t.Helper()
	for _, f := range pointsman.Refusals(ev.Facts) {
		t.Errorf("refused: %s: %s", f.Key(), f.Sentence())
	}
}

// step applies a kind and polls its Verify as the engine does.
func (w *world) step(t testing.TB, kind, with string) (actions.Outcome, pointsman.Evidence) {
	t.Helper()
	return w.stepIn(t, kind, input(with))
}

func (w *world) stepIn(t testing.TB, kind string, in actions.Input) (actions.Outcome, pointsman.Evidence) {
	t.Helper()
	a := w.kind(t, kind)
	in.Applied = time.Now()
	out, err := a.Apply(t.Context(), in)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	in.Memo = out.Memo
	var ev pointsman.Evidence
	await(t, func(ctx context.Context) error {
		var err error
		if ev, err = a.Verify(ctx, in); err == nil && !ev.Holds {
			err = fmt.Errorf("%s does not hold: %+v", kind, ev.Facts)
		}
		return err
	})
	return out, ev
}
