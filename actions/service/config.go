package service

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/actions"
)

// Config is the list targets.service.
type Config []Target

// Target is a service: how one sees that it is well, and what may be done to it.
type Target struct {
	Name        string              `yaml:"name"`
	Environment string              `yaml:"environment"`
	Drills      bool                `yaml:"drills"` // exercises may change it like an outage would
	Match       []string            `yaml:"match"`  // Alertmanager matchers: labels only select a configured service
	Health      []Health            `yaml:"health"`
	Commands    map[string][]string `yaml:"commands"` // by name: a program and its arguments, run without a shell
	// Env names the variables of our own environment that commands get; they get no others.
	Env []string `yaml:"env"`
}

// Health is an address that answers well while the service is well.
type Health struct {
	URL      string `yaml:"url"`
	Status   int    `yaml:"status"`   // the status that is well, 200 by default
	Contains string `yaml:"contains"` // what the first MiB of the answer must contain, if anything
}

func (h Health) status() int {
	if h.Status == 0 {
		return http.StatusOK
	}
	return h.Status
}

// shown is the address without a password.
func (h Health) shown() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return "health address"
	}
	return u.Redacted()
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate reports everything that is wrong with the list, without running or asking anything.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	seen := map[string]bool{}
	for i, t := range c {
		fault := func(path, format string, args ...any) {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("[%d]%s", i, path), Text: fmt.Sprintf(format, args...)})
		}
		switch {
		case t.Name == "":
			fault(".name", "a service needs a name")
		case seen[t.Name]:
			fault(".name", "%q is configured twice", t.Name)
		}
		seen[t.Name] = true
		for j, h := range t.Health {
			path := fmt.Sprintf(".health[%d]", j)
			if u, err := url.Parse(h.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				fault(path+".url", "no URL such as http://127.0.0.1:8000/health")
			}
			if s := h.status(); s < 100 || s > 599 {
				fault(path+".status", "%d is no HTTP status", s)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(t.Commands)) {
			if argv := t.Commands[name]; len(argv) == 0 || strings.TrimSpace(argv[0]) == "" {
				fault(".commands."+name, "is empty; write the program and its arguments as a list: [systemctl, restart, %s.service]", t.Name)
			}
		}
		for j, name := range t.Env {
			if !variable.MatchString(name) {
				fault(fmt.Sprintf(".env[%d]", j), "%q is no name of an environment variable", name)
			}
		}
	}
	return faults
}

// catalog finds services by name.
type catalog struct {
	order  []string
	byName map[string]Target
	unread bool // no configuration was read, so any name may be that of a service
}

// Unconfigured are the actions where no configuration was read, as for pointsman runbook lint: their arguments can be
// looked at, and which services there are cannot be known.
func Unconfigured() []actions.Action {
	return (&catalog{unread: true}).kinds()
}

// Kinds are the actions on the configured services.
func Kinds(cfg Config) ([]actions.Action, error) {
	if faults := cfg.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("targets.service: %w", faults[0])
	}
	c := &catalog{byName: map[string]Target{}}
	for _, t := range cfg {
		c.order = append(c.order, t.Name)
		c.byName[t.Name] = t
	}
	return c.kinds(), nil
}

func (c *catalog) kinds() []actions.Action { return []actions.Action{newCheck(c), run{c}} }

// pick finds the service that the arguments name, or the run's target.
func (c *catalog) pick(name string, in actions.Input) (Target, error) {
	if name == "" && in.Target.Kind == "service" {
		name = in.Target.Name
	}
	if t, ok := c.byName[name]; ok {
		return t, nil
	}
	if name == "" {
		return Target{}, fmt.Errorf("service is missing: name one of %s", strings.Join(c.order, ", "))
	}
	return Target{}, fmt.Errorf("there is no service %q; configured are %s", name, orNone(c.order))
}

// open reports a name that cannot be held against the services: a parameter will fill it in later, because runbook lint
// reads the arguments as they are written, or nobody knows which there are.
func (c *catalog) open(name string, in actions.Input) bool {
	return c.unread || actions.Reference(name) || name == "" && in.Target.Kind == ""
}
