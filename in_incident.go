package pointsman

import (
	"slices"
	"strings"
)

// InIncident takes "incident=INC-7" off the words with which a person asks for a runbook: the run belongs to that incident, not to the
// one of its target. An alert that two targets match is in an incident of neither. A second one is left, and fits no parameter.
func InIncident(args []string) (rest []string, incident string) {
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "incident=") })
	if i < 0 {
		return args, ""
	}
	return slices.Concat(args[:i], args[i+1:]), strings.ToUpper(strings.TrimPrefix(args[i], "incident="))
}
