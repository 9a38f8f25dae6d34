package configs_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

// firing is an alert as Alertmanager tells it.
func firing(name string, labels map[string]string) alerts.Message {
	labels["alertname"] = name
	return alerts.Message{Alerts: []pointsman.Alert{{
		Status: pointsman.AlertFiring, Fingerprint: name, StartsAt: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Labels: labels,
	}}}
}

// The API falls with its database. Whether it is woken for once or twice is what the operator's labels say.
func TestOneOutageOfADatabaseAndItsServiceIsOneIncidentWhereALabelSaysSo(t *testing.T) {
	for _, c := range []struct {
		name, old, now   string
		database, served string // the stack of each
		want             []string
	}{
		{"joined", "# incident_by: [stack]", "incident_by: [stack]", "shop", "shop", []string{`labels:{stack="shop"}`}},
		{"another stack", "# incident_by: [stack]", "incident_by: [stack]", "shop", "mail", []string{`labels:{stack="mail"}`, `labels:{stack="shop"}`}},
		{"one without the label", "# incident_by: [stack]", "incident_by: [stack]", "shop", "", []string{"target:service/api", `labels:{stack="shop"}`}},
		{"the default", "", "", "shop", "shop", []string{"target:service/api", "target:postgres/orders"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, _, err := example(t, c.old, c.now)
			if err != nil {
				t.Fatal(err)
			}
			router, faults := alerts.NewRouter(cfg.Route, cfg.AlertTargets(), cfg.Runbooks)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			incidents, keys := map[string]pointsman.State{}, []string(nil)
			for _, m := range []alerts.Message{ // the service is noticed first, as it mostly is
				firing("APIDown", map[string]string{"service": "api", "stack": c.served}),
				firing("PrimaryDown", map[string]string{"cluster": "orders", "stack": c.database}),
			} {
				for _, cmd := range router.Commands(m) {
					st, known := incidents[cmd.Key]
					if !known {
						keys = append(keys, cmd.Key)
						st.Incident.ID = "INC-1"
					}
					after, _, ans := pointsman.Decide(st, cmd, m.Alerts[0].StartsAt)
					if !ans.OK() {
						t.Fatal(ans.Text)
					}
					incidents[cmd.Key] = after
				}
			}
			if diff := cmp.Diff(c.want, keys); diff != "" {
				t.Error(diff)
			}
			if len(keys) != 1 {
				return
			}
			st := incidents[keys[0]]
			var offered []string
			for _, p := range pointsman.Ranked(st.Proposals) {
				offered = append(offered, p.Runbook+" on "+p.Target.Key())
			}
			if diff := cmp.Diff([]string{"postgres-failover-pgbouncer on postgres/orders", "service-restart on service/api"}, offered); diff != "" {
				t.Error(diff)
			}
			if st.Incident.Firing != 2 {
				t.Errorf("%d alerts fire", st.Incident.Firing)
			}
		})
	}
}
