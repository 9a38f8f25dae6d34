package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pointsman/pointsman"
)

// TestTheListSaysThatItIsNotAll: of a storm's three hundred incidents the real outage is among the first, which are shown last.
func TestTheListSaysThatItIsNotAll(t *testing.T) {
	t.Parallel()
	list := func(n int, all bool) string {
		var incidents []pointsman.Incident
		for i := range n {
			incidents = append(incidents, pointsman.Incident{ID: fmt.Sprintf("INC-%d", 300-i), State: pointsman.IncidentOpen})
		}
		var out strings.Builder
		printIncidents(&out, incidents, all)
		return out.String()
	}
	if got := list(200, false); !strings.HasSuffix(got, "\nthese are 200; older ones: pointsman incidents --before INC-101\n") {
		t.Errorf("the end of two hundred is %q", got[len(got)-100:])
	}
	for n, want := range map[int]string{0: "no incident is open\n", 3: "INC-298"} {
		if got := list(n, false); !strings.Contains(got, want) || strings.Contains(got, "older") {
			t.Errorf("%d incidents: %q", n, got)
		}
	}
	if got := list(0, true); got != "there is no incident\n" {
		t.Errorf("none at all: %q", got)
	}
}

// TestWhatAnAbortLeavesIsPrintedAsItIsPasted, for the night in which Slack is away as well.
func TestWhatAnAbortLeavesIsPrintedAsItIsPasted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printLeft(&out, []pointsman.Left{
		{N: 2, Step: "fence", State: pointsman.StepNotUndone, Undo: true, Note: "pg-1 stays fenced", Commands: []string{"psql -h db-1 -c 'SELECT 1'"}},
		{N: 4, Step: "verify", State: pointsman.StepPending, Commands: []string{"sh -c 'set -e\nstop  app'", "printf '\x1b[2J'"}},
	})
	want := "  to be undone by hand: 2. fence (not_undone)\n    # pg-1 stays fenced\n    psql -h db-1 -c 'SELECT 1'\n  to be done by hand: 4. verify (pending)\n" +
		"    sh -c 'set -e\nstop  app'\n    # not as it is, it has characters that cannot be shown: \"printf '\\x1b[2J'\"\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}
