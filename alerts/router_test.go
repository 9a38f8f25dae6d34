package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

func tree() alerts.Route {
	never := time.Duration(0)
	return alerts.Route{
		Escalate: alerts.Escalate{After: 15 * time.Minute, Service: "default"},
		Routes: []alerts.Route{
			{Matchers: []string{`team="audit"`}, Continue: true, IncidentBy: []string{"team"}, UpdateEvery: &never, Runbooks: []string{}},
			{
				Matchers: []string{`region=~"eu-.+"`}, IncidentBy: []string{"region", "cluster"},
				Routes: []alerts.Route{{Matchers: []string{`severity="critical"`}, Runbooks: []string{"postgres-failover"}, Escalate: alerts.Escalate{After: time.Minute, Service: "eu"}}},
			},
			{Matchers: []string{`"ключ"="да"`}, IncidentBy: []string{"ключ"}},
		},
	}
}

func TestRouter_finds_route_incident_and_runbooks(t *testing.T) {
	t.Parallel()
	r := router(t, tree())
	type out struct {
		Route, Key string
		Runbooks   []string
		Service    string
		Update     time.Duration
	}
	for _, tt := range []struct {
		name   string
		labels map[string]string
		want   []out
	}{
		{
			"by the resolved target",
			map[string]string{"alertname": "PrimaryDown", "cluster": "orders"},
			[]out{{"route", "target:postgres/orders", []string{"postgres-failover"}, "default", 7 * time.Minute}},
		},
		{
			"another alert of the same target is the same incident",
			map[string]string{"alertname": "ReplicationDisconnected", "cluster": "orders", "instance": "pg-2"},
			[]out{{"route", "target:postgres/orders", []string{"postgres-failover"}, "default", 7 * time.Minute}},
		},
		{
			"two runbooks in the order of their priority",
			map[string]string{"alertname": "ReplicationLagCritical", "cluster": "billing"},
			[]out{{"route", "target:postgres/billing", []string{"postgres-failover", "postgres-replica-recovery"}, "default", 7 * time.Minute}},
		},
		{
			"by labels, with what the parent says",
			map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "region": "eu-1", "severity": "warning"},
			[]out{{"route.routes[1]", `labels:{region="eu-1",cluster="orders"}`, []string{"postgres-failover"}, "default", 7 * time.Minute}},
		},
		{
			"the child overrides, and restricts the runbooks",
			map[string]string{"alertname": "ReplicationLagCritical", "cluster": "orders", "region": "eu-1", "severity": "critical"},
			[]out{{"route.routes[1].routes[0]", `labels:{region="eu-1",cluster="orders"}`, []string{"postgres-failover"}, "eu", 7 * time.Minute}},
		},
		{
			"continue leads to a second incident",
			map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "region": "eu-1", "team": "audit"},
			[]out{
				{"route.routes[0]", `labels:{team="audit"}`, nil, "default", 0},
				{"route.routes[1]", `labels:{region="eu-1",cluster="orders"}`, []string{"postgres-failover"}, "default", 7 * time.Minute},
			},
		},
		{
			"UTF-8 label names",
			map[string]string{"alertname": "A", "ключ": "да"},
			[]out{{"route.routes[2]", `labels:{ключ="да"}`, nil, "default", 10 * time.Minute}},
		},
		{
			"Alertmanager's grouping where nothing else decides",
			map[string]string{"alertname": "DiskFull", "host": "h1"},
			[]out{{"route", "group:RECEIVER:GROUPKEY", nil, "default", 10 * time.Minute}},
		},
		{
			"a person's switch is never selected by a matcher",
			map[string]string{"alertname": "PrimaryDown", "cluster": "trading"},
			[]out{{"route", "group:RECEIVER:GROUPKEY", []string{"postgres-failover"}, "default", 7 * time.Minute}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []out
			for _, o := range r.Explain(tt.labels).Outcomes {
				one := out{Route: o.Route, Key: o.Key, Service: o.Escalate.Service, Update: o.Update}
				for _, offer := range o.Offers {
					one.Runbooks = append(one.Runbooks, offer.Runbook)
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRouter_parameters_only_select(t *testing.T) {
	t.Parallel()
	overlapping := append(targets(), alerts.Target{Target: pointsman.Target{Kind: "postgres", Name: "orders-copy"}, Match: []string{`cluster="orders"`}})
	r, faults := alerts.NewRouter(alerts.Route{}, overlapping, runbooks())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, tt := range []struct {
		name    string
		labels  map[string]string
		target  string
		params  map[string]string
		problem string
	}{
		{"one target matches", map[string]string{"alertname": "PrimaryDown", "cluster": "billing"}, "postgres/billing", map[string]string{"cluster": "billing"}, ""},
		{
			"two targets match",
			map[string]string{"alertname": "PrimaryDown", "cluster": "orders"},
			"", nil,
			`2 configured postgres targets match the alert's labels (cluster="orders"): orders, orders-copy; to choose by hand: pointsman run postgres-failover cluster=... incident=INC-... (this one; in Slack with / before it)`,
		},
		{
			"none matches",
			map[string]string{"alertname": "PrimaryDown", "cluster": "prod; rm -rf /"},
			"", nil,
			`no configured postgres matches the alert's labels (cluster="prod; rm -rf /"); configured: orders (cluster=~"orders|demo"), billing (cluster="billing"), orders-copy (cluster="orders"); to choose by hand: pointsman run postgres-failover cluster=... incident=INC-... (this one; in Slack with / before it)`,
		},
		{
			"the label is missing",
			map[string]string{"alertname": "PrimaryDown"},
			"", nil,
			`no configured postgres matches the alert's labels (no cluster); configured: orders (cluster=~"orders|demo"), billing (cluster="billing"), orders-copy (cluster="orders"); to choose by hand: pointsman run postgres-failover cluster=... incident=INC-... (this one; in Slack with / before it)`,
		},
		{"defaults", map[string]string{"alertname": "APIDown", "service": "api"}, "service/api", map[string]string{"service": "api", "how": "rolling", "pause": "30s"}, ""},
		{"a label chooses one of the values", map[string]string{"alertname": "APIDown", "service": "api", "restart": "at-once"}, "service/api", map[string]string{"service": "api", "how": "at-once", "pause": "30s"}, ""},
		{"a label outside the values", map[string]string{"alertname": "APIDown", "service": "api", "restart": "$(reboot)"}, "", nil, `parameter how is "$(reboot)", allowed: rolling, at-once; to choose by hand: pointsman run service-restart how=... incident=INC-... (this one; in Slack with / before it)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			offers := r.Explain(tt.labels).Outcomes[0].Offers
			if len(offers) != 1 {
				t.Fatalf("%d offers", len(offers))
			}
			o := offers[0]
			if o.Target.Key() != tt.target || o.Problem != tt.problem || !cmp.Equal(o.Params, tt.params) {
				t.Errorf("target %q params %v\nproblem %s\nwant    %s", o.Target.Key(), o.Params, o.Problem, tt.problem)
			}
		})
	}
}

func TestOffer_what_a_person_asks_for(t *testing.T) {
	t.Parallel()
	r := router(t, alerts.Route{})
	for _, tt := range []struct {
		name, runbook string
		args          map[string]string
		target, err   string
	}{
		{"by name", "killswitch-engage", map[string]string{"switch": "trading"}, "killswitch/trading", ""},
		{"no such runbook", "killswitch-enrage", nil, "", `there is no runbook "killswitch-enrage"`},
		{"no such target", "killswitch-engage", map[string]string{"switch": "all"}, "", `there is no killswitch target named "all"; configured: trading`},
		{"no such parameter", "killswitch-engage", map[string]string{"swich": "trading"}, "", `killswitch-engage has no parameter "swich"; it has: switch`},
		{"nothing given", "killswitch-engage", nil, "", "parameter switch has no value; write switch=VALUE; configured: trading"},
		{"not a duration", "service-restart", map[string]string{"service": "api", "pause": "soon"}, "", `parameter pause is "soon", which is no duration such as 30s or 5m`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := r.Offer(tt.runbook, tt.args)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if o.Target.Key() != tt.target || said != tt.err {
				t.Errorf("target %q, error %q, want %q", o.Target.Key(), said, tt.err)
			}
		})
	}
}

func TestRouter_faults_all_at_once(t *testing.T) {
	t.Parallel()
	_, faults := alerts.NewRouter(
		alerts.Route{Matchers: []string{`a="b"`}, Routes: []alerts.Route{{Matchers: []string{`severity=~"("`}, Runbooks: []string{"reboot"}}, {Matchers: []string{""}}}},
		[]alerts.Target{{Target: pointsman.Target{Kind: "postgres", Name: "orders"}, Match: []string{`cluster=~".*"`}}},
		[]pointsman.Runbook{{Name: "x", File: "x.yaml", Answers: []pointsman.AnswerTo{{Matchers: []string{"what ever"}, Line: 7}}}},
	)
	var got []string
	for _, f := range faults {
		got = append(got, f.Error())
	}
	for _, want := range []string{
		"route: the first route takes every alert",
		"route.routes[0].matchers: matcher severity",
		"route.routes[0].runbooks: there is no runbook reboot",
		"route.routes[1].matchers: an empty matcher",
		"targets.postgres/orders.match: the matchers cluster",
		"x.yaml:7: answers[0]: matcher what ever",
	} {
		found := false
		for _, g := range got {
			found = found || strings.HasPrefix(g, want)
		}
		if !found {
			t.Errorf("missing %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if len(got) != 6 {
		t.Errorf("%d faults:\n%s", len(got), strings.Join(got, "\n"))
	}
}

func TestCheck_a_runbook_that_answers_everything(t *testing.T) {
	t.Parallel()
	rb := pointsman.Runbook{
		Name: "x", File: "x.yaml", Answers: []pointsman.AnswerTo{{Matchers: []string{`team!="qa"`}, Line: 3}},
		Params: []pointsman.Param{{Name: "wait", Type: "duration", Labels: []string{"wait"}, Line: 9}},
	}
	var got []string
	for _, f := range alerts.Check(rb) {
		got = append(got, f.Error())
	}
	want := []string{
		"x.yaml:3: answers[0]: these matchers hold for every alert; name at least one label value that must be there",
		"x.yaml:9: params.wait.labels: a label may only select among configured values, so a duration cannot come from one; use default, or type enum",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An alert does not know what stands before a database; the configuration does. Where it says nothing the label counts.
func TestRouter_the_configuration_says_what_no_alert_knows(t *testing.T) {
	t.Parallel()
	book := func(name string, matchers ...string) pointsman.Runbook {
		return pointsman.Runbook{
			Name: name, Target: "cluster", Params: []pointsman.Param{{Name: "cluster", Type: "target", Kind: "postgres"}},
			Answers: []pointsman.AnswerTo{{Matchers: append([]string{`alertname="PrimaryDown"`}, matchers...)}},
		}
	}
	pooled := alerts.Target{Target: pointsman.Target{Kind: "postgres", Name: "orders"}, Match: []string{`cluster="orders"`}, Says: map[string]string{"pooler": "pgbouncer"}}
	bare := alerts.Target{Target: pointsman.Target{Kind: "postgres", Name: "billing"}, Match: []string{`cluster="billing"`}}
	r, faults := alerts.NewRouter(alerts.Route{}, []alerts.Target{pooled, bare}, []pointsman.Runbook{
		book("plain", `pooler!="pgbouncer"`), book("behind-pgbouncer", `pooler="pgbouncer"`), book("either"),
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, tt := range []struct {
		name, cluster, label, want string
	}{
		{"no label", "orders", "", "behind-pgbouncer, either"},
		{"a label that is wrong", "orders", "none", "behind-pgbouncer, either"},
		{"a cluster without poolers", "billing", "", "either, plain"},
		{"a cluster without poolers whose alert says there are", "billing", "pgbouncer", "behind-pgbouncer, either"},
		{"a cluster that is not configured", "unknown", "", "either, plain"},
	} {
		labels := map[string]string{"alertname": "PrimaryDown", "cluster": tt.cluster, "pooler": tt.label}
		var got []string
		for _, o := range r.Explain(labels).Outcomes[0].Offers {
			got = append(got, o.Runbook)
		}
		if all := strings.Join(got, ", "); all != tt.want {
			t.Errorf("%s: offered %s, want %s", tt.name, all, tt.want)
		}
		if labels["pooler"] != tt.label {
			t.Errorf("%s: the alert's own label is %q now", tt.name, labels["pooler"])
		}
	}
}

// TestRouter_pages_as_soon_as_the_most_urgent_of_several_alerts_asks: a lag alone is nothing to wake anybody for, and
// stands first in the message in which the primary's end arrives.
func TestRouter_pages_as_soon_as_the_most_urgent_of_several_alerts_asks(t *testing.T) {
	t.Parallel()
	r := router(t, alerts.Route{
		IncidentBy: []string{"cluster"},
		Routes: []alerts.Route{
			{Matchers: []string{`severity="warning"`}},
			{Matchers: []string{`severity="page"`}, Escalate: alerts.Escalate{After: time.Hour, Service: "office"}},
			{Matchers: []string{`severity="critical"`}, Escalate: alerts.Escalate{After: time.Minute, Service: "dba"}},
		},
	})
	message := func(severities ...string) alerts.Message {
		var m alerts.Message
		for _, s := range severities {
			m.Alerts = append(m.Alerts, pointsman.Alert{Status: pointsman.AlertFiring, Fingerprint: s, Labels: map[string]string{"alertname": s, "cluster": "orders", "severity": s}})
		}
		return m
	}
	for want, severities := range map[string][]string{"": {"warning"}, "office": {"warning", "page"}, "dba": {"warning", "page", "critical"}} {
		cmds := r.Commands(message(severities...))
		if len(cmds) != 1 || cmds[0].Escalate.Service != want || (cmds[0].Escalate.After > 0) != (want != "") {
			t.Errorf("%v page %+v, want %q", severities, cmds[0].Escalate, want)
		}
	}
	ends := message("warning", "critical")
	ends.Alerts[1].Status = pointsman.AlertResolved
	if cmds := r.Commands(ends); cmds[0].Escalate.After > 0 {
		t.Errorf("what is over pages %+v", cmds[0].Escalate)
	}
}

// The route of a severity says how often people are told, the route of a team whom to page: an alert of both leads to one
// incident, of which each says its part.
func TestRouter_joins_what_two_routes_say_of_one_incident(t *testing.T) {
	t.Parallel()
	often := 5 * time.Minute
	r := router(t, alerts.Route{Routes: []alerts.Route{
		{Matchers: []string{`severity="critical"`}, Continue: true, UpdateEvery: &often, Runbooks: []string{"postgres-failover"}},
		{Matchers: []string{`team="dba"`}, Escalate: alerts.Escalate{After: 5 * time.Minute, Service: "dba"}},
	}})
	labels := map[string]string{"alertname": "ReplicationLagCritical", "cluster": "orders", "severity": "critical", "team": "dba"}
	cmds := r.Commands(alerts.Message{Alerts: []pointsman.Alert{{Status: pointsman.AlertFiring, Fingerprint: "f1", Labels: labels}}})
	if len(cmds) != 1 || len(cmds[0].Alerts) != 1 || len(cmds[0].Offers) != 2 {
		t.Fatalf("%+v, want one incident with the alert once and the runbooks of both routes", cmds)
	}
	if want := (pointsman.Escalation{After: 5 * time.Minute, Service: "dba"}); cmds[0].Escalate != want || cmds[0].Update != often {
		t.Errorf("told every %s, paged %+v; want every 5m, and %+v", cmds[0].Update, cmds[0].Escalate, want)
	}
	told := r.Explain(labels).Outcomes
	if len(told) != 1 || told[0].Escalate != cmds[0].Escalate || told[0].Update != cmds[0].Update || len(told[0].Offers) != 2 {
		t.Errorf("routes test says %+v", told)
	}
	if diff := cmp.Diff([]string{`route.routes[1]  (team="dba")`}, told[0].Also); diff != "" {
		t.Error(diff)
	}
	turned := router(t, alerts.Route{Routes: []alerts.Route{
		{Matchers: []string{`team="dba"`}, Continue: true, Escalate: alerts.Escalate{After: 5 * time.Minute, Service: "dba"}},
		{Matchers: []string{`severity="critical"`}, UpdateEvery: &often},
	}})
	if told := turned.Explain(labels).Outcomes; len(told) != 1 || told[0].Update != often {
		t.Errorf("where the first says nothing of updates it is %+v, want every 5m", told)
	}
}

func TestRouter_takes_a_severity_that_it_does_not_know_for_the_worst(t *testing.T) {
	t.Parallel()
	r := router(t, alerts.Route{})
	for want, severities := range map[string][]string{"p1": {"info", "P1", "warning"}, "sev1": {"sev1", "warning"}, "critical": {"critical", "P1"}, "warning": {"", "warning", "none"}, "": {"", ""}} {
		var m alerts.Message
		for _, s := range severities {
			m.Alerts = append(m.Alerts, pointsman.Alert{Status: pointsman.AlertFiring, Fingerprint: s, Labels: map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "severity": s}})
		}
		if got := r.Commands(m)[0].Severity; got != want {
			t.Errorf("%q make the incident %q, want %q", severities, got, want)
		}
	}
}
