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
