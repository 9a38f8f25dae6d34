package pointsman

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pager is what the log tells PagerDuty, a line for each event: "triggered 2@dba".
func (s *story) pager() (out []string) {
	s.t.Helper()
	for _, ev := range s.log {
		if !strings.HasPrefix(string(ev.Type), "page.") {
			continue
		}
		line := strings.TrimPrefix(string(ev.Type), "page.")
		for _, p := range pagesOf(ev) {
			line += fmt.Sprintf(" %d@%s", p.N, p.Service)
		}
		out = append(out, line)
	}
	return out
}

func (s *story) paged(want ...string) {
	s.t.Helper()
	if d := cmp.Diff(want, s.pager()); d != "" {
		s.t.Fatal(d)
	}
}

// undecided brings the story to a page because nobody decides.
func (s *story) undecided() Proposal {
	s.t.Helper()
	p := s.ready(1)
	s.now = s.state.Incident.EscalateAt
	s.do(Tick{Incident: "INC-1"})
	return p
}

// fails carries the approved run to a step that fails, which parks it.
func (s *story) fails() {
	s.t.Helper()
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}})
	s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepFailed, Note: "pg-1 does not answer"})
	if got := s.state.Runs[0].State; got != RunParked {
		s.t.Fatalf("the run is %s", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	t.Run("what goes wrong after an acknowledgement is a page of its own, and the ends reach both", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.undecided()
		s.cast(dbaA, Approve, p.Digest)
		s.fails()
		s.paged("triggered 1@dba", "acknowledged 1@dba", "triggered 2@dba")
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbAbort, Reason: "by hand", By: dbaA}), CodeAccepted, "")
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.paged("triggered 1@dba", "acknowledged 1@dba", "triggered 2@dba", "acknowledged 1@dba 2@dba", "resolved 1@dba 2@dba")
	})
	t.Run("so is one before it: whoever acknowledged in PagerDuty did not tell us", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.undecided()
		s.do(splitBrain())
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("the same cause is one page, however often it is seen", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.undecided()
		s.do(splitBrain())
		for range 3 {
			s.now = s.now.Add(time.Minute)
			s.do(Tick{Incident: "INC-1"})
			s.do(splitBrain())
			s.do(webhook(primaryDown("f1", night, AlertFiring)))
			s.do(webhook(primaryDown("f2", night, AlertFiring)))
		}
		s.paged("triggered 1@dba", "triggered 2@dba")
	})
	t.Run("a number is not given out again when the incident is opened again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.undecided()
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.now = s.now.Add(time.Minute)
		s.do(webhook(primaryDown("f1", s.now, AlertFiring)))
		s.now = s.state.Incident.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		s.paged("triggered 1@dba", "resolved 1@dba", "triggered 2@dba")
	})
	t.Run("numbers leap where the log has lost its end, for it may have held a page that is acknowledged", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.undecided()
		s.do(LoseEnd{Incident: "INC-1", Text: "the log has lost its end"})
		s.paged("triggered 1@dba", "triggered 1002@dba")
	})
}

// The alert that joins brings its own service; PagerDuty takes the end of a page at the service of its beginning only.
func TestAPageEndsAtItsService(t *testing.T) {
	t.Parallel()
	joined := webhook(primaryDown("f2", night.Add(time.Hour), AlertFiring))
	joined.Escalate.Service = "api"
	atOnce := func(s *story) { // an alarm has paged at dba, it is over, and a person's request keeps the incident open
		s.do(splitBrain())
		s.want(s.do(Request{Key: "target:postgres/orders", Offer: webhook().Offers[0], By: dbaA}), CodeAccepted, "")
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		s.do(over)
		s.want(s.do(joined), CodeAccepted, "1 firing")
	}
	t.Run("resolved", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		atOnce(s)
		s.do(CloseIncident{Incident: "INC-1", Reason: "a false alarm", By: dbaA})
		s.paged("triggered 1@dba", "resolved 1@dba")
	})
	t.Run("and the next page goes to the new one", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		atOnce(s)
		s.now = s.state.Incident.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		s.do(CloseIncident{Incident: "INC-1", Reason: "a false alarm", By: dbaA})
		s.paged("triggered 1@dba", "triggered 2@api", "resolved 1@dba 2@api")
	})
	t.Run("also where a more urgent alert has somebody else paged", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		alarm := splitBrain()
		alarm.Escalate.After = 0
		s.do(alarm)
		s.want(s.do(joined), CodeAccepted, "1 firing")
		s.now = s.state.Incident.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		s.do(CloseIncident{Incident: "INC-1", Reason: "a false alarm", By: dbaA})
		s.paged("triggered 1@dba", "triggered 2@api", "resolved 1@dba 2@api")
	})
	t.Run("and what joins at the same service leaves nothing that an older version does not know", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		same := joined
		same.Escalate.Service = "dba"
		s.do(splitBrain())
		s.do(Request{Key: "target:postgres/orders", Offer: webhook().Offers[0], By: dbaA})
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		s.do(over)
		s.do(same)
		if got := s.state.Incident.Pages; got != nil {
			t.Fatal(got)
		}
	})
	t.Run("also where it had no name and the alarm gives one", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		nobody := webhook(primaryDown("f1", night, AlertFiring))
		nobody.Escalate.Service = ""
		s.do(nobody)
		s.now = s.state.Incident.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		s.do(splitBrain())
		s.do(CloseIncident{Incident: "INC-1", Reason: "a false alarm", By: dbaA})
		s.paged("triggered 1@", "triggered 2@dba", "resolved 1@ 2@dba")
	})
}

// Before pages had numbers an incident said only that it had paged. What such a version wrote goes on, and what needs
// no number is written as then, so that during an upgrade that version still takes votes on it.
func TestPagesOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	for state, want := range map[PageState][]string{
		PageTriggered:    {"triggered 2@dba", "acknowledged 1@dba 2@dba"},
		PageAcknowledged: {"triggered 2@dba", "acknowledged 1@dba 2@dba"},
		PageResolved:     {"triggered 2@dba", "acknowledged 2@dba"},
		PageNone:         {"triggered 1@dba", "acknowledged 1@dba"},
	} {
		s := begin(t)
		p := s.ready(1)
		s.state.Incident.Page = state
		s.now = s.state.Incident.EscalateAt
		s.do(Tick{Incident: "INC-1"})
		s.cast(dbaA, Approve, p.Digest)
		s.paged(want...)
	}
	s := begin(t)
	p := s.undecided()
	s.cast(dbaA, Approve, p.Digest)
	s.do(webhook(primaryDown("f1", night, AlertResolved)))
	for _, ev := range s.log {
		if strings.HasPrefix(string(ev.Type), "page.") && strings.Contains(string(ev.Data), `"pages"`) {
			t.Errorf("%s carries %s", ev.Type, ev.Data)
		}
	}
	doc, err := json.Marshal(s.state.Incident)
	if err != nil || strings.Contains(string(doc), `"pages":`) || strings.Contains(string(doc), `"paged":`) {
		t.Errorf("the incident is stored as %s, %v", doc, err)
	}
}
