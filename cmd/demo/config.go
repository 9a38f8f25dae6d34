package demo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/pointsman/pointsman/cmd/lab"
)

// configText is the demo's configuration: what a real one looks like, with everything on this machine.
var configText = template.Must(template.New("pointsman.yaml").Parse(`web:
  listen: 127.0.0.1:{{.Port}}
  external_url: http://127.0.0.1:{{.Port}}
  socket: {{.Dir}}/pointsman.sock
storage: {driver: sqlite, path: {{.Dir}}/pointsman.db}
audit: {key_file: {{.Dir}}/audit.key}
alertmanager: {tokens_file: [{{.Dir}}/alertmanager.token]}
slack:
  enabled: true
  mode: http
  bot_token_file: {{.Dir}}/slack-bot.token
  signing_secret_file: {{.Dir}}/slack-signing.secret
  team: {{.Team}}
  channel: {{.Channel}}
  api_url: {{.SlackURL}}/api/
  response_hosts: ["{{.SlackURL}}"]
people:
  - {id: ana, name: Ana Ruiz, slack: {{.Team}}/U0ANA, unix_uid: {{.UID}}, roles: [dba, oncall, risk]}
  - {id: ben, name: Ben Okafor, slack: {{.Team}}/U0BEN, roles: [dba, incident-commander, risk]}
  - {id: cleo, name: Cleo Park, slack: {{.Team}}/U0CLEO, roles: [risk]}
  - {id: eve, name: Eve Lind, slack: {{.Team}}/U0EVE, roles: [support]}
guards: {lock: {roles: [dba]}, freeze: {roles: [incident-commander]}}
targets:
  postgres:
    - name: orders
      environment: demo
      match: ['cluster="orders"']
      database: {{.Database}}
      nodes:
{{- range .Nodes}}
        - {name: {{.Name}}, dsn: "{{.DSN}}"}
{{- end}}
      clients: {dsn: "{{.Clients}}"}
      probes: [{name: second-site, url: "{{.ProbeURL}}", token_file: {{.Dir}}/probe.token}]
      fence: {command: ["{{.Dir}}/fence.sh", "{node}"], timeout: 10s}
      heartbeat_table: pointsman_heartbeat
  killswitch:
    - {name: trading, environment: demo, dsn: "{{.Clients}}", table: kill_switch_state, id: 1}
route: {update_every: 1m, escalate: {after: 5m}}
runbooks: []
log: {level: info}
`))

// node is a server as the configuration names it.
type node struct{ Name, DSN string }

// settings fill the configuration.
type settings struct {
	Dir, Team, Channel, SlackURL, Database, Clients, ProbeURL string
	Port, UID                                                 int
	Nodes                                                     []node
}

// secrets are made anew for every demo; they leave the machine as little as the demo does.
type secrets struct{ webhook, bot, signing, probe string }

func newSecrets() secrets {
	return secrets{webhook: rand.Text(), bot: "xoxb-" + rand.Text(), signing: rand.Text(), probe: rand.Text()}
}

func (s settings) write(sec secrets) (string, error) {
	var text strings.Builder
	if err := configText.Execute(&text, s); err != nil {
		return "", err
	}
	files := map[string]string{
		"pointsman.yaml": text.String(), "alertmanager.token": sec.webhook, "slack-bot.token": sec.bot,
		"slack-signing.secret": sec.signing, "probe.token": sec.probe,
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(filepath.Join(s.Dir, name), []byte(content), 0o600))
	}
	return filepath.Join(s.Dir, "pointsman.yaml"), errors.Join(errs...)
}

// fenceScript stops a server with all its children and takes away what it needs to start again, so that a dead primary stays
// dead. A real hook asks the hypervisor, the kubelet or the service manager.
const fenceScript = `#!/bin/sh
set -eu
case "$1" in
%s*) echo "there is no node $1" >&2; exit 1 ;;
esac
at_work() { for p in /proc/[0-9]*; do if [ "$p/cwd" -ef "$data" ]; then echo "${p#/proc/}"; fi; done; }
while pids=$(at_work) && [ -n "$pids" ]; do kill -9 $pids 2>/dev/null || true; done
[ ! -f "$data/PG_VERSION" ] || mv "$data/PG_VERSION" "$data/PG_VERSION.fenced"
echo "$1 is stopped and cannot start"
`

func writeFence(dir string, pair *lab.Pair) error {
	var nodes strings.Builder
	for _, n := range pair.Nodes() {
		fmt.Fprintf(&nodes, "%s) data='%s' ;;\n", n.Name, n.DataDir())
	}
	return os.WriteFile(filepath.Join(dir, "fence.sh"), fmt.Appendf(nil, fenceScript, nodes.String()), 0o700) //nolint:gosec // it is a script
}
