package configs

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// String is the configuration as YAML, as it is after the environment and the flags, without secrets.
func (c Config) String() string {
	b, err := yaml.Marshal(plain(reflect.ValueOf(c), "", false))
	if err != nil {
		return "configuration of " + c.File
	}
	return string(b)
}

// GoString implements fmt.GoStringer, so that %#v shows no secret either.
func (c Config) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.File) }

// Summary is what check-config prints after a good look: what was found, in a few lines.
func (c Config) Summary() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("web", "%s", c.Web.Listen)
	if c.Storage.Driver == "postgres" {
		line("storage", "postgres")
	} else {
		line("storage", "sqlite %s", c.Storage.Path)
	}
	if c.Slack.Enabled {
		line("slack", "channel %s of %s", c.Slack.Channel, c.Slack.Team)
	} else {
		line("slack", "off")
	}
	line("people", "%d", len(c.People))
	line("targets", "%d postgres, %d patroni, %d killswitch, %d service, %d endpoint", len(c.Targets.Postgres), len(c.Targets.Patroni), len(c.Targets.KillSwitch), len(c.Targets.Service), len(c.Targets.Endpoint))
	names := make([]string, len(c.Runbooks))
	for i, rb := range c.Runbooks {
		names[i] = rb.Name
	}
	line("runbooks", "%d: %s", len(names), listed(names))
	line("digest", "%.12s (of the targets)", c.Digest)
	return b.String()
}
