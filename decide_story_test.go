package pointsman

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	night = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
	dbaA  = Actor{Person: person("ana", "dba"), Door: DoorSlack, Ref: "T1/UANA"}
	dbaB  = Actor{Person: person("ben", "dba"), Door: DoorSlack, Ref: "T1/UBEN"}
	eve   = Actor{Person: person("eve", "intern"), Door: DoorSlack, Ref: "T1/UEVE"}
)

// story is one incident told command by command.
type story struct {
	t     *testing.T
	state State
	now   time.Time
	log   []Event
}

func begin(t *testing.T) *story {
	t.Helper()
	return &story{t: t, state: State{Incident: Incident{ID: "INC-1"}}, now: night}
}

func (s *story) do(cmd Command) Answer {
	s.t.Helper()
	before := cloned(s.state)
	after, events, ans := Decide(s.state, cmd, s.now)
	if diff := cmp.Diff(before, s.state); diff != "" {
		s.t.Fatalf("Decide changed its argument:\n%s", diff)
	}
	s.state, s.log = after, append(s.log, events...)
	return ans
}

func (s *story) want(ans Answer, code Code, says string) {
	s.t.Helper()
	if ans.Code != code || !strings.Contains(ans.Text, says) {
		s.t.Fatalf("answer is %s %q, want %s %q", ans.Code, ans.Text, code, says)
	}
}

func (s *story) count(typ EventType) (n int) {
	for _, e := range s.log {
		if e.Type == typ {
			n++
		}
	}
	return n
}

func primaryDown(print string, at time.Time, status AlertStatus) Alert {
	a := Alert{Fingerprint: print, StartsAt: at, Status: status, Labels: map[string]string{"alertname": "PrimaryDown", "cluster": "orders"}}
	if status == AlertResolved {
		a.EndsAt = at.Add(5 * time.Minute)
	}
	return a
}

var orders = Target{Kind: "postgres", Name: "orders", Environment: "production"}

func webhook(alerts ...Alert) ReceiveAlerts {
	return ReceiveAlerts{
		Key: "target:postgres/orders", Title: "PrimaryDown on orders", Severity: "critical", Target: orders, Alerts: alerts,
		Offers: []Offer{{Runbook: "postgres-failover", Title: "Fail over", Target: orders, Params: map[string]string{"cluster": "orders"}, Priority: 10}},
		Update: 10 * time.Minute, Escalate: Escalation{After: 5 * time.Minute, Service: "dba"},
	}
}

func planBytes(t *testing.T, need int, pin string) []byte {
	t.Helper()
	b, err := Plan{
		Version: 1, Runbook: "postgres-failover", Title: "Fail over", Incident: "INC-1", Target: orders, Lock: true, Pins: map[string]string{"candidate": pin},
		Steps:  []PlanStep{{Name: "fence", Kind: "postgres.fence", Timeout: time.Second, Summary: "fence pg-1"}, {Name: "promote", Kind: "postgres.promote", Timeout: time.Second, Irreversible: true, Summary: "promote " + pin}},
		Policy: Policy{Require: []Requirement{{Count: need, Role: "dba"}}, Expires: 15 * time.Minute},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ready brings the story to a card with buttons.
func (s *story) ready(need int) Proposal {
	s.t.Helper()
	s.do(webhook(primaryDown("f1", night, AlertFiring)))
	s.want(s.do(Ready{Proposal: "INC-1/P1", Generation: 1, Plan: planBytes(s.t, need, "pg-2")}), CodeAccepted, "ready for approval")
	return s.state.Proposals[0]
}

func (s *story) cast(by Actor, verdict Verdict, digest string) Answer {
	s.t.Helper()
	return s.do(CastVote{Proposal: "INC-1/P1", Digest: digest, Verdict: verdict, By: by})
}
