package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
)

// A plan from before the runbook was refused, or one that nobody linted, must not reach a cluster whose lock it does not
// hold: every verb of every kind says so before it asks anybody anything.
func TestAStepWorksOnTheTargetOfItsPlanOnly(t *testing.T) {
	t.Parallel()
	clusters := postgres.New(postgres.Config{{Name: "orders", Nodes: []postgres.Node{{Name: "pg-1"}, {Name: "pg-2"}}, Poolers: []postgres.Pooler{{Name: "bouncer"}}}, {Name: "billing"}}, nil)
	args := map[string]any{
		"cluster": "orders", "want": "failover", "to": "pg-2", "all": true, "node": "pg-1", "candidate": "pg-2", "leader": "pg-1", "pooler": "bouncer", "standby": "pg-2",
	}
	for _, kind := range clusters.Kinds() {
		for target, want := range map[pointsman.Target]string{
			{}:                                  "is none",
			{Kind: "service", Name: "orders"}:   "is service/orders",
			{Kind: "postgres", Name: "billing"}: "is postgres/billing",
		} {
			in := actions.Input{Phase: actions.Start, Target: target, With: read(t, kind, args)}
			_, err := kind.Check(t.Context(), in)
			_, applied := kind.Apply(t.Context(), in)
			_, verified := kind.Verify(t.Context(), in)
			for verb, err := range map[string]error{"check": err, "apply": applied, "verify": verified} {
				if verb == "apply" && kind.Kind() == "postgres.check" {
					continue // it does nothing: the engine checks and verifies
				}
				if err == nil || !strings.Contains(err.Error(), `"orders", and the plan's target, which the run locks, `+want) {
					t.Errorf("%s of %s under %q: %v", verb, kind.Kind(), target.Key(), err)
				}
			}
		}
	}
}

// read keeps the arguments that the kind reads.
func read(t *testing.T, kind actions.Action, all map[string]any) json.RawMessage {
	t.Helper()
	own := map[string]any{}
	for name, value := range all {
		raw, err := json.Marshal(map[string]any{name: value})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kind.(actions.Describer).Describe(actions.Input{With: raw}); err == nil || !strings.Contains(err.Error(), "unknown field") {
			own[name] = value
		}
	}
	raw, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
