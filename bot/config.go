package bot

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Secret is a text that is never shown: not by fmt, slog, JSON or YAML.
type Secret string

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "<redacted>"
}

// GoString implements fmt.GoStringer, for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("bot.Secret(%q)", s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, which JSON and YAML use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// The ways in which Slack reaches us.
const (
	ModeSocket = "socket" // we dial Slack; nothing of ours is reachable from outside
	ModeHTTP   = "http"   // Slack calls us; every request is signed
)

// Config is the section "slack".
type Config struct {
	Enabled           bool   `yaml:"enabled"`
	BotToken          Secret `yaml:"bot_token"` // xoxb-…
	BotTokenFile      string `yaml:"bot_token_file"`
	AppToken          Secret `yaml:"app_token"` // xapp-…, for mode socket
	AppTokenFile      string `yaml:"app_token_file"`
	SigningSecret     Secret `yaml:"signing_secret"` // for mode http
	SigningSecretFile string `yaml:"signing_secret_file"`
	Team              string `yaml:"team"`    // T0123: who is of another workspace is turned away
	Channel           string `yaml:"channel"` // C0123, the id and not the name: names change
	Mode              string `yaml:"mode"`    // socket (default) or http
	APIURL            string `yaml:"api_url"` // default https://slack.com/api/
	// ResponseHosts are the hosts to which private answers may be sent, as Slack names one in each request; default
	// hooks.slack.com. One with a scheme (http://127.0.0.1:8080) allows just that address.
	ResponseHosts []string `yaml:"response_hosts"`
	// AwayAfter is how long Slack may take nothing that is urgent before an alarm is given, which pages; default 1 min.
	AwayAfter   time.Duration `yaml:"away_after"`
	Connections int           `yaml:"connections"` // in mode socket, 1 to 10; default 2, so that one may be renewed at any time
	// PostsPerSecond is how fast the channel is written to; default 1, which is what Slack allows everybody. More is for
	// whoever was granted more: beyond its limit Slack answers 429, and what follows waits for as long as it says.
	PostsPerSecond float64 `yaml:"posts_per_second"`
	Mentions       *bool   `yaml:"mentions"` // whether the people who may decide are mentioned in lines that wait for them; default true
}

var (
	teamForm    = regexp.MustCompile(`^T[A-Z0-9]{2,20}$`)
	gridForm    = regexp.MustCompile(`^E[A-Z0-9]{2,20}$`)
	channelForm = regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`)
)

// Validate reports everything that is wrong with the section, without reading files. Nothing is wrong with one that is
// not enabled.
func (c Config) Validate() []pointsman.Fault {
	if !c.Enabled {
		return nil
	}
	var faults []pointsman.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	secret := func(path string, value Secret, file, prefix, why string) {
		switch {
		case value != "" && file != "":
			fault(path, "%s and %s_file are both set; keep one", path, path)
		case value == "" && file == "":
			fault(path, "%s; set %s_file", why, path)
		case value != "" && !strings.HasPrefix(string(value), prefix):
			fault(path, "the value does not begin with %s", prefix)
		}
	}
	secret("bot_token", c.BotToken, c.BotTokenFile, "xoxb-", "without the bot's token nothing can be posted")
	switch c.Mode {
	case "", ModeSocket:
		secret("app_token", c.AppToken, c.AppTokenFile, "xapp-", "mode socket needs the app-level token")
	case ModeHTTP:
		secret("signing_secret", c.SigningSecret, c.SigningSecretFile, "", "mode http needs the signing secret, or anybody could approve")
	default:
		fault("mode", "%q is neither socket nor http", c.Mode)
	}
	switch {
	case gridForm.MatchString(c.Team):
		fault("team", "%q is the id of an Enterprise Grid organisation, and requests carry the id of a workspace, such as T0123ABCD; Slack's auth.test says it of the bot's token, as team_id", c.Team)
	case c.Team == "":
		fault("team", "the workspace is missing; write its id such as T0123ABCD, which stands in the address of Slack in a browser")
	case !teamForm.MatchString(c.Team):
		fault("team", "%q is no workspace id such as T0123ABCD; it stands in the address of Slack in a browser", c.Team)
	}
	switch {
	case c.Channel == "":
		fault("channel", "the channel is missing; write its id such as C0123ABCD, which stands at the bottom of the channel's details")
	case !channelForm.MatchString(c.Channel):
		fault("channel", "%q is no channel id such as C0123ABCD; it stands at the bottom of the channel's details", c.Channel)
	}
	if u, err := url.Parse(c.APIURL); c.APIURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		fault("api_url", "%q is no address such as https://slack.com/api/", c.APIURL)
	}
	for i, h := range c.ResponseHosts {
		if _, err := url.Parse(origin(h)); err != nil || strings.ContainsAny(strings.TrimPrefix(strings.TrimPrefix(h, "https://"), "http://"), "/@? ") {
			fault(fmt.Sprintf("response_hosts[%d]", i), "%q is no host such as hooks.slack.com", h)
		}
	}
	if c.AwayAfter != 0 && (c.AwayAfter < time.Second || c.AwayAfter > time.Hour) {
		fault("away_after", "%s, the limits are 1s and 1h", c.AwayAfter)
	}
	if c.Connections < 0 || c.Connections > 10 {
		fault("connections", "%d connections, Slack allows 1 to 10", c.Connections)
	}
	if c.PostsPerSecond < 0 || c.PostsPerSecond > 1000 {
		fault("posts_per_second", "%v posts a second, the limit is 1000 and Slack allows 1", c.PostsPerSecond)
	}
	return faults
}

// origin is the scheme and host that an entry of ResponseHosts allows.
func origin(host string) string {
	if strings.Contains(host, "://") {
		return host
	}
	return "https://" + host
}

// secrets are the values, read from their files.
type secrets struct{ bot, app, signing string }

func (c Config) secrets() (s secrets, err error) {
	read := func(value Secret, file string) string {
		if err != nil || file == "" {
			return string(value)
		}
		var b []byte
		if b, err = os.ReadFile(file); err != nil {
			return ""
		}
		text := strings.TrimSpace(string(b))
		if text == "" {
			err = fmt.Errorf("%s is empty", file)
		}
		return text
	}
	s.bot = read(c.BotToken, c.BotTokenFile)
	s.app = read(c.AppToken, c.AppTokenFile)
	s.signing = read(c.SigningSecret, c.SigningSecretFile)
	if err != nil {
		return secrets{}, fmt.Errorf("slack: %w", err)
	}
	return s, nil
}
