package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/actions/postgres"
	"github.com/pointsman/pointsman/actions/service"
	"github.com/pointsman/pointsman/configs"
	"github.com/pointsman/pointsman/store"
)

// TestHolds_name_a_configured_target_and_need_a_role goes through the real store.
func TestHolds_name_a_configured_target_and_need_a_role(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{Path: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	cfg := configs.Default()
	cfg.Targets.Postgres = postgres.Config{{Name: "orders"}, {Name: "api"}}
	cfg.Targets.Service = service.Config{{Name: "api"}}
	cfg.Guards.Lock = actions.May{Roles: []string{"dba"}}
	snap := &snapshot{cfg: &cfg}
	catalog := newCatalog(snap)
	h := holds{db, catalog}
	by := func(id string, roles ...string) pointsman.Actor {
		return pointsman.Actor{Person: pointsman.Person{ID: id, Name: id, Roles: roles}, Door: pointsman.DoorCLI}
	}
	var got []string
	for _, c := range []struct {
		target string
		cmd    pointsman.Protect
	}{
		{"order", pointsman.Protect{Verb: pointsman.Lockout, Reason: "x", By: by("ana", "dba")}},
		{"api", pointsman.Protect{Verb: pointsman.Lockout, Reason: "x", By: by("ana", "dba")}},
		{"orders", pointsman.Protect{Verb: pointsman.Lockout, Reason: "x", By: by("eve", "support")}},
		{"orders", pointsman.Protect{Verb: pointsman.Unlock, By: by("ana", "dba")}},
		{"", pointsman.Protect{Verb: pointsman.Freeze, Reason: "x", By: by("ana", "dba")}},
		{"", pointsman.Protect{Verb: "melt", Reason: "x", By: by("ana", "dba")}},
	} {
		ans, err := h.Protect(t.Context(), c.target, c.cmd)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(ans.Code)+": "+ans.Text)
	}
	want := []string{
		`not_found: there is no target "order"; configured are postgres/orders, postgres/api, service/api`,
		`not_found: "api" could be postgres/api or service/api; name one of them`,
		"not_allowed: eve may not lock postgres/orders; it needs the role dba (guards.lock.roles)",
		"duplicate: postgres/orders is not locked; there was nothing to end",
		"not_allowed: nobody may freeze, because guards.freeze.roles names no role",
		`invalid: "melt" is none of lock, unlock, freeze and unfreeze`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got)\n%s", diff)
	}
	if _, err := h.Protect(t.Context(), "postgres/api", pointsman.Protect{Verb: pointsman.Lockout, Reason: "x", By: by("ana", "dba")}); err != nil {
		t.Fatal(err)
	}
	if held, err := h.Held(t.Context()); err != nil || held.Of("postgres/api").Token != 1 {
		t.Errorf("%+v, %v", held, err)
	}
}
