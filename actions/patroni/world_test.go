package patroni_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/patroni"
	"github.com/pointsman/pointsman/cmd/lab"
)

// world is a real cluster with the kinds that act on it.
type world struct {
	lab      *lab.Patroni
	clusters *patroni.Clusters
}

func newWorld(t testing.TB, options lab.PatroniOptions) *world {
	t.Helper()
	options.InMemory = true
	p, err := lab.StartPatroni(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{lab: p, clusters: patroni.New(patroni.Config{configOf(p)})}
}

func configOf(p *lab.Patroni) patroni.Cluster {
	c := patroni.Cluster{
		Name: "orders", Scope: p.Scope, Username: lab.PatroniUser, Password: lab.PatroniPassword,
		Clients: patroni.Clients{DSN: p.ClientDSN(lab.Pointsman)},
	}
	for _, m := range p.Members {
		c.Members = append(c.Members, patroni.Member{Name: m.Name, URL: m.URL()})
	}
	return c
}

func kindOf(t testing.TB, c *patroni.Clusters, name string) actions.Action {
	t.Helper()
	all := c.Kinds()
	i := slices.IndexFunc(all, func(a actions.Action) bool { return a.Kind() == name })
	if i < 0 {
		t.Fatalf("no kind %s", name)
	}
	return all[i]
}

func (w *world) status(t testing.TB, want string, pins map[string]string) pointsman.Evidence {
	t.Helper()
	in := input(map[string]string{"cluster": "orders", "want": want}, pins)
	ev, err := kindOf(t, w.clusters, "patroni.status").Check(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func input(args, pins map[string]string) actions.Input {
	raw, err := json.Marshal(args)
	if err != nil {
		panic(err) // cannot happen: a map of texts
	}
	return actions.Input{
		Phase: actions.Start, Key: "INC-1/R1/2", Target: pointsman.Target{Kind: "patroni", Name: "orders"}, With: raw, Pins: pins, StepN: 2, Applied: time.Now(),
	}
}

// switchover are the arguments of the step as the shipped runbook fills them in.
func switchover(pins map[string]string) actions.Input {
	return input(map[string]string{"cluster": "orders", "leader": pins["old_primary"], "candidate": pins["candidate"]}, pins)
}

// leads are the arguments of the step after the move. The one that handed over is empty for a failover.
func leads(pins map[string]string, former string) actions.Input {
	return input(map[string]string{"cluster": "orders", "want": "leader", "candidate": pins["candidate"], "former": former}, pins)
}

func failover(pins map[string]string) actions.Input {
	return input(map[string]string{"cluster": "orders", "candidate": pins["candidate"]}, pins)
}

// mustStand fails when something stands in the way.
func mustStand(t testing.TB, ev pointsman.Evidence) {
	t.Helper()
	for _, f := range pointsman.Refusals(ev.Facts) {
		t.Errorf("refused: %s", f.Sentence())
	}
	if t.Failed() {
		t.FailNow()
	}
}

// mustRefuse fails unless a HARD guard says the sentence.
func mustRefuse(t testing.TB, facts []pointsman.Fact, sentence string) {
	t.Helper()
	var said []string
	for _, f := range pointsman.Refusals(facts) {
		if strings.Contains(f.Sentence(), sentence) {
			return
		}
		said = append(said, f.Sentence())
	}
	t.Errorf("no refusal says %q; said is: %s", sentence, strings.Join(said, "; "))
}

// applyRefuses fails unless Apply refuses with the sentence, in which case nothing was asked of Patroni.
func applyRefuses(t testing.TB, a actions.Action, in actions.Input, sentence string) {
	t.Helper()
	_, err := a.Apply(t.Context(), in)
	refused, ok := errors.AsType[*actions.RefusedError](err)
	if !ok {
		t.Fatalf("apply: %v, want a refusal", err)
	}
	if len(refused.Facts) > 0 {
		mustRefuse(t, refused.Facts, sentence)
	} else if !strings.Contains(refused.Text, sentence) {
		t.Errorf("apply refuses with %q, want %q", refused.Text, sentence)
	}
}

// verified polls Verify until it holds.
func verified(t testing.TB, a actions.Action, in actions.Input, out actions.Outcome) pointsman.Evidence {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	in.Memo = out.Memo
	var held pointsman.Evidence
	err := lab.Await(ctx, func(ctx context.Context) error {
		ev, err := a.Verify(ctx, in)
		if err == nil && !ev.Holds {
			var no []string
			for _, f := range pointsman.Refusals(ev.Facts) {
				no = append(no, f.Sentence())
			}
			err = errors.New(strings.Join(no, "; "))
		}
		held = ev
		return err
	})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return held
}

// eventually waits for a fact about the cluster.
func eventually(t testing.TB, what string, fact func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := lab.Await(ctx, func(context.Context) error {
		if fact() {
			return nil
		}
		return fmt.Errorf("not seen: %s", what)
	}); err != nil {
		t.Fatal(err)
	}
}

// pause sets Patroni's maintenance mode, and waits until every member knows.
func (w *world) pause(t *testing.T, on bool) {
	t.Helper()
	leader, err := w.lab.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"pause": on})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, leader.URL()+"/config", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(lab.PatroniUser, lab.PatroniPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("pause: %s, %v", resp.Status, err)
	}
	eventually(t, fmt.Sprintf("pause %t on every member", on), func() bool {
		for _, m := range w.lab.Members {
			if paused(t, m) != on {
				return false
			}
		}
		return true
	})
}

func paused(t *testing.T, m *lab.PatroniMember) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL()+"/patroni", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var self struct{ Pause bool }
	return json.NewDecoder(resp.Body).Decode(&self) == nil && self.Pause
}
