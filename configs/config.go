package configs

import (
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
	"github.com/pointsman/pointsman/alerts"
	"github.com/pointsman/pointsman/bot"
	"github.com/pointsman/pointsman/comms/pagerduty"
	"github.com/pointsman/pointsman/store"
)

// Config is everything that one file, the environment and flags say. Sections that belong to a room have that room's
// type.
type Config struct {
	Web          Web              `yaml:"web"`
	Storage      store.Config     `yaml:"storage"`
	Alertmanager alerts.Config    `yaml:"alertmanager"`
	Slack        bot.Config       `yaml:"slack"`
	PagerDuty    pagerduty.Config `yaml:"pagerduty"`
	People       []Person         `yaml:"people"`
	Targets      Targets          `yaml:"targets"`
	Guards       actions.Guards   `yaml:"guards"`
	Route        alerts.Route     `yaml:"route"`
	Folders      []string         `yaml:"runbooks"` // folders or files; the shipped runbooks where nothing is said
	Timings      Timings          `yaml:"timings"`
	Audit        Audit            `yaml:"audit"`
	Log          Log              `yaml:"log"`

	Runbooks []pointsman.Runbook `yaml:"-"` // as read from Folders
	File     string              `yaml:"-"`
	Digest   string              `yaml:"-"` // SHA-256 of the targets, hex: what decides what a plan would do

	origin map[string]place
}

// Web is where the server listens.
type Web struct {
	Listen      string `yaml:"listen"`       // host:port
	ExternalURL string `yaml:"external_url"` // how people's browsers reach it; for links
	Socket      string `yaml:"socket"`       // Unix socket for the command line; empty for none
	TLSCert     string `yaml:"tls_cert_file"`
	TLSKey      string `yaml:"tls_key_file"`
}

// Timings are the engine's and the clock's periods.
type Timings struct {
	UpdateEvery  time.Duration `yaml:"update_every"`  // how often people are told about an open incident
	Lease        time.Duration `yaml:"lease"`         // after this without a heartbeat another replica takes a run over
	Heartbeat    time.Duration `yaml:"heartbeat"`     // how often a lease is renewed
	Sweep        time.Duration `yaml:"sweep"`         // how often ended leases and due timers are looked for
	CheckTimeout time.Duration `yaml:"check_timeout"` // the deadline of one check
	Tries        int           `yaml:"tries"`         // how many attempts of a step at most that send nothing
}

// Audit is what makes tampering with the log visible.
type Audit struct {
	KeyFile string `yaml:"key_file"` // Ed25519 key of the checkpoints; made at the first start
}

// Log is how the server speaks to its operator.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Web:     Web{Listen: "127.0.0.1:9096", Socket: "/run/pointsman/pointsman.sock"},
		Storage: store.Config{Driver: "sqlite", Path: "data/pointsman.db", Keep: store.DefaultKeep},
		Timings: Timings{UpdateEvery: 10 * time.Minute, Lease: 6 * time.Second, Heartbeat: 2 * time.Second, Sweep: time.Second, CheckTimeout: 3 * time.Second, Tries: actions.DefaultTries},
		Guards:  actions.DefaultGuards(),
		Audit:   Audit{KeyFile: "data/audit.key"},
		Log:     Log{Level: "info", Format: "text"},
	}
}

// Runbook finds a runbook by name.
func (c *Config) Runbook(name string) (pointsman.Runbook, bool) {
	for _, rb := range c.Runbooks {
		if rb.Name == name {
			return rb, true
		}
	}
	return pointsman.Runbook{}, false
}
