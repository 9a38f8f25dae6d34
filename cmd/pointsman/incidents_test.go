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
