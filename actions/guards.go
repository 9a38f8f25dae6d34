package actions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pointsman/pointsman"
)

// Guards is the section "guards": what protects targets beyond one run.
type Guards struct {
	Lock       May            `yaml:"lock"`        // who may lock and unlock a target
	Freeze     May            `yaml:"freeze"`      // who may freeze and unfreeze everything
	Cooldown   time.Duration  `yaml:"cooldown"`    // after a failover; 0s for none
	MaxTargets int            `yaml:"max_targets"` // of one run
	Targets    []TargetGuards `yaml:"targets"`
	Groups     []Group        `yaml:"groups"`
}

// May says who may do something. No role means nobody.
type May struct {
	Roles []string `yaml:"roles"`
}

// TargetGuards are the settings of one target, or of all of a kind ("postgres/*"). The first that fits counts.
type TargetGuards struct {
	Target   string         `yaml:"target"`
	Cooldown *time.Duration `yaml:"cooldown"`
	// NoAutomation: suggested runs are refused inside these windows. A person may still ask.
	NoAutomation []Window `yaml:"no_automation"`
	// OnlyWithin: planned work is refused outside these windows.
	OnlyWithin []Window `yaml:"only_within"`
}

// Group is a set of targets that carry a load together.
type Group struct {
	Name        string   `yaml:"name"`
	Targets     []string `yaml:"targets"`
	KeepHealthy int      `yaml:"keep_healthy"` // how many must be healthy beside those that a run works on
}

// DefaultGuards are the guards of a configuration that says nothing: a cool-down of one hour, one target per run.
func DefaultGuards() Guards { return Guards{Cooldown: time.Hour, MaxTargets: 1} }

// of finds the settings of a target.
func (g Guards) of(key string) TargetGuards {
	kind, _, _ := strings.Cut(key, "/")
	for _, t := range g.Targets {
		if t.Target == key || t.Target == kind+"/*" {
			return t
		}
	}
	return TargetGuards{}
}

// cooldown is how long after a failover of the target another run needs more than usual.
func (g Guards) cooldown(key string) time.Duration {
	if own := g.of(key).Cooldown; own != nil {
		return *own
	}
	return g.Cooldown
}

// Validate reports everything that is wrong with the section. known are the keys of the configured targets.
func (g Guards) Validate(known []string) []pointsman.Fault {
	var faults []pointsman.Fault
	fault := func(path, format string, args ...any) {
		faults = append(faults, pointsman.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if g.MaxTargets < 1 {
		fault("max_targets", "%d is less than 1, so nothing could run", g.MaxTargets)
	}
	for i, t := range g.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		kind, all := strings.CutSuffix(t.Target, "/*")
		if !slices.Contains(known, t.Target) && (!all || !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, kind+"/") })) {
			fault(at+".target", "%q is no configured target such as postgres/orders, nor a kind such as postgres/*; configured are %s", t.Target, cmp.Or(strings.Join(known, ", "), "none"))
		}
		for name, list := range map[string][]Window{"no_automation": t.NoAutomation, "only_within": t.OnlyWithin} {
			for j, w := range list {
				if _, err := w.read(); err != nil {
					fault(fmt.Sprintf("%s.%s[%d]", at, name, j), "%v", err)
				} else if w.Name == "" {
					fault(fmt.Sprintf("%s.%s[%d].name", at, name, j), "a window needs a name; it stands in the refusal")
				}
			}
		}
	}
	for i, one := range g.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		for j, key := range one.Targets {
			switch {
			case !slices.Contains(known, key):
				fault(fmt.Sprintf("%s.targets[%d]", at, j), "%q is no configured target; configured are %s", key, cmp.Or(strings.Join(known, ", "), "none"))
			case !strings.HasPrefix(key, "service/"):
				fault(fmt.Sprintf("%s.targets[%d]", at, j), "the health of %s cannot be measured for a group; only a service has health addresses", key)
			}
		}
		switch {
		case one.Name == "":
			fault(at, "a group needs a name; it stands in the refusal")
		case one.KeepHealthy < 1 || one.KeepHealthy >= len(one.Targets):
			fault(at+".keep_healthy", "%d of %d targets: at least 1 must stay, and at least 1 must be left to work on", one.KeepHealthy, len(one.Targets))
		}
	}
	return faults
}
