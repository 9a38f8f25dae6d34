package patroni_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/configs"
)

// catalog holds the runbooks as they are shipped.
type catalog []pointsman.Runbook

func (c catalog) Runbook(name string) (pointsman.Runbook, bool) {
	for _, b := range c {
		if b.Name == name {
			return b, true
		}
	}
	return pointsman.Runbook{}, false
}

func (catalog) Digest() string { return "sha256:0" }

func (catalog) People() []pointsman.Person {
	return []pointsman.Person{{ID: "ana", Roles: []string{"dba"}}, {ID: "bo", Roles: []string{"dba"}}}
}

// TestPlan: both shipped runbooks become a plan of three steps in which everything is filled in, and an unchanged cluster
// gives the same plan again. A failover asks for one more approver, because what was lost is not known.
func TestPlan(t *testing.T) {
	t.Parallel()
	shipped, _ := configs.ShippedRunbooks()
	const asks = "# it asks whether you are sure, and takes the next line for the answer: paste nothing behind it"
	for name, c := range map[string]struct {
		change    func(f *fake)
		approvers int
		steps     []string
		byHand    []string
	}{
		"patroni-switchover": {func(*fake) {}, 1, []string{
			"look whether Patroni can make a switchover in orders", "let Patroni switch orders over from pg-1 to pg-2", "look whether pg-2 leads orders, all follow, and clients reach it",
		}, []string{asks, "patronictl switchover orders --leader pg-1 --candidate pg-2 --scheduled now"}},
		"patroni-failover": {(*fake).vacant, 2, []string{
			"look whether Patroni can make a failover in orders", "let Patroni fail orders over to pg-2", "look whether pg-2 leads orders, all follow, and clients reach it",
		}, []string{asks, "patronictl failover orders --candidate pg-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c.change(f)
			plan, digest := resolved(t, f, catalog(shipped), name)
			var said []string
			for _, s := range plan.Steps {
				said = append(said, s.Summary)
			}
			if diff := cmp.Diff(c.steps, said); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.byHand, plan.Steps[1].ByHand); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(pins(), plan.Pins); diff != "" {
				t.Error(diff)
			}
			n := 0
			for _, r := range plan.Policy.Require {
				n += r.Count
			}
			if n != c.approvers {
				t.Errorf("%d approvers, want %d: %v", n, c.approvers, plan.Acknowledge)
			}
			if _, again := resolved(t, f, catalog(shipped), name); again != digest {
				t.Error("an unchanged cluster gives another plan, which takes the votes away")
			}
		})
	}
}

func resolved(t *testing.T, f *fake, books catalog, name string) (pointsman.Plan, string) {
	t.Helper()
	kinds, err := actions.NewRegistry(nil, f.clusters().Kinds()...)
	if err != nil {
		t.Fatal(err)
	}
	r := &actions.Resolver{Kinds: kinds, Catalog: books, CheckTimeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler)}
	res := r.Resolve(t.Context(), pointsman.Proposal{
		ID: "INC-1/P1", Runbook: name, Target: pointsman.Target{Kind: "patroni", Name: "orders"}, Params: map[string]string{"cluster": "orders"},
		Requester: pointsman.Actor{Person: pointsman.Person{ID: "eve"}, Door: pointsman.DoorSlack},
	}, actions.Propose)
	if no := pointsman.Refusals(res.Facts); res.Problem != "" || len(no) > 0 {
		t.Fatalf("problem %q, refusals %+v", res.Problem, no)
	}
	plan, err := pointsman.DecodePlan(res.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return plan, pointsman.Digest(res.Plan)
}
