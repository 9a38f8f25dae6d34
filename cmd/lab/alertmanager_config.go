package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// AlertmanagerOptions says whom Alertmanager notifies, and how soon. The waits are short, so that a test does not wait
// for Alertmanager's defaults of half a minute and more.
type AlertmanagerOptions struct {
	WebhookURL  string   // receives every notification, resolved ones too
	BearerToken string   // sent with the webhook
	MaxAlerts   int      // more in one group are cut off and counted; 0 is no limit
	GroupBy     []string // "alertname" by default; "..." puts each alert in a group of its own

	GroupWait      time.Duration // 0 by default: the first alert of a group goes out at once
	GroupInterval  time.Duration // 1 s by default
	RepeatInterval time.Duration // 1 h by default

	// SlackAPIURL adds Alertmanager's own Slack receiver beside the webhook, to compare with: an incoming-webhook URL.
	SlackAPIURL string

	Config string // a whole alertmanager.yml, used as it is instead of all of the above
}

// yaml writes the configuration. Strings are written as JSON, which YAML reads as it stands.
func (o AlertmanagerOptions) yaml() string {
	if o.Config != "" {
		return o.Config
	}
	groupBy := o.GroupBy
	if len(groupBy) == 0 {
		groupBy = []string{"alertname"}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global:\n  resolve_timeout: 1h\nroute:\n  receiver: pointsman\n  group_by: %s\n", quote(groupBy))
	fmt.Fprintf(&b, "  group_wait: %s\n", millis(o.GroupWait, 0))
	fmt.Fprintf(&b, "  group_interval: %s\n", millis(o.GroupInterval, time.Second))
	fmt.Fprintf(&b, "  repeat_interval: %s\n", millis(o.RepeatInterval, time.Hour))
	b.WriteString("receivers:\n- name: pointsman\n")
	if o.WebhookURL != "" {
		fmt.Fprintf(&b, "  webhook_configs:\n  - url: %s\n    send_resolved: true\n", quote(o.WebhookURL))
		fmt.Fprintf(&b, "    max_alerts: %d\n", o.MaxAlerts)
		if o.BearerToken != "" {
			fmt.Fprintf(&b, "    http_config:\n      authorization:\n        credentials: %s\n", quote(o.BearerToken))
		}
	}
	if o.SlackAPIURL != "" {
		fmt.Fprintf(&b, "  slack_configs:\n  - api_url: %s\n    channel: '#incidents'\n    send_resolved: true\n",
			quote(o.SlackAPIURL))
	}
	return b.String()
}

// quote writes a string or a list of strings as JSON.
func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings always encode
	}
	return string(text)
}

// millis writes a duration as Prometheus reads it, which does not know Go's "1.5s".
func millis(d, otherwise time.Duration) string {
	if d == 0 {
		d = otherwise
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
