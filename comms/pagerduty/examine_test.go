package pagerduty_test

import (
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/comms/pagerduty"
)

// A key that was never filled in, or is of another integration, is found in the afternoon and never shown.
func TestExamine_keys(t *testing.T) {
	t.Parallel()
	const good = "0123456789abcdefABCDEF0123456789"
	cfg := pagerduty.Config{EventsURL: "http://127.0.0.1:1", Services: []pagerduty.Service{
		{Name: "dba", RoutingKey: good},
		{Name: "api", RoutingKey: "u+canary"},
		{Name: "risk", RoutingKeyEnv: "NO_SUCH_VARIABLE_IS_SET"},
		{Name: "net", RoutingKeyFile: "/nonexistent/key"},
	}}
	var got []string
	for _, f := range cfg.Examine(t.Context()) {
		if f.Result != pointsman.Pass {
			got = append(got, string(f.Kind)+" "+f.Name+": "+f.Text)
		}
		if strings.Contains(f.Text, "canary") || strings.Contains(f.Text, good) {
			t.Errorf("a key is shown: %s", f.Text)
		}
	}
	want := []string{
		"HARD pager: PagerDuty cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused",
		"WARN pager key of api: the key has 8 characters; PagerDuty's have 32 letters and digits",
		"HARD pager key of risk: routing key of service risk is empty",
		"HARD pager key of net: routing key of service net: open /nonexistent/key: no such file or directory",
	}
	if all := strings.Join(got, "\n"); all != strings.Join(want, "\n") {
		t.Errorf("found:\n%s\nwant:\n%s", all, strings.Join(want, "\n"))
	}
}
