package bot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func TestValidateNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	if faults := (Config{Team: "nonsense"}).Validate(); len(faults) > 0 {
		t.Errorf("a section that is not enabled has faults: %v", faults)
	}
	good := Config{Enabled: true, BotToken: "xoxb-1", AppTokenFile: "app.token", Team: "T0123", Channel: "C0INC"}
	if faults := good.Validate(); len(faults) > 0 {
		t.Errorf("%v", faults)
	}
	bad := Config{
		Enabled: true, BotToken: "xoxp-1", BotTokenFile: "also", Mode: "http", Team: "railway", Channel: "#incidents",
		APIURL: "slack", ResponseHosts: []string{"https://x/y"}, Connections: 11,
	}
	var got []string
	for _, f := range bad.Validate() {
		got = append(got, f.Error())
	}
	want := []string{
		"bot_token: bot_token and bot_token_file are both set; keep one",
		"signing_secret: mode http needs the signing secret, or anybody could approve; set signing_secret_file",
		`team: "railway" is no workspace id such as T0123ABCD; it stands in the address of Slack in a browser`,
		`channel: "#incidents" is no channel id such as C0123ABCD; it stands at the bottom of the channel's details`,
		`api_url: "slack" is no address such as https://slack.com/api/`,
		`response_hosts[0]: "https://x/y" is no host such as hooks.slack.com`,
		"connections: 11 connections, Slack allows 1 to 10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Requests carry the id of a workspace also in Enterprise Grid: with the organization's, each of them would be refused.
func TestTheTeamIsAWorkspaceAndNoOrganization(t *testing.T) {
	t.Parallel()
	faults := Config{Enabled: true, BotToken: "xoxb-1", AppTokenFile: "app.token", Team: "E0123", Channel: "C0INC"}.Validate()
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), `team: "E0123" is the id of an Enterprise Grid organisation`) {
		t.Errorf("%v", faults)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	c := Config{BotToken: "xoxb-treasure", AppToken: "xapp-treasure", SigningSecret: "treasure"}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("configuration", "slack", c, "secret", c.BotToken)
	fmt.Fprintf(&b, "%v %+v %#v %s", c, c, c, c.BotToken)
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "treasure") {
		t.Errorf("%s", b.String())
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bot.token")
	if err := os.WriteFile(file, []byte("xoxb-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Config{BotTokenFile: file, AppToken: "xapp-1"}.secrets()
	if err != nil || got != (secrets{bot: "xoxb-1", app: "xapp-1"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := (Config{BotTokenFile: file + "x"}).secrets(); err == nil || !strings.Contains(err.Error(), file+"x") {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestTheShippedManifestIsOneThatSlackTakes(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../configs/slack-app-manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest any
	if err := yaml.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) { // Go has no look-ahead; two patterns of other fields use it
		return regexp.Compile(strings.ReplaceAll(s, `(?![\.\-])`, ""))
	})
	schema, err := compiler.Compile("testdata/app-manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(manifest); err != nil {
		t.Error(err)
	}
	for _, path := range []string{InteractionsPath, CommandsPath} {
		if !strings.Contains(string(raw), path) {
			t.Errorf("the manifest does not name %s", path)
		}
	}
}

func TestMetricsTellWhatWasTurnedAway(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := newMetrics(reg)
	m.called("post", nil)
	m.called("post", errDown)
	want := `# HELP pointsman_slack_calls_total Messages posted and edited, by outcome.
# TYPE pointsman_slack_calls_total counter
pointsman_slack_calls_total{method="post",result="error"} 1
pointsman_slack_calls_total{method="post",result="ok"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "pointsman_slack_calls_total"); err != nil {
		t.Error(err)
	}
}
