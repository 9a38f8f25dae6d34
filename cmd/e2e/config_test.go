package e2e

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/pointsman/pointsman/cmd/lab"
)

// configText is what an operator would write, with everything on this machine.
var configText = template.Must(template.New("pointsman.yaml").Parse(`web:
  listen: 127.0.0.1:{{.Port}}
  external_url: http://127.0.0.1:{{.Port}}
  socket: {{.Dir}}/pointsman.sock
storage: {{.Storage}}
audit: {key_file: {{.Dir}}/audit.key}
alertmanager: {tokens: [{{.WebhookToken}}]}
slack:
  enabled: true
{{- if .Socket}}
  app_token: {{.Slack.AppToken}}
{{- else}}
  mode: http
  signing_secret: {{.Slack.SigningSecret}}
{{- end}}
  bot_token: {{.Slack.BotToken}}
  team: {{.Slack.TeamID}}
  channel: {{.Channel}}
  api_url: {{.Slack.BaseURL}}/api/
  response_hosts: ["{{.Slack.BaseURL}}"]
{{- with .PagerURL}}
pagerduty: {events_url: "{{.}}", services: [{name: dba, routing_key: {{$.PagerKey}}}], default_service: dba}
{{- end}}
people:
  - {id: ana, name: Ana Ruiz, slack: {{.Slack.TeamID}}/U0ANA, token: {{call $.Token "ana"}}, roles: [dba, oncall]}
  - {id: ben, name: Ben Okafor, slack: {{.Slack.TeamID}}/U0BEN, token: {{call $.Token "ben"}}, roles: [dba, incident-commander]}
  - {id: chi, name: Chi Nguyen, slack: {{.Slack.TeamID}}/U0CHI, unix_uid: {{.UID}}, token: {{call $.Token "chi"}}, roles: [risk, oncall]}
  - {id: dee, name: Dee Larsen, slack: {{.Slack.TeamID}}/U0DEE, token: {{call $.Token "dee"}}, roles: [risk]}
  - {id: eli, name: Eli Marchetti, slack: {{.Slack.TeamID}}/U0ELI, token: {{call $.Token "eli"}}, roles: [risk]}
  - {id: eve, name: Eve Lind, slack: {{.Slack.TeamID}}/U0EVE, token: {{call $.Token "eve"}}, roles: [support]}
targets:
{{- if .Nodes}}
  postgres:
    - name: orders
      environment: test
      match: ['cluster="orders"']
      database: app
      nodes:
{{- range .Nodes}}
        - {name: {{.Name}}, dsn: "{{call $.Secret .PointsmanDSN}}"}
{{- end}}
      clients: {dsn: "{{call $.Secret .Clients}}"}
{{- with .Pool}}
      poolers: [{name: pgb-1, ini: {{.Ini}}, console: {dsn: "{{call $.Secret .ConsoleDSN}}"}, clients: {dsn: "{{call $.Secret $.Clients}}"}}]
      node_hook: {command: [{{range $.Hook}}"{{.}}", {{end}}], timeout: 5m}
{{- end}}
      probes: [{name: second-site, url: "{{.Probe}}", token: token-of-the-probe}]
      fence: {command: ["{{.Dir}}/fence.sh", "{node}"], timeout: 2m}
      sample_every: 700ms
      read_timeout: {{.Read}}
{{- end}}
{{- with .Switches}}
  killswitch:
    - {name: trading, environment: test, dsn: "{{call $.Secret .}}", id: 1, poll: 200ms, stale_after: 2s}
    - {name: payouts, environment: test, dsn: "{{call $.Secret .}}", id: 2, poll: 200ms, stale_after: 2s}
    - {name: refunds, environment: test, dsn: "{{call $.Secret .}}", id: 3, poll: 200ms, stale_after: 2s}
{{- end}}
  service: [{{.Services}}]
{{- with .Patroni}}
  patroni: [{{.}}]
{{- end}}
{{- with .Endpoints}}
  endpoint: [{{.}}]
{{- end}}
guards: {lock: {roles: [dba]}, freeze: {roles: [incident-commander]}{{with .Guards}}, {{.}}{{end}}}
route: {{.Route}}
timings: {{.Timings}}
{{- with .Runbooks}}
runbooks: [{{.}}]
{{- end}}
`))

// configure writes the configuration and what it names.
func (s *stage) configure() {
	s.t.Helper()
	port, err := lab.FreePort()
	if err != nil {
		s.t.Fatal(err)
	}
	s.base = fmt.Sprintf("http://127.0.0.1:%d", port)
	if !s.as.socket {
		s.slack.SetRequestURLs(s.base+"/slack/commands", s.base+"/slack/interactions")
	}
	data := map[string]any{
		"Port": port, "Dir": s.dir, "Socket": s.as.socket, "Slack": s.slack.Config(), "Channel": channel, "WebhookToken": webhookToken, "PagerKey": pagerKey,
		"UID": os.Getuid(), "Token": tokenOf, "Secret": withPassword, "Services": s.as.services, "Endpoints": s.as.endpoints, "Patroni": s.as.patroni, "Route": cmp.Or(s.as.route, "{update_every: 10m}"),
		"Timings": cmp.Or(s.as.timings, "{lease: 2s, heartbeat: 500ms, sweep: 200ms, check_timeout: 30s}"),
		"Read":    s.as.reads(), "Guards": s.as.guards, "Storage": s.storage(), "Runbooks": s.books(),
	}
	if s.as.switches {
		data["Switches"] = s.openSwitches()
	}
	if s.as.pager {
		data["PagerURL"] = s.openPager()
	}
	if s.pair != nil {
		data["Nodes"], data["Clients"], data["Probe"] = s.pair.Nodes(), s.pair.ClientDSN(lab.Pointsman), s.vantage()
		s.writeFence()
		if s.pool != nil {
			hook, _, err := s.pair.NodeHook("../../docs/hooks/postgres-node.sh")
			if err != nil {
				s.t.Fatal(err)
			}
			data["Pool"], data["Hook"], data["Clients"] = s.pool, hook, s.pool.DSN(lab.Pointsman, lab.AppDatabase)
		}
	}
	var text strings.Builder
	if err := configText.Execute(&text, data); err != nil {
		s.t.Fatal(err)
	}
	s.file = filepath.Join(s.dir, "pointsman.yaml")
	s.write("pointsman.yaml", text.String(), 0o600)
}

func (s *stage) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) storage() string {
	if s.as.driver == "postgres" {
		if s.dsn == "" {
			s.dsn = lab.PostgresDSN(s.t)
		}
		return fmt.Sprintf("{driver: postgres, dsn: %q}", withPassword(s.dsn))
	}
	return fmt.Sprintf("{driver: sqlite, path: %s}", s.database())
}

func (as setting) reads() time.Duration { return cmp.Or(as.read, 20*time.Second) }

// database is the program's SQLite file.
func (s *stage) database() string { return filepath.Join(cmp.Or(s.as.folder, s.dir), "pointsman.db") }

// books writes the shipped runbooks as the story wants them; none where it takes them as they are.
func (s *stage) books() string {
	s.t.Helper()
	folder := filepath.Join(s.dir, "runbooks")
	if s.as.books != nil {
		if err := os.Mkdir(folder, 0o700); err != nil {
			s.t.Fatal(err)
		}
		for name, text := range s.as.books {
			s.write("runbooks/"+name, text, 0o600)
		}
		return folder
	}
	if s.as.runbooks == nil {
		return ""
	}
	shipped, err := filepath.Glob("../../configs/runbooks/*.yaml")
	if err != nil || len(shipped) == 0 || os.Mkdir(folder, 0o700) != nil {
		s.t.Fatalf("%d shipped runbooks, %v", len(shipped), err)
	}
	for _, file := range shipped {
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		name := filepath.Base(file)
		s.write("runbooks/"+name, s.as.runbooks(strings.TrimSuffix(name, ".yaml"), string(text)), 0o600)
	}
	return folder
}

// fenceScript stops a server and takes away what it needs to start again: all of it, because a session of a server that hangs
// outlives its postmaster, and commits once more when it wakes up. It notes each call.
const fenceScript = `#!/bin/sh
set -eu
echo "$1" >> '%[1]s/fenced'
while [ -e '%[1]s/hold' ]; do sleep 0.1; done
case "$1" in
%[2]s*) echo "there is no node $1" >&2; exit 1 ;;
esac
at_work() { for p in /proc/[0-9]*; do if [ "$p/cwd" -ef "$data" ]; then echo "${p#/proc/}"; fi; done; }
while pids=$(at_work) && [ -n "$pids" ]; do kill -9 $pids 2>/dev/null || true; done
[ ! -f "$data/PG_VERSION" ] || mv "$data/PG_VERSION" "$data/PG_VERSION.fenced"
`

func (s *stage) writeFence() {
	s.t.Helper()
	var nodes strings.Builder
	for _, n := range s.pair.Nodes() {
		fmt.Fprintf(&nodes, "%s) data='%s' ;;\n", n.Name, n.DataDir())
	}
	s.write("fence.sh", fmt.Sprintf(fenceScript, s.dir, nodes.String()), 0o700)
}
