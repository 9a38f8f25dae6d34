package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/app"
	"github.com/pointsman/pointsman/configs"
)

// Somebody who mends one fault at a time starts the doctor twenty times, so all of them come at once, each with what to do.
func TestDoctorSaysEverythingThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	var out, errOut strings.Builder
	code := run(t.Context(), []string{"doctor", "-c", "testdata/doctor_wrong.yaml"}, strings.NewReader(""), &out, &errOut)
	said := strings.TrimSpace(errOut.String())
	said = said[strings.LastIndexByte(said, '\n')+1:] // before it the warnings of the configuration
	golden(t, "doctor_everything_wrong", withoutNameServers(out.String())+"--- stderr\n"+said+fmt.Sprintf("\n--- exit %d\n", code))
}

// withoutNameServers leaves out what depends on the machine of the test.
func withoutNameServers(text string) string {
	return regexp.MustCompile(`(?m)^.* the name server .*\n.*\n`).ReplaceAllString(text, "")
}

// Only warnings: the night may come.
func TestDoctorWarnsAndSaysThatAllIsReady(t *testing.T) {
	t.Parallel()
	golden(t, "doctor_ready", withoutNameServers(says(t, map[string]string{}, "doctor", "-c", "testdata/doctor_ready.yaml")))
}

// examined says which line is about a setting. Names of lines are matched from their beginning.
var examined = map[string]string{
	"web.listen": "web.listen", "web.external_url": "web.external_url", "web.socket": "web.socket", "web.tls_cert_file": "web.tls_cert_file", "web.tls_key_file": "web.tls_cert_file",
	"storage.path": "store", "storage.dsn": "store", "audit.key_file": "audit key",
	"slack.bot_token": "slack", "slack.app_token": "slack socket mode", "slack.api_url": "slack", "slack.team": "slack", "slack.channel": "slack", "slack.response_hosts[]": "slack answers",
	"pagerduty.events_url": "pager", "pagerduty.services[].routing_key": "pager key of dba", "pagerduty.services[].routing_key_file": "pager key of oncall", "pagerduty.services[].routing_key_env": "pager key of oncall",
	"targets.postgres[].nodes[].dsn": "postgres/orders pg-2 answers", "targets.postgres[].nodes[].advertised": "postgres/orders pg-1 advertised", "targets.postgres[].nodes[].cluster_name": "postgres/orders pg-2 answers",
	"targets.postgres[].heartbeat_table": "postgres/orders clients leads", "targets.postgres[].database": "postgres/orders pooler pgb-1 ini",
	"targets.postgres[].clients.dsn": "postgres/orders clients leads", "targets.postgres[].clients.more[].dsn": "postgres/orders clients.more[0] leads",
	"targets.postgres[].probes[].url": "postgres/orders probe probe-b", "targets.postgres[].probes[].token": "postgres/orders probe probe-b", "targets.postgres[].probes[].ca_file": "postgres/orders probe probe-c",
	"targets.postgres[].fence.command[]": "postgres/orders fence.command", "targets.postgres[].fence.network[]": "postgres/orders fence.network",
	"targets.postgres[].fence.network_undo[]": "postgres/orders fence.network_undo", "targets.postgres[].node_hook.command[]": "postgres/orders node_hook.command",
	"targets.postgres[].poolers[].console.dsn": "postgres/orders pooler pgb-1 console", "targets.postgres[].poolers[].ini": "postgres/orders pooler pgb-1 ini",
	"targets.postgres[].poolers[].database": "postgres/orders pooler pgb-1 ini", "targets.postgres[].poolers[].clients.dsn": "postgres/orders pooler pgb-1 clients",
	"targets.killswitch[].dsn": "kill switch trading", "targets.killswitch[].table": "kill switch trading", "targets.killswitch[].id": "kill switch trading",
	"targets.service[].health[].url": "service/api health", "targets.service[].health[].status": "service/api health", "targets.service[].health[].contains": "service/api health",
	"targets.service[].commands.*[]": "service/api command restart", "targets.service[].env[]": "service/api env",
	"targets.endpoint[].file": "endpoint/api-database file", "targets.endpoint[].variable": "endpoint/api-database file", "targets.endpoint[].show[]": "endpoint/dns show", "targets.endpoint[].set[]": "endpoint/dns set",
	"targets.endpoint[].places[].address": "endpoint/api-database place pg-1",
	"targets.patroni[].scope":             "patroni/ledger identity", "targets.patroni[].members[].url": "patroni/ledger members",
	"targets.patroni[].ca_file": "patroni/stock certificates", "targets.patroni[].cert_file": "patroni/users certificates", "targets.patroni[].key_file": "patroni/users certificates",
	"targets.patroni[].clients.dsn": "patroni/ledger clients", "targets.patroni[].heartbeat_table": "patroni/ledger clients",
}

// unexamined are settings that no look can judge, and those that name nothing outside of the configuration.
var unexamined = []string{
	`^slack\.signing_secret$`,                                                                // only a signed request tells
	`^targets\.patroni\[\]\.(username|password|password_file)$`,                              // only a change tells; that the file is there the configuration says
	`^alertmanager\.(tokens(_file)?\[\]|client_ca)$`, `^people\[\]\.(token|slack|unix_uid)$`, // ours to check, nobody's to ask
	`^(guards|route|timings|log)\.`, `^people\[\]\.(id|name|roles\[\])$`, `^runbooks\[\]$`,
	`\.(name|environment|drills|match\[\]|driver|enabled|mode|connections|posts_per_second|default_service|insecure_dev|never_promote|mentions)$`,
	`\.(timeout|ladder\[\]|quorum|read_timeout|sample_every|watch_every|poll|stale_after|keep|lag|lost_bytes|lost_time|receiver_silence|away_after)$`,
}

// A setting that the doctor does not know is a host that nobody looked at before the night. Whoever adds one decides here.
func TestDoctorKnowsEverySetting(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, file := range []string{"doctor_wrong.yaml", "doctor_wrong_sqlite.yaml"} {
		cfg, _, err := configs.Load("testdata/"+file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range app.Doctor(t.Context(), cfg) {
			if f.Result != pointsman.Pass {
				wrong = append(wrong, f.Name)
			}
			if f.Result != pointsman.Pass && (f.Clears == "" || f.Text == "") {
				t.Errorf("%s does not say what is wrong, or what to do next", f.Name)
			}
		}
	}
	for _, setting := range settings(reflect.TypeFor[configs.Config](), "") {
		line, looked := examined[setting]
		left := slices.ContainsFunc(unexamined, func(form string) bool { return regexp.MustCompile(form).MatchString(setting) })
		switch {
		case looked == left:
			t.Errorf("%s must stand either in examined, with the line about it, or in unexamined, with the reason", setting)
		case looked && !slices.ContainsFunc(wrong, func(name string) bool { return strings.HasPrefix(name, line) }):
			t.Errorf("%s is wrong in the configuration of the test, and no line %q says so", setting, line)
		}
	}
}

// settings lists every key of the configuration. A file beside a value is that value: that it is there, holds something and
// is nobody else's to read is checked before anything else.
func settings(ty reflect.Type, path string) (out []string) {
	switch ty.Kind() {
	case reflect.Slice:
		return settings(ty.Elem(), path+"[]")
	case reflect.Map:
		return settings(ty.Elem(), path+".*")
	case reflect.Struct:
	default:
		return []string{path}
	}
	keys := map[string]bool{}
	for field := range ty.Fields() {
		keys[field.Tag.Get("yaml")] = true
	}
	for field := range ty.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		base, twin := strings.CutSuffix(name, "_file")
		switch {
		case options == "inline":
			out = append(out, settings(field.Type, path)...)
		case name == "-", name == "", name == "routes", twin && keys[base] && base != "routing_key" && base != "password":
		default:
			out = append(out, settings(field.Type, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	if len(out) == 0 {
		return []string{path}
	}
	return out
}
