package bot

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

var night = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

var (
	ana = pointsman.Person{ID: "ana", Name: "Ana Ruiz", Roles: []string{"dba"}}
	ben = pointsman.Person{ID: "ben", Name: "Ben Okafor", Roles: []string{"dba", "incident-commander"}}
	eve = pointsman.Person{ID: "eve", Name: "Eve Lind", Roles: []string{"support"}}
)

var orders = pointsman.Target{Kind: "postgres", Name: "orders", Environment: "production"}

func by(p pointsman.Person) pointsman.Actor {
	return pointsman.Actor{Person: p, Door: pointsman.DoorSlack, Ref: "T0POINTS/U0" + p.ID}
}

// tale is one incident told command by command, through the same reducer that runs in production.
type tale struct {
	t     *testing.T
	state pointsman.State
	now   time.Time
	log   []pointsman.Event
	page  pointsman.Paging // how far the newest page has come
}

func begin(t *testing.T) *tale {
	t.Helper()
	return &tale{t: t, state: pointsman.State{Incident: pointsman.Incident{ID: "INC-7"}}, now: night, page: pointsman.Paging{Taken: true}}
}

func (s *tale) do(cmd pointsman.Command) pointsman.Answer {
	s.t.Helper()
	after, events, ans := pointsman.Decide(s.state, cmd, s.now)
	s.state, s.log = after, append(s.log, events...)
	return ans
}

// must is do for what has to succeed.
func (s *tale) must(cmd pointsman.Command) *tale {
	s.t.Helper()
	if ans := s.do(cmd); !ans.OK() {
		s.t.Fatalf("%T: %s %s", cmd, ans.Code, ans.Text)
	}
	return s
}

func (s *tale) after(d time.Duration) *tale {
	s.now = s.now.Add(d)
	return s
}

func primaryDown(status pointsman.AlertStatus) pointsman.Alert {
	a := pointsman.Alert{
		Fingerprint: "f1", StartsAt: night.Add(-90 * time.Second), Status: status,
		Labels:      map[string]string{"alertname": "PrimaryDown", "cluster": "orders", "severity": "critical"},
		Annotations: map[string]string{"summary": "The primary of orders has not answered for 1 minute"},
	}
	if status == pointsman.AlertResolved {
		a.EndsAt = night.Add(4 * time.Minute)
	}
	return a
}

func webhook(alerts ...pointsman.Alert) pointsman.ReceiveAlerts {
	return pointsman.ReceiveAlerts{
		Key: "target:postgres/orders", Title: "PrimaryDown on orders", Severity: "critical", Target: orders, Alerts: alerts,
		Offers: []pointsman.Offer{
			{Runbook: "postgres-failover", Title: "PostgreSQL failover to the standby", Target: orders, Params: map[string]string{"cluster": "orders"}, Priority: 10},
			{Runbook: "postgres-switchover", Title: "PostgreSQL switchover", Target: orders, Params: map[string]string{"cluster": "orders"}, Priority: 20},
		},
		Update: 10 * time.Minute, Escalate: pointsman.Escalation{After: 5 * time.Minute, Service: "dba"},
	}
}

func failover(edit ...func(*pointsman.Plan)) pointsman.Plan {
	p := pointsman.Plan{
		Version: 1, Runbook: "postgres-failover", Title: "PostgreSQL failover to the standby", Incident: "INC-7", Target: orders, Lock: true,
		Pins: map[string]string{"candidate": "pg-2", "old_primary": "pg-1"},
		Steps: []pointsman.PlanStep{
			{Name: "check", Kind: "postgres.check", Summary: "check that pg-1 is gone and pg-2 may take over", Timeout: 5 * time.Second},
			{Name: "fence", Kind: "postgres.fence", Summary: "fence pg-1", Timeout: 15 * time.Second},
			{Name: "promote", Kind: "postgres.promote", Summary: "promote pg-2 to primary", Timeout: 30 * time.Second, Irreversible: true},
			{Name: "verify", Kind: "postgres.verify", Summary: "write and read through the clients' path", Timeout: 30 * time.Second},
		},
		Bounds:    []pointsman.Bound{{Name: "lost_bytes", Max: 213792, Text: "loss <= 213,792 B"}, {Name: "lost_time", Max: 4.1, Text: "loss <= 4.1 s of writes"}},
		Policy:    pointsman.Policy{Require: []pointsman.Requirement{{Count: 2, Role: "dba"}}, Expires: 15 * time.Minute},
		Objective: pointsman.Objective{RTO: 5 * time.Minute, RPO: time.Hour},
	}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func needs(n int) func(*pointsman.Plan) {
	return func(p *pointsman.Plan) { p.Policy.Require[0].Count = n }
}

func encoded(t *testing.T, p pointsman.Plan) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *tale) facts() []pointsman.Fact {
	at := s.now.Add(-4 * time.Second)
	return []pointsman.Fact{
		{Guard: "G1", Kind: pointsman.Hard, Name: "pg-1 reachable", Value: "no, from local and probe-b", Source: "local, probe-b", At: at, Result: pointsman.Pass},
		{Guard: "G5", Kind: pointsman.Hard, Name: "pg-2 receive lag", Value: "0 B", Limit: "16 MiB", Source: "pg-2 pg_stat_wal_receiver", At: at, Result: pointsman.Pass},
		{Guard: "G2", Kind: pointsman.Ack, Name: "vantage points", Value: "1", Limit: "2", Source: "configuration", At: at, Result: pointsman.Fail, Text: "pg-1 was tried from 1 of 2 vantage points; it may still accept writes elsewhere"},
		{Guard: "G19", Kind: pointsman.Warn, Name: "last backup", Value: "unknown", Source: "pg-2", At: at, Result: pointsman.Unknown},
		{Guard: "G11", Kind: pointsman.Hard, Name: "pg-1 fenced", Result: pointsman.Later, BeforeN: 3},
	}
}

func (s *tale) readyWith(p pointsman.Plan) *tale {
	s.t.Helper()
	id := "INC-7/P1"
	if p.Runbook == "postgres-switchover" {
		id = "INC-7/P2"
	}
	prop, _ := s.state.Proposal(id)
	return s.must(pointsman.Ready{Proposal: id, Generation: prop.Generation, Plan: encoded(s.t, p), Facts: s.facts(), Eligible: []string{"Ana Ruiz", "Ben Okafor"}})
}

// switchover is what the second runbook finds: refused, because the old primary does not answer.
func (s *tale) switchoverRefused() *tale {
	s.t.Helper()
	p := failover(func(p *pointsman.Plan) { p.Runbook, p.Title = "postgres-switchover", "PostgreSQL switchover" })
	return s.must(pointsman.Ready{Proposal: "INC-7/P2", Generation: 1, Plan: encoded(s.t, p), Facts: []pointsman.Fact{{
		Guard: "G3", Kind: pointsman.Hard, Name: "pg-1 accepts writes", Value: "no answer in 3 s", Source: "pg-1", At: s.now, Result: pointsman.Unknown,
		Text: "a switchover needs both servers and pg-1 does not answer", Clears: "offer failover",
	}}})
}

func (s *tale) alert() *tale { return s.must(webhook(primaryDown(pointsman.AlertFiring))) }

func (s *tale) vote(who pointsman.Person, verdict pointsman.Verdict, reason string) *tale {
	s.t.Helper()
	return s.must(pointsman.CastVote{Proposal: "INC-7/P1", Digest: s.state.Proposals[0].Digest, Verdict: verdict, Reason: reason, By: by(who)})
}

// ready is the card that waits for two votes; running is the run after them.
func (s *tale) ready() *tale {
	s.t.Helper()
	return s.alert().after(4 * time.Second).switchoverRefused().readyWith(failover())
}

func (s *tale) running() *tale {
	s.t.Helper()
	s.ready().after(30*time.Second).vote(ana, pointsman.Approve, "").after(10*time.Second).vote(ben, pointsman.Approve, "")
	people := map[string]pointsman.Person{"ana": ana, "ben": ben}
	return s.after(time.Second).must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: s.facts(), People: people})
}

func (s *tale) stepEnds(i int, state pointsman.StepState, note string, facts ...pointsman.Fact) *tale {
	s.t.Helper()
	return s.after(2 * time.Second).must(pointsman.EndStep{Run: "INC-7/R1", Epoch: 1, Step: i, State: state, Note: note, Facts: facts})
}

func (s *tale) parked() *tale {
	s.t.Helper()
	return s.running().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "pg-1 is stopped").
		stepEnds(2, pointsman.StepUnknown, "pg-2 did not say within 30 s whether it left recovery", pointsman.Fact{
			Name: "pg-2 in recovery", Value: "no answer in 3 s", Source: "pg-2", At: s.now, Result: pointsman.Unknown,
		})
}

func (s *tale) done() *tale {
	s.t.Helper()
	wrote := pointsman.Fact{Name: "write and read through clients", Value: "1 row, 12 ms", Source: "orders-clients", At: s.now, Result: pointsman.Pass}
	return s.running().stepEnds(0, pointsman.StepDone, "").stepEnds(1, pointsman.StepDone, "pg-1 is stopped").
		stepEnds(2, pointsman.StepDone, "timeline 2").stepEnds(3, pointsman.StepDone, "", wrote)
}

// leftOut is a run whose fence was not needed, as its condition says.
func (s *tale) leftOut() *tale {
	s.t.Helper()
	onlyIf := func(p *pointsman.Plan) {
		p.Steps[1].When = &pointsman.Condition{Fact: "pg-1 reachable", Is: "==", Value: "yes"}
		p.Steps[1].Summary += ", only if pg-1 reachable == yes"
	}
	s.alert().switchoverRefused().readyWith(failover(needs(1), onlyIf)).vote(ana, pointsman.Approve, "")
	s.must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: s.facts(), People: map[string]pointsman.Person{"ana": ana}})
	return s.stepEnds(0, pointsman.StepDone, "")
}

// drill is an exercise that somebody asked for, at work.
func (s *tale) drill() *tale {
	s.t.Helper()
	exercise := func(p *pointsman.Plan) { p.Mode = pointsman.ModeDrill }
	o := webhook().Offers[0]
	o.Mode = pointsman.ModeDrill
	s.must(pointsman.Request{Key: "target:postgres/orders", By: by(ben), Offer: o, Reason: "quarterly exercise"})
	s.readyWith(failover(needs(1), exercise)).vote(ana, pointsman.Approve, "")
	s.must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, Facts: s.facts(), People: map[string]pointsman.Person{"ana": ana}})
	return s.stepEnds(0, pointsman.StepDone, "")
}

// gate is a run that waits for two people before the promotion.
func (s *tale) gate() *tale {
	s.t.Helper()
	s.alert().switchoverRefused().readyWith(gated()).vote(ana, pointsman.Approve, "")
	s.must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}})
	s.stepEnds(0, pointsman.StepDone, "")
	return s.must(pointsman.WaitStep{Run: "INC-7/R1", Epoch: 1, Step: 1})
}

func gated() pointsman.Plan {
	return failover(needs(1), func(p *pointsman.Plan) {
		look := pointsman.PlanStep{
			Name: "look", Kind: pointsman.KindGate, With: []byte(`{"text":"Is the lag of pg-2 gone?\nIs the old primary stopped?"}`), Summary: "2 of dba must approve within 15m before it goes on",
			Approval: pointsman.Policy{Require: []pointsman.Requirement{{Count: 2, Role: "dba"}}, Expires: 15 * time.Minute},
		}
		p.Steps = []pointsman.PlanStep{p.Steps[0], look, p.Steps[2]}
	})
}

// taskDue gives the dba people so much time for the task.
func (s *tale) taskDue(in time.Duration) *tale {
	s.t.Helper()
	s.must(pointsman.WakeRun{Run: "INC-7/R1", Epoch: 2})
	return s.must(pointsman.WaitStep{Run: "INC-7/R1", Epoch: 2, Step: 0, Note: "waits for dba", Owner: "dba", Due: s.now.Add(in)})
}

// handTask is a run that waits for a person's hands.
func (s *tale) handTask() *tale {
	s.t.Helper()
	with, err := json.Marshal(map[string]string{"text": "1. df -h /var/backups\n2. Remove the oldest hourly ones, never the newest verified one.", "owner": "dba"})
	if err != nil {
		s.t.Fatal(err)
	}
	p := failover(needs(1), func(p *pointsman.Plan) {
		p.Title, p.Bounds = "Backup missing or too old", nil
		p.Steps = []pointsman.PlanStep{{Name: "find-cause", Kind: "manual.task", With: with, Summary: "dba: find the cause"}, {Name: "verify", Kind: "manual.task", With: with, Summary: "dba: verify"}}
	})
	s.alert().switchoverRefused().readyWith(p).vote(ana, pointsman.Approve, "")
	s.must(pointsman.StartRun{Run: "INC-7/R1", Epoch: 1, People: map[string]pointsman.Person{"ana": ana}})
	return s.must(pointsman.WaitStep{Run: "INC-7/R1", Epoch: 1, Step: 0, Note: "waits for dba"})
}
