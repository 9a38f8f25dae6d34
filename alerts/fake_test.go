package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pointsman/pointsman"
	"github.com/pointsman/pointsman/alerts"
)

// memory is a store in memory: it finds the incident of a command as a real one does and lets the reducer decide.
type memory struct {
	mu     sync.Mutex
	states map[string]pointsman.State // by incident id
	order  []string
	events []pointsman.Event
	notes  []pointsman.Event
	cmds   []pointsman.Command
	down   func(cmd pointsman.Command) error // nil: up
	now    time.Time
}

func newMemory() *memory {
	return &memory{states: map[string]pointsman.State{}, now: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)}
}

var errDown = errors.New("the database does not answer")

func (m *memory) Receive(_ context.Context, cmds []pointsman.ReceiveAlerts) (answers []pointsman.Answer, err error) {
	for _, cmd := range cmds {
		ans, err := m.do(cmd)
		if err != nil {
			return nil, err
		}
		answers = append(answers, ans)
	}
	return answers, nil
}

func (m *memory) do(cmd pointsman.ReceiveAlerts) (pointsman.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		if err := m.down(cmd); err != nil {
			return pointsman.Answer{}, err
		}
	}
	m.cmds = append(m.cmds, cmd)
	s := m.find(cmd.Subject().Key)
	s, events, ans := pointsman.Decide(s, cmd, m.now)
	if len(events) > 0 {
		if _, ok := m.states[s.Incident.ID]; !ok {
			m.order = append(m.order, s.Incident.ID)
		}
		m.states[s.Incident.ID] = s
		m.events = append(m.events, events...)
	}
	return ans, nil
}

func (m *memory) find(key string) pointsman.State {
	for i := len(m.order) - 1; i >= 0; i-- {
		s := m.states[m.order[i]]
		if s.Incident.Key == key && (s.Incident.State == pointsman.IncidentOpen || m.now.Sub(s.Incident.ResolvedAt) < pointsman.ReopenWithin) {
			return s
		}
	}
	return pointsman.State{Incident: pointsman.Incident{ID: fmt.Sprintf("INC-%d", len(m.order)+1)}}
}

func (m *memory) Note(_ context.Context, events ...pointsman.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, events...)
	return nil
}

// incidents are all incidents in the order in which they were opened.
func (m *memory) incidents() []pointsman.Incident {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []pointsman.Incident
	for _, id := range m.order {
		out = append(out, m.states[id].Incident)
	}
	return out
}

func (m *memory) noted() []pointsman.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]pointsman.Event(nil), m.notes...)
}

// targets of a small company: two databases, one service, one kill switch that no label selects.
func targets() []alerts.Target {
	t := func(kind, name string, match ...string) alerts.Target {
		return alerts.Target{Target: pointsman.Target{Kind: kind, Name: name, Environment: "production"}, Match: match}
	}
	return []alerts.Target{
		t("postgres", "orders", `cluster=~"orders|demo"`),
		t("postgres", "billing", `cluster="billing"`),
		t("service", "api", `service="api"`),
		t("killswitch", "trading"),
	}
}

func runbooks() []pointsman.Runbook {
	answers := func(m ...string) []pointsman.AnswerTo {
		var out []pointsman.AnswerTo
		for _, one := range m {
			out = append(out, pointsman.AnswerTo{Matchers: []string{one}})
		}
		return out
	}
	cluster := pointsman.Param{Name: "cluster", Type: "target", Kind: "postgres"}
	return []pointsman.Runbook{
		{
			Name: "postgres-replica-recovery", Title: "PostgreSQL replica recovery", Priority: 20, Target: "cluster", Params: []pointsman.Param{cluster},
			Answers: answers(`alertname="ReplicationLagCritical"`, `alertname="ReplicaLagHigh"`),
		},
		{
			Name: "postgres-failover", Title: "PostgreSQL failover to the standby", Priority: 10, Target: "cluster", Params: []pointsman.Param{cluster},
			Answers:    answers(`alertname="PrimaryDown"`, `alertname="ReplicationDisconnected"`, `alertname="ReplicationLagCritical"`),
			Escalation: pointsman.Escalation{After: 5 * time.Minute, Service: "dba"}, Comms: pointsman.Cadence{Every: 7 * time.Minute},
		},
		{
			Name: "service-restart", Title: "Restart a service", Priority: 10, Target: "service", Answers: answers(`alertname="APIDown"`),
			Params: []pointsman.Param{
				{Name: "service", Type: "target", Kind: "service"},
				{Name: "how", Type: "enum", Values: []string{"rolling", "at-once"}, Labels: []string{"restart"}, Default: "rolling"},
				{Name: "pause", Type: "duration", Default: "30s"},
			},
		},
		{
			Name: "killswitch-engage", Title: "Engage the kill switch", Priority: 10, Target: "switch",
			Params: []pointsman.Param{{Name: "switch", Type: "target", Kind: "killswitch", Labels: []string{"switch"}}},
		},
	}
}

func router(t testing.TB, route alerts.Route) *alerts.Router {
	t.Helper()
	r, faults := alerts.NewRouter(route, targets(), runbooks())
	for _, f := range faults {
		t.Error(f)
	}
	return r
}
