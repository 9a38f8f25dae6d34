package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// An alarm of another incident on the same target is no lock: nobody can unlock it, and somebody has to look.
func TestAnAlarmOfAnotherIncidentIsNoLock(t *testing.T) {
	t.Parallel()
	s := begin(t).ready()
	s.state.Protections = []pointsman.Protection{{
		Target: "postgres/orders", Alarm: pointsman.Alarm{N: 1, Text: "split brain: 2 nodes take writes", Incident: "INC-9", Since: s.now},
	}}
	shown := textOf(s.drawn("alarm_elsewhere"))
	for _, want := range []string{"🚨 split brain: 2 nodes take writes", "in INC-9", "look at the target before you approve anything; a run that was open", "goes no further until a person who has looked", "when INC-9 is closed"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not say %q: %s", want, shown)
		}
	}
	if strings.Contains(shown, "🔒") {
		t.Errorf("it looks like a lock: %s", shown)
	}
}

// splitBrain is what the watch over orders reports.
func splitBrain() pointsman.Report {
	return pointsman.Report{
		Key: "target:postgres/orders", Target: orders, What: pointsman.SeenAlarm, Title: "Two primaries in orders", Severity: "critical",
		Text:     "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 4 and pg-2 as seen from probe-b; see the runbook postgres-split-brain",
		Escalate: pointsman.Escalation{After: 5 * time.Minute, Service: "dba"},
		Offer: pointsman.Offer{
			Runbook: "postgres-split-brain", Title: "Two primaries in a PostgreSQL cluster", Target: orders, Params: map[string]string{"cluster": "orders"}, Priority: 1,
		},
	}
}

// The worst card there is: two nodes write, and a failover is one click away on it.
func TestAnAlarmStandsOnTheCardThatTellsIt(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]func(*tale) *tale{
		"alarm_opens": func(s *tale) *tale { return s.must(splitBrain()) },
		"alarm_without_runbook": func(s *tale) *tale {
			seen := splitBrain()
			seen.Offer, seen.Text = pointsman.Offer{}, strings.TrimSuffix(seen.Text, "; see the runbook postgres-split-brain")
			s.must(seen)
			s.state.Protections = nil // as the store returns them: those of the proposals' targets
			return s
		},
		"alarm_joins": func(s *tale) *tale { return s.ready().after(time.Minute).must(splitBrain()) },
		"alarm_holds": func(s *tale) *tale {
			return s.running().must(splitBrain()).stepEnds(0, pointsman.StepDone, "")
		},
	} {
		s := told(begin(t))
		shown := []string{textOf(s.drawn(name)), textOf(bare(ViewOf(s.state, s.now)))}
		for _, c := range fits {
			shown = append(shown, textOf(c.draw(ViewOf(s.state, s.now))))
		}
		for _, card := range shown {
			if !strings.Contains(card, "🚨 split brain: 2 nodes take writes, limit 1: pg-1 on timeline 4 and pg-2 as seen from probe-b") ||
				!strings.Contains(card, "look at the target before you approve anything") {
				t.Errorf("%s: it does not say what the watch saw: %s", name, card)
			}
		}
		if strings.Contains(shown[0], "whose labels select postgres/orders") && name == "alarm_opens" {
			t.Errorf("it speaks of an alert, and there is none: %s", shown[0])
		}
		over := splitBrain()
		over.What, over.Text = pointsman.SeenOver, "one primary is seen: pg-2"
		if gone := textOf(Card(ViewOf(s.must(over).state, s.now))); strings.Contains(gone, "🚨") {
			t.Errorf("%s: it is over: %s", name, gone)
		}
	}
}

func TestAHoldSaysWhatEndsItHoweverLongItsReasonIs(t *testing.T) {
	t.Parallel()
	s := begin(t).ready().must(pointsman.Protect{
		Verb: pointsman.Lockout, Target: orders, For: 2 * time.Hour, Reason: strings.Repeat("the storage is being moved ", 30), Roles: []string{"dba"}, By: by(ben),
	})
	v := ViewOf(s.state, s.now)
	for _, c := range fits {
		if shown := textOf(c.draw(v)); !strings.Contains(shown, " · pointsman unlock postgres/orders ends it earlier") {
			t.Errorf("it does not say what ends it: %s", shown)
		}
	}
}

func TestHoldsThatDoNotFitAreCounted(t *testing.T) {
	t.Parallel()
	var all []HeldView
	for range 7 {
		all = append(all, HeldView{"🔒", "locked", "unlock ends it"})
	}
	for i, want := range []string{"and 2 more", "and 4 more", "and 5 more"} {
		if shown := textOf(fits[i].held(all)); !strings.Contains(shown, want) || !strings.Contains(shown, "`/pointsman locks` lists them all") {
			t.Errorf("%s: %s", want, shown)
		}
	}
}

// After a loss of the log's end the card has its button again. What whoever clicks it must know first stands on a card of any size.
func TestWhatMayHaveBeenBegunStandsBesideItsNewButton(t *testing.T) {
	t.Parallel()
	s := begin(t).ready().vote(ana, pointsman.Approve, "").vote(ben, pointsman.Approve, "")
	run := s.state.Runs[0]
	why := "the log ends at 3,141 and was known to go on to 3,219; look at what was done before anything is repeated"
	s.must(pointsman.LoseEnd{Incident: "INC-7", Text: why})
	p := s.state.Proposals[0]
	s.must(pointsman.Ready{Proposal: p.ID, Generation: p.Generation, Plan: run.Plan, Facts: s.facts()})
	for _, c := range fits {
		card := textOf(c.draw(ViewOf(s.state, s.now)))
		if !strings.Contains(card, "look before you approve again, INC-7/R1 may have been begun in the part that is lost") || !strings.Contains(card, `"action_id":"approve"`) {
			t.Errorf("it does not say so: %s", card)
		}
	}
}
