package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/cmd/api"
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

// TestAPageIsPrintedAsFarAsItIs: whoever reads "paged" calls nobody.
func TestAPageIsPrintedAsFarAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page pointsman.PageState
		is   *pointsman.Paging
		want string
	}{
		{pointsman.PageTriggered, nil, ""}, // an older server
		{pointsman.PageTriggered, &pointsman.Paging{}, "  paging, and the pager has not taken it yet\n"},
		{pointsman.PageTriggered, &pointsman.Paging{Taken: true}, "  paged\n"},
		{pointsman.PageTriggered, &pointsman.Paging{Late: true, Problem: "pagerduty\x1b[2J answered 500"}, "  NOT PAGED: pagerduty [2J answered 500; it is tried on. Call somebody by other means\n"},
		{pointsman.PageTriggered, &pointsman.Paging{GivenUp: true, Problem: "400"}, "  NOT PAGED, and it is not tried again: 400. Call somebody by other means\n"},
		{pointsman.PageTriggered, &pointsman.Paging{Nobody: true}, "  NOBODY CAN BE PAGED: no pager is configured. Call somebody by other means\n"},
		{pointsman.PageAcknowledged, &pointsman.Paging{Taken: true}, "  page acknowledged\n"},
		{pointsman.PageAcknowledged, &pointsman.Paging{}, ""},
	} {
		inc := api.Incident{State: pointsman.State{Incident: pointsman.Incident{ID: "INC-7", State: pointsman.IncidentOpen, Page: c.page}}, Paging: c.is}
		var out strings.Builder
		printState(&out, inc.State, paged(inc)...)
		if _, got, _ := strings.Cut(out.String(), "target -\n"); got != c.want {
			t.Errorf("%s %+v: %q, want %q", c.page, c.is, got, c.want)
		}
	}
}

// TestAQuestionThatIsOverIsNotAsked: at 03:40 nobody may search for the approver who could have accepted until 03:15.
func TestAQuestionThatIsOverIsNotAsked(t *testing.T) {
	t.Parallel()
	for until, want := range map[time.Time]string{
		time.Now().Add(time.Hour):  "  asks one more approver: ",
		time.Now().Add(-time.Hour): "  asked one more approver until ",
	} {
		r := pointsman.Run{ID: "INC-7/R1", State: pointsman.RunParked, Steps: []pointsman.RunStep{{Name: "promote", State: pointsman.StepRefused, Attempt: 1}}, Question: &pointsman.Question{
			Digest: strings.Repeat("5f", 32), Until: until, Excess: []pointsman.Excess{{Name: "lost_bytes", Text: "loss <= 425,984 B", Was: "loss <= 213,792 B"}},
		}}
		var out strings.Builder
		printState(&out, pointsman.State{Runs: []pointsman.Run{r}})
		if strings.Count(out.String(), "one more approver") != 1 || !strings.Contains(out.String(), want) {
			t.Errorf("want %q: %s", want, out.String())
		}
	}
}

// TestAnAlarmIsPrintedWithoutARunbook: the store returns the alarms of the proposals' targets, and without the runbook there is
// no proposal.
func TestAnAlarmIsPrintedWithoutARunbook(t *testing.T) {
	t.Parallel()
	for state, want := range map[pointsman.IncidentState]string{
		pointsman.IncidentOpen: "split brain: pg-1 and pg-2 (alarm on postgres/orders, in INC-7): a run that was open when it came goes no further until a person " +
			"who has looked lets it go on; it ends when the watch sees its end, or when INC-7 is closed\n",
		pointsman.IncidentResolved: "", // kept for a watch that still sees it
	} {
		var out strings.Builder
		printState(&out, pointsman.State{Incident: pointsman.Incident{
			ID: "INC-7", State: state, Alarm: "split brain: pg-1 and pg-2", Target: pointsman.Target{Kind: "postgres", Name: "orders"},
		}})
		if _, got, _ := strings.Cut(out.String(), "target postgres/orders\n"); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}
