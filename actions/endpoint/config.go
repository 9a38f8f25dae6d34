package endpoint

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// DefaultTimeout bounds one run of a command.
const DefaultTimeout = 10 * time.Second

// Config is the list targets.endpoint.
type Config []Target

// Target is one address that may be switched: a variable of a file, or what two commands show and set.
type Target struct {
	Name        string   `yaml:"name"`
	Environment string   `yaml:"environment"`
	Drills      bool     `yaml:"drills"` // exercises may change it like an outage would
	Match       []string `yaml:"match"`  // Alertmanager matchers: labels only select a configured endpoint
	File        string   `yaml:"file"`   // an environment file on this host
	Variable    string   `yaml:"variable"`
	// Show prints the address as it is now, Set changes it: argv without a shell, in which {old} and {new} are replaced.
	Show    []string      `yaml:"show"`
	Set     []string      `yaml:"set"`
	Timeout time.Duration `yaml:"timeout"` // of one command, 10 s by default
	Places  []Place       `yaml:"places"`  // where it may lead; a step can only choose among them
}

// Place is one server that the endpoint may lead to.
type Place struct {
	Name    string `yaml:"name"`    // as steps name it, for example a node of a cluster
	Address string `yaml:"address"` // "db-1.internal:5432"
}

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	address  = regexp.MustCompile(`^[A-Za-z0-9_.:\[\]-]+$`) // what may stand in a file or an argument without quotes
)

// Validate reports everything that is wrong with the list, without reading or running anything.
func (c Config) Validate() []pointsman.Fault {
	var faults []pointsman.Fault
	var names []string
	for i, t := range c {
		fault := func(path, format string, args ...any) {
			faults = append(faults, pointsman.Fault{Path: fmt.Sprintf("[%d]%s", i, path), Text: fmt.Sprintf(format, args...)})
		}
		if t.Name == "" || slices.Contains(names, t.Name) {
			fault(".name", "an endpoint needs a name of its own")
		}
		names = append(names, t.Name)
		switch file, command := t.File != "" || t.Variable != "", len(t.Show)+len(t.Set) > 0; {
		case file == command:
			fault("", "set file and variable, or show and set, and not both")
		case file && !filepath.IsAbs(t.File):
			fault(".file", "the absolute path of the environment file is needed, such as /srv/api/.env")
		case file && !variable.MatchString(t.Variable):
			fault(".variable", "%q is no name of a variable, such as DATABASE_URL", t.Variable)
		case command && (len(t.Show) == 0 || strings.TrimSpace(t.Show[0]) == ""):
			fault(".show", "a program that prints the address is needed: without it nothing could be compared")
		case command && (len(t.Set) == 0 || strings.TrimSpace(t.Set[0]) == ""):
			fault(".set", "a program that sets the address is needed")
		case command && !slices.ContainsFunc(t.Set, func(arg string) bool { return strings.Contains(arg, "{new}") }):
			fault(".set", "no argument has {new}: it would set the same address always")
		}
		if t.Timeout < 0 {
			fault(".timeout", "%s is negative", t.Timeout)
		}
		if len(t.Places) < 2 {
			fault(".places", "at least 2 places are needed, there is nothing to switch between")
		}
		for j, p := range t.Places {
			if p.Name == "" || slices.ContainsFunc(t.Places[:j], func(q Place) bool { return q.Name == p.Name || q.Address == p.Address }) {
				fault(fmt.Sprintf(".places[%d]", j), "a place needs a name and an address of its own")
			}
			if !address.MatchString(p.Address) {
				fault(fmt.Sprintf(".places[%d].address", j), "%q is not like db-1.internal:5432", p.Address)
			}
		}
	}
	return faults
}

func (t Target) place(name string) (Place, error) {
	var names []string
	for _, p := range t.Places {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Place{}, fmt.Errorf("endpoint %s has no place %q; it has %s", t.Name, name, strings.Join(names, ", "))
}
