package configs

import "time"

// Slack is the workspace and the channel.
type Slack struct {
	Enabled           bool   `yaml:"enabled"`
	BotToken          Secret `yaml:"bot_token"`
	BotTokenFile      string `yaml:"bot_token_file"`
	AppToken          Secret `yaml:"app_token"`
	AppTokenFile      string `yaml:"app_token_file"`
	SigningSecret     Secret `yaml:"signing_secret"`
	SigningSecretFile string `yaml:"signing_secret_file"`
	Team              string `yaml:"team"`
	Channel           string `yaml:"channel"`
	Mode              string `yaml:"mode"`
	APIURL            string `yaml:"api_url"`
}

// PagerDuty is who is paged.
type PagerDuty struct {
	EventsURL      string         `yaml:"events_url"`
	Services       []PagerService `yaml:"services"`
	DefaultService string         `yaml:"default_service"`
}

// PagerService is one PagerDuty service.
type PagerService struct {
	Name           string `yaml:"name"`
	RoutingKey     Secret `yaml:"routing_key"`
	RoutingKeyFile string `yaml:"routing_key_file"`
}

// PostgresTarget is one cluster.
type PostgresTarget struct {
	Name        string   `yaml:"name"`
	Environment string   `yaml:"environment"`
	Match       []string `yaml:"match"`
	Database    string   `yaml:"database"`
	Nodes       []Node   `yaml:"nodes"`
	Clients     Address  `yaml:"clients"`
	Probes      []Probe  `yaml:"probes"`
	Fence       Fence    `yaml:"fence"`
	Heartbeat   string   `yaml:"heartbeat_table"`
	Limits      Limits   `yaml:"limits"`
}

// Node is one server of a cluster.
type Node struct {
	Name    string `yaml:"name"`
	DSN     Secret `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

// Address is a DSN.
type Address struct {
	DSN     Secret `yaml:"dsn"`
	DSNFile string `yaml:"dsn_file"`
}

// Probe is another vantage point.
type Probe struct {
	Name      string `yaml:"name"`
	URL       string `yaml:"url"`
	Token     Secret `yaml:"token"`
	TokenFile string `yaml:"token_file"`
}

// Fence is the stop hook.
type Fence struct {
	Command []string      `yaml:"command"`
	Timeout time.Duration `yaml:"timeout"`
}

// Limits are bounds of what may be lost.
type Limits struct {
	LostBytes int64         `yaml:"lost_bytes"`
	LostTime  time.Duration `yaml:"lost_time"`
}

// KillSwitchTarget is one switch.
type KillSwitchTarget struct {
	Name        string        `yaml:"name"`
	Environment string        `yaml:"environment"`
	Match       []string      `yaml:"match"`
	DSN         Secret        `yaml:"dsn"`
	DSNFile     string        `yaml:"dsn_file"`
	Table       string        `yaml:"table"`
	ID          int64         `yaml:"id"`
	StaleAfter  time.Duration `yaml:"stale_after"`
}

// ServiceTarget is one service.
type ServiceTarget struct {
	Name        string              `yaml:"name"`
	Environment string              `yaml:"environment"`
	Match       []string            `yaml:"match"`
	Health      []Health            `yaml:"health"`
	Commands    map[string][]string `yaml:"commands"`
}

// Health is an address that answers while the service is well.
type Health struct {
	URL      string `yaml:"url"`
	Status   int    `yaml:"status"`
	Contains string `yaml:"contains"`
}
