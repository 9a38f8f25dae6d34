package pointsman

import (
	"strings"
	"testing"
	"time"
)

func TestWhoNamesNoModeGetsTheRunbooksFirstAndNeverADrill(t *testing.T) {
	t.Parallel()
	answers := []AnswerTo{{Matchers: []string{`alertname="X"`}}}
	for name, tc := range map[string]struct {
		rb   Runbook
		word Mode
		want Mode
		says string
	}{
		"what answers alerts is for incidents": {Runbook{Answers: answers}, "", ModeIncident, ""},
		"what answers none is planned":         {Runbook{}, "", ModePlanned, ""},
		"the first of the file":                {Runbook{Answers: answers, Modes: []Mode{ModePlanned, ModeIncident}}, "", ModePlanned, ""},
		"a word counts":                        {Runbook{}, ModeIncident, ModeIncident, ""},
		"a file that says nothing: no drill":   {Runbook{Name: "x"}, ModeDrill, "", "x does not run in mode drill; its file permits planned, incident, under modes"},
		"what the file does not list":          {Runbook{Name: "x", Modes: []Mode{ModeIncident, ModeDrill}}, ModePlanned, "", "its file permits incident, drill"},
		"a word that is none":                  {Runbook{}, "test", "", `"test" is no mode; there are incident, planned, drill`},
		"a drill is asked for by name":         {Runbook{Name: "x", Modes: []Mode{ModeDrill}}, "", "", "ask for one with mode=drill"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.rb.ModeOf(tc.word)
			if got != tc.want || (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

// exercise brings the story to a drill whose first step failed, as asked by ben and approved by ana.
func exercise(t *testing.T) *story {
	t.Helper()
	s := begin(t)
	o := webhook().Offers[0]
	o.Mode = ModeDrill
	s.want(s.do(Request{Key: "target:postgres/orders", By: dbaB, Offer: o, Reason: "quarterly"}), CodeAccepted, "is being checked")
	plan, err := DecodePlan(planBytes(t, 1, "pg-2"))
	if err != nil {
		t.Fatal(err)
	}
	plan.Mode = ModeDrill
	raw, err := plan.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if d := Differences(planBytes(t, 1, "pg-2"), raw); len(d) != 1 || d[0] != "mode: none -> drill" {
		t.Fatal(d)
	}
	s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: raw})
	s.want(s.cast(dbaA, Approve, Digest(raw)), CodeAccepted, "approved")
	s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: crew}), CodeAccepted, "started")
	s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepFailed, Note: "the hook failed"})
	return s
}

func TestADrillIsMarkedEverywhereAndWakesNobody(t *testing.T) {
	t.Parallel()
	t.Run("each entry of the log about it says so", func(t *testing.T) {
		t.Parallel()
		s := exercise(t)
		if r := s.state.Runs[0]; r.Mode != ModeDrill || r.State != RunParked || !s.state.Drill() {
			t.Fatalf("%s %s", r.Mode, r.State)
		}
		for _, ev := range s.log {
			if !strings.HasPrefix(ev.Text, "DRILL: ") || strings.Count(ev.Text, "DRILL") > 1 {
				t.Errorf("%s: %s", ev.Type, ev.Text)
			}
		}
		if s.count(EvPageTriggered) != 0 {
			t.Error("a drill that parked woke somebody")
		}
	})
	t.Run("alerts ask in mode incident beside it, and then it counts like any run", func(t *testing.T) {
		t.Parallel()
		s := exercise(t)
		alert := webhook(primaryDown("f1", night, AlertFiring))
		alert.Offers[0].Mode = ModeDrill // whatever is written there
		s.do(alert)
		if p := s.state.Proposals[1]; p.Mode != ModeIncident || s.state.Drill() {
			t.Fatalf("%s, a drill: %t", p.Mode, s.state.Drill())
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2, Checked: true})
		s.do(EndStep{Run: "INC-1/R1", Epoch: 2, Step: 0, State: StepFailed, Note: "again"})
		if !strings.HasPrefix(s.last(EvPageTriggered), "DRILL: INC-1/R1 is parked") {
			t.Fatal(s.last(EvPageTriggered))
		}
	})
	t.Run("a run of alerts pages as ever", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.started()
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepFailed})
		if s.count(EvPageTriggered) != 1 || strings.Contains(s.last(EvPageTriggered), "DRILL") {
			t.Fatal(s.last(EvPageTriggered))
		}
	})
	t.Run("a drill that is voided starts no escalation", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.now = s.now.Add(time.Minute)
		o := webhook().Offers[0]
		o.Mode = ModeDrill
		ans := s.do(Request{Incident: "INC-1", By: dbaB, Offer: o, Reason: "quarterly"})
		s.want(ans, CodeAccepted, "is being checked")
		plan, _ := DecodePlan(planBytes(t, 1, "pg-2"))
		plan.Mode = ModeDrill
		raw, _ := plan.Encode()
		s.do(Ready{Proposal: ans.ID, Generation: 1, Plan: raw})
		s.want(s.do(CastVote{Proposal: ans.ID, Digest: Digest(raw), Verdict: Approve, By: dbaA}), CodeAccepted, "approved")
		no := Fact{Kind: Hard, Name: "x", Result: Fail, Text: "it moved"}
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: crew, Facts: []Fact{no}}), CodeChanged, "it moved")
		if !s.state.Incident.EscalateAt.IsZero() {
			t.Fatal("somebody would be paged")
		}
	})
}
