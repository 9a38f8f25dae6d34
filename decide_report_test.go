package pointsman

import (
	"strings"
	"testing"
	"time"
)

const bothPrimary = "split brain: 2 nodes take writes, limit 1: pg-1 on timeline 1 and pg-2 on timeline 2"

func splitBrain() Report {
	return Report{
		Key: "target:postgres/orders", Target: orders, What: SeenAlarm, Title: "Two primaries in orders", Text: bothPrimary, Severity: "critical",
		Escalate: Escalation{After: 5 * time.Minute, Service: "dba"},
		Offer:    Offer{Runbook: "postgres-split-brain", Title: "Two primaries", Target: orders, Params: map[string]string{"cluster": "orders"}},
	}
}

func note(text string) Report {
	return Report{Key: "target:postgres/orders", Target: orders, What: SeenNote, Text: text}
}

// elsewhere is a run on the target whose incident has another key than the target's, at its first step.
func elsewhere(t *testing.T) *story {
	t.Helper()
	s := begin(t)
	p := s.ready(1)
	s.state.Incident.Key = "team:payments"
	s.cast(dbaA, Approve, p.Digest)
	s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}})
	return s
}

func TestReports(t *testing.T) {
	t.Parallel()

	t.Run("an alarm opens an incident, pages, and offers its runbook, once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(splitBrain()), CodeAccepted, bothPrimary)
		s.want(s.do(splitBrain()), CodeDuplicate, "known already")
		if s.count(EvIncidentOpened) != 1 || s.count(EvTargetAlarm) != 1 || s.count(EvPageTriggered) != 1 || s.count(EvProposalRequested) != 1 {
			t.Errorf("opened %d, alarms %d, pages %d, proposals %d; want one each", s.count(EvIncidentOpened), s.count(EvTargetAlarm), s.count(EvPageTriggered), s.count(EvProposalRequested))
		}
		s.do(Tick{Incident: "INC-1"})
		if s.state.Incident.State != IncidentOpen || s.state.Proposals[0].State != ProposalChecking {
			t.Errorf("incident %s, proposal %s: no alert fires, but the alarm stands", s.state.Incident.State, s.state.Proposals[0].State)
		}
	})

	t.Run("an alarm keeps the open run from its next step until a person says so", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.cast(dbaA, Approve, p.Digest)
		s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}})
		s.do(splitBrain())
		if got := s.state.Runs[0].State; got != RunRunning {
			t.Fatalf("run %s; the step at work ends by itself", got)
		}
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		r := s.state.Runs[0]
		if r.State != RunParked || !strings.Contains(r.Note, "step 2 (promote) was not begun: "+bothPrimary) {
			t.Errorf("run %s: %s", r.State, r.Note)
		}
		if s.count(EvStepStarted) != 1 {
			t.Errorf("%d steps began, want 1", s.count(EvStepStarted))
		}
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if s.count(EvStepStarted) != 2 {
			t.Errorf("%d steps began after the person's word, want 2", s.count(EvStepStarted))
		}
	})

	t.Run("an alarm that is told in one incident holds the target's run of another, over a takeover and after its end", func(t *testing.T) {
		t.Parallel()
		run, watch := elsewhere(t), begin(t) // the run's incident has the key of its route, the alarm's that of the target
		watch.state.Incident.ID = "INC-2"
		told := func(c Report) {
			t.Helper()
			watch.state.Protections = run.state.Protections
			watch.want(watch.do(c), CodeAccepted, c.Text)
			run.state.Protections = watch.state.Protections
		}
		told(splitBrain())
		run.do(TakeOver{Run: "INC-1/R1", Epoch: 2, Owner: "b"})
		run.do(RetryStep{Run: "INC-1/R1", Epoch: 2, Step: 0, Attempt: 1, Note: "observed not to have happened"})
		r := run.state.Runs[0]
		if r.State != RunParked || !strings.Contains(r.Note, bothPrimary+" (alarm on postgres/orders since 2026-11-21 03:00 UTC, in INC-2; look at the target first); after that, retry goes on") {
			t.Errorf("run %s: %s", r.State, r.Note)
		}
		if run.count(EvPageTriggered) != 1 {
			t.Error("nobody of the run's incident is woken")
		}
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		told(over)
		if why := (&turn{state: run.state}).heldBack(&r); !strings.Contains(why, "from 2026-11-21 03:00 UTC to 2026-11-21 03:00 UTC") {
			t.Errorf("the end of the alarm alone let the run go on: %q", why)
		}
		run.want(run.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "pg-1 is stopped", By: dbaA}), CodeAccepted, "goes on")
		run.do(WakeRun{Run: "INC-1/R1", Epoch: 3})
		if n := run.count(EvStepStarted); n != 2 {
			t.Errorf("%d steps began after the person's word, want 2", n)
		}
		told(splitBrain()) // it comes back, and the word of before was of another alarm
		run.do(EndStep{Run: "INC-1/R1", Epoch: 3, Step: 0, State: StepDone})
		if r := run.state.Runs[0]; r.State != RunParked {
			t.Errorf("run %s", r.State)
		}
		run.want(run.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		run.do(WakeRun{Run: "INC-1/R1", Epoch: 4})
		if n := run.count(EvStepStarted); n != 3 {
			t.Errorf("%d steps began although a person let it go on beside the alarm, want 3", n)
		}
	})

	t.Run("people are told in time, whether the alarm opens the incident, joins it, or is joined by alerts", func(t *testing.T) {
		t.Parallel()
		often := webhook(primaryDown("f1", night, AlertFiring))
		often.Update = 5 * time.Minute
		for name, tc := range map[string]struct {
			cmds []Command
			next time.Duration
		}{
			"alone":                          {[]Command{splitBrain()}, 10 * time.Minute},
			"joined by alerts":               {[]Command{splitBrain(), often}, 5 * time.Minute},
			"to alerts that want it oftener": {[]Command{often, splitBrain()}, 5 * time.Minute},
			"to what a person asked for":     {[]Command{Request{Key: "target:postgres/orders", By: dbaA, Offer: webhook().Offers[0], Reason: "planned"}, splitBrain()}, 10 * time.Minute},
		} {
			s := begin(t)
			for _, cmd := range tc.cmds {
				s.want(s.do(cmd), CodeAccepted, "")
			}
			inc := s.state.Incident
			if want := night.Add(tc.next); !inc.NextUpdate.Equal(want) || inc.UpdateEvery != tc.next || inc.Marks.Alerted.IsZero() {
				t.Errorf("%s: the next update is due at %s, every %s, alerted at %s; want %s", name, inc.NextUpdate, inc.UpdateEvery, inc.Marks.Alerted, want)
			}
		}
	})

	t.Run("alerts that come with a cadence to an incident without one bring it", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		seldom, often := webhook(primaryDown("f1", night, AlertFiring)), webhook(primaryDown("f2", night, AlertFiring))
		seldom.Update, often.Update = 0, 10*time.Minute
		s.do(seldom)
		s.now = night.Add(time.Minute)
		s.do(often)
		if inc := s.state.Incident; !inc.NextUpdate.Equal(night.Add(11 * time.Minute)) {
			t.Errorf("the next update is due at %s", inc.NextUpdate)
		}
	})

	t.Run("what an earlier version halted stays so until a person lets it go on", func(t *testing.T) {
		t.Parallel()
		s := elsewhere(t)
		s.state.Runs[0].Halt = bothPrimary
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "seen on the console", By: dbaA}), CodeAccepted, "goes on")
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if s.count(EvRunParked) != 1 || s.count(EvStepStarted) != 2 {
			t.Errorf("parked %d times, %d steps began", s.count(EvRunParked), s.count(EvStepStarted))
		}
	})

	t.Run("a run that waits for its worker is voided by an alarm, one that only stops things is not", func(t *testing.T) {
		t.Parallel()
		for _, exempt := range []bool{false, true} {
			s := begin(t)
			p := s.ready(1)
			s.cast(dbaA, Approve, p.Digest)
			s.state.Runs[0].Exempt = exempt
			s.do(splitBrain())
			want, text := CodeChanged, bothPrimary
			if exempt {
				want, text = CodeAccepted, "started"
			}
			s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}}), want, text)
		}
	})

	t.Run("who closes the incident of an alarm ends it, and the run that it holds still waits for a word", func(t *testing.T) {
		t.Parallel()
		run, watch := elsewhere(t), begin(t)
		watch.state.Incident.ID, watch.state.Protections = "INC-2", run.state.Protections
		watch.do(splitBrain())
		watch.want(watch.do(CloseIncident{Incident: "INC-2", Reason: "pg-1 is off", By: dbaA}), CodeAccepted, "closed")
		p := watch.state.Protections[0]
		run.state.Protections = watch.state.Protections
		run.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		if p.Alarm.Stands() || p.Alarm.N != 1 || run.state.Runs[0].State != RunParked {
			t.Errorf("alarm %+v, run %s", p.Alarm, run.state.Runs[0].State)
		}
	})

	// Of two processes on either side of a cut each sees one of the writers through the other's probe.
	t.Run("an alarm in other words is the same alarm", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(splitBrain())
		other := splitBrain()
		other.Text = "split brain: 2 nodes take writes, limit 1: pg-2 on timeline 2 and pg-1 as seen from probe-a"
		s.want(s.do(other), CodeDuplicate, "known already")
		s.do(CloseIncident{Incident: "INC-1", Reason: "pg-1 is off", By: dbaA})
		other.Since = s.now // nothing broke the sight of it since
		s.want(s.do(other), CodeDuplicate, "was closed while it stood")
		if p := s.state.Protections[0]; s.count(EvPageTriggered) != 1 || p.Alarm.N != 1 {
			t.Errorf("paged %d times, alarm %d", s.count(EvPageTriggered), p.Alarm.N)
		}
	})

	// Ana stops pg-2, but the other side has promoted pg-3 meanwhile: at no moment does one node alone take writes.
	t.Run("other nodes are told and hold the runs again, but page nobody twice", func(t *testing.T) {
		t.Parallel()
		on := func(nodes ...string) Report {
			c := splitBrain()
			c.Nodes, c.Text = nodes, "split brain: "+strings.Join(nodes, " and ")
			return c
		}
		s := elsewhere(t)
		s.state.Incident.Key = "target:postgres/orders"
		s.do(on("pg-1", "pg-2"))
		s.do(EndStep{Run: "INC-1/R1", Epoch: 1, Step: 0, State: StepDone})
		s.want(s.do(Steer{Run: "INC-1/R1", Verb: VerbRetry, Reason: "pg-2 is stopped", By: dbaA}), CodeAccepted, "goes on")
		pages := s.count(EvPageTriggered)
		s.want(s.do(on("pg-1", "pg-3")), CodeAccepted, "split brain: pg-1 and pg-3; seen to write before: pg-2")
		a := s.state.Protections[0].Alarm
		if s.state.Incident.Alarm != a.Text || a.N != 2 || s.count(EvTargetAlarm) != 2 || s.last(EvTargetAlarm) != a.Text || s.count(EvPageTriggered) != pages {
			t.Errorf("the incident says %q, the target %+v, %d alarms, %d pages", s.state.Incident.Alarm, a, s.count(EvTargetAlarm), s.count(EvPageTriggered)-pages)
		}
		s.do(WakeRun{Run: "INC-1/R1", Epoch: 2})
		if r := s.state.Runs[0]; r.State != RunParked || s.count(EvStepStarted) != 1 {
			t.Errorf("run %s: the word that let it go on was on other nodes", r.State)
		}
		for _, c := range []Report{on("pg-1", "pg-2"), on("pg-3", "pg-1"), on("pg-2", "pg-3")} { // two processes on either side of a cut
			s.want(s.do(c), CodeDuplicate, "known already")
		}
		s.now = s.now.Add(10 * time.Minute)
		s.do(Tick{Incident: "INC-1"})
		if got := s.last(EvIncidentUpdate); !strings.Contains(got, "pg-3") {
			t.Errorf("people are told %q", got)
		}
		s = begin(t)
		s.do(on("pg-1", "pg-2"))
		s.do(CloseIncident{Incident: "INC-1", Reason: "pg-2 is off", By: dbaA})
		s.want(s.do(on("pg-1", "pg-3")), CodeAccepted, "pg-3") // of it nobody has said anything
		if s.count(EvIncidentReopened) != 1 || s.count(EvPageTriggered) != 2 {
			t.Errorf("reopened %d times, %d pages", s.count(EvIncidentReopened), s.count(EvPageTriggered))
		}
		s = begin(t)
		s.do(splitBrain()) // as an earlier version keeps it, or leaves it when it writes the target's row
		s.want(s.do(on("pg-1", "pg-2")), CodeDuplicate, "known already")
		s.want(s.do(on("pg-1", "pg-3")), CodeAccepted, "pg-3")
		s.want(s.do(on("pg-1", "pg-3")), CodeDuplicate, "known already")
	})

	t.Run("an incident that is closed while its alarm stands is opened again", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(splitBrain())
		s.want(s.do(CloseIncident{Incident: "INC-1", Reason: "pg-1 is off", By: dbaA}), CodeAccepted, "closed")
		s.want(s.do(splitBrain()), CodeDuplicate, "was closed while it stood, and is opened again at")
		s.now = s.now.Add(alarmAgain - time.Minute)
		s.want(s.do(splitBrain()), CodeDuplicate, "was closed")
		s.now = s.now.Add(time.Minute)
		s.want(s.do(splitBrain()), CodeAccepted, bothPrimary)
		if s.count(EvIncidentReopened) != 1 || s.count(EvPageTriggered) != 2 || !s.state.Protections[0].Alarm.Stands() {
			t.Errorf("reopened %d times, paged %d times, alarm %+v", s.count(EvIncidentReopened), s.count(EvPageTriggered), s.state.Protections[0].Alarm)
		}
		for why, again := range map[string]func(*story) Answer{
			"it was over in between": func(s *story) Answer {
				over := splitBrain()
				over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
				s.want(s.do(over), CodeAccepted, over.Text)
				return s.do(splitBrain())
			},
			"who looks did not see it in between, and an end that nobody sees is one": func(s *story) Answer {
				s.now = s.now.Add(2 * time.Minute)
				back := splitBrain()
				back.Since = s.now.Add(-2 * time.Second)
				return s.do(back)
			},
			"an alert reopened it": func(s *story) Answer { s.do(webhook(primaryDown("f1", s.now, AlertFiring))); return s.do(splitBrain()) },
		} {
			s := begin(t)
			s.do(splitBrain())
			s.do(CloseIncident{Incident: "INC-1", Reason: "pg-1 is off", By: dbaA})
			if ans := again(s); ans.Code != CodeAccepted || s.count(EvIncidentReopened) != 1 || s.state.Incident.Alarm == "" {
				t.Errorf("%s: %+v, reopened %d times", why, ans, s.count(EvIncidentReopened))
			}
		}
	})

	t.Run("what was looked at before the end and is said after it is no new alarm", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(splitBrain())
		s.now = night.Add(time.Minute)
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		s.want(s.do(over), CodeAccepted, over.Text)
		late := splitBrain()
		late.Looked = s.now.Add(-time.Second)
		s.now = s.now.Add(2 * time.Second)
		s.want(s.do(late), CodeDuplicate, "is of before 03:01:00")
		if s.state.Incident.State != IncidentResolved || s.count(EvTargetAlarm) != 1 || s.count(EvPageTriggered) != 1 {
			t.Errorf("incident %s, %d alarms, %d pages", s.state.Incident.State, s.count(EvTargetAlarm), s.count(EvPageTriggered))
		}
		late.Looked = s.now
		s.want(s.do(late), CodeAccepted, bothPrimary)
	})

	t.Run("when it is over the incident closes, and nobody closes it before without a reason", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.do(splitBrain())
		s.want(s.do(CloseIncident{Incident: "INC-1", By: dbaA}), CodeInvalid, "give a reason")
		over := splitBrain()
		over.What, over.Text = SeenOver, "one node takes writes again: pg-2"
		s.want(s.do(over), CodeAccepted, over.Text)
		if s.state.Incident.State != IncidentResolved || s.count(EvPageResolved) != 1 {
			t.Errorf("incident %s, pages resolved %d", s.state.Incident.State, s.count(EvPageResolved))
		}
		s.want(s.do(over), CodeDuplicate, "known already")
		s.do(splitBrain())
		if s.count(EvIncidentReopened) != 1 || s.count(EvTargetAlarm) != 2 {
			t.Errorf("it did not come back: reopened %d, alarms %d", s.count(EvIncidentReopened), s.count(EvTargetAlarm))
		}
	})

	t.Run("a note is an update of an incident that there is, once", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		s.want(s.do(note("orders runs without a standby")), CodeNotFound, "no incident of postgres/orders is open")
		s.do(webhook(primaryDown("f1", night, AlertFiring)))
		s.want(s.do(note("orders runs without a standby")), CodeAccepted, "without a standby")
		s.want(s.do(note("orders runs without a standby")), CodeDuplicate, "known already")
		s.want(s.do(note("pg-3 follows pg-2")), CodeAccepted, "follows")
		if s.count(EvIncidentUpdate) != 2 {
			t.Errorf("%d updates, want 2", s.count(EvIncidentUpdate))
		}
	})

	t.Run("the end of the alerts does not stop the run against a split brain", func(t *testing.T) {
		t.Parallel()
		s := begin(t)
		p := s.ready(1)
		s.do(splitBrain())
		s.cast(dbaA, Approve, p.Digest)
		s.do(webhook(primaryDown("f1", night, AlertResolved)))
		s.want(s.do(StartRun{Run: "INC-1/R1", Epoch: 1, People: map[string]Person{"ana": dbaA.Person}}), CodeAccepted, "started")
	})
}
