package pagerduty

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/pointsman/pointsman"
)

// Config is the section "pagerduty".
type Config struct {
	EventsURL      string    `yaml:"events_url"` // default https://events.pagerduty.com; in Europe https://events.eu.pagerduty.com
	Services       []Service `yaml:"services"`
	DefaultService string    `yaml:"default_service"` // whom a page goes to whose runbook names nobody; default: the first
}

// Service is a PagerDuty service with an Events API v2 integration. Its key is read anew at each page, so that it can
// be replaced without a restart.
type Service struct {
	Name           string `yaml:"name"`
	RoutingKey     string `yaml:"routing_key"`
	RoutingKeyFile string `yaml:"routing_key_file"`
	RoutingKeyEnv  string `yaml:"routing_key_env"` // the name of an environment variable
}

// Validate reports what is wrong with the section, without reading files.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if c.EventsURL != "" {
		if u, err := url.Parse(c.EventsURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			fault("events_url", "%q is no URL such as https://events.pagerduty.com", c.EventsURL)
		}
	}
	seen := map[string]bool{}
	for i, s := range c.Services {
		path := fmt.Sprintf("services[%d]", i)
		switch {
		case s.Name == "":
			fault(path+".name", "a service needs a name, by which runbooks and routes call it")
		case seen[s.Name]:
			fault(path+".name", "service %q is there twice", s.Name)
		}
		seen[s.Name] = true
		if n := s.sources(); n != 1 {
			fault(path, "%d sources of a routing key, want exactly one of routing_key_file, routing_key_env, routing_key", n)
		}
	}
	if c.DefaultService != "" && !seen[c.DefaultService] {
		fault("default_service", "no service %q is configured", c.DefaultService)
	}
	return faults
}

// Enabled reports whether anybody can be paged.
func (c Config) Enabled() bool { return len(c.Services) > 0 }

func (s Service) sources() int {
	n := 0
	for _, v := range []string{s.RoutingKey, s.RoutingKeyFile, s.RoutingKeyEnv} {
		if v != "" {
			n++
		}
	}
	return n
}

func (s Service) key() (string, error) {
	key := s.RoutingKey
	switch {
	case s.RoutingKeyFile != "":
		b, err := os.ReadFile(s.RoutingKeyFile)
		if err != nil {
			return "", fmt.Errorf("routing key of service %s: %w", s.Name, err)
		}
		key = string(b)
	case s.RoutingKeyEnv != "":
		key = os.Getenv(s.RoutingKeyEnv)
	}
	if key = strings.TrimSpace(key); key == "" {
		return "", fmt.Errorf("routing key of service %s is empty", s.Name)
	}
	return key, nil
}
