package bot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// ledger is a store in memory around the reducer: state, log, answers by request, deliveries.
type ledger struct {
	mu    sync.Mutex
	state pointsman.State
	now   time.Time
	down  bool
	log   []pointsman.Event
	seen  map[string]pointsman.Answer
	plan  func(pointsman.Logged) []pointsman.Delivery
	queue []*pointsman.Delivery
	refs  map[string]string
	tried int // attempts at the card whose outcome was never stored; what takes its place inherits them
}

var errDown = errors.New("the database does not answer")

func (l *ledger) Do(_ context.Context, cmd pointsman.Command) (pointsman.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return pointsman.Result{}, errDown
	}
	sub := cmd.Subject()
	if ans, ok := l.seen[sub.Once]; ok && sub.Once != "" {
		return pointsman.Result{Answer: ans, State: l.state}, nil
	}
	if of := l.state.Incident.ID; of != "" && sub.Incident != "" && sub.Incident != of {
		return pointsman.Result{Answer: pointsman.Answer{Code: pointsman.CodeNotFound, Text: "there is no incident " + sub.Incident}}, nil // as the store says
	}
	after, events, ans := pointsman.Decide(l.state, cmd, l.now)
	l.state = after
	if sub.Once != "" {
		l.seen[sub.Once] = ans
	}
	for _, ev := range events {
		l.append(ev)
	}
	return pointsman.Result{Answer: ans, State: after}, nil
}

func (l *ledger) append(ev pointsman.Event) {
	ev.ID = "E" + number(len(l.log)+1)
	l.log = append(l.log, ev)
	if l.plan == nil {
		return
	}
	for _, d := range l.plan(pointsman.Logged{Seq: int64(len(l.log)), Event: ev}) {
		if d.Destination == destCard {
			d.Attempts = l.tried
		}
		l.queue = append(l.queue, &d)
	}
}

func (l *ledger) Note(_ context.Context, events ...pointsman.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range events {
		l.append(ev)
	}
	return nil
}

func (l *ledger) State(_ context.Context, id string) (pointsman.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return pointsman.State{}, errDown
	}
	if id != l.state.Incident.ID || l.state.Incident.State == "" {
		return pointsman.State{}, pointsman.Errorf(pointsman.CodeNotFound, "there is no incident %s", id)
	}
	return l.state, nil
}

func (l *ledger) Incidents(context.Context, bool, int) ([]pointsman.Incident, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	if l.state.Incident.State != pointsman.IncidentOpen {
		return nil, nil
	}
	return []pointsman.Incident{l.state.Incident}, nil
}

func (l *ledger) Ref(_ context.Context, _, incident, dest string) (string, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ref, ok := l.refs[incident+" "+dest]
	return ref, ok, nil
}

func (l *ledger) count(typ pointsman.EventType) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range l.log {
		if ev.Type == typ {
			n++
		}
	}
	return n
}

func (l *ledger) last(typ pointsman.EventType) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.log) - 1; i >= 0; i-- {
		if l.log[i].Type == typ {
			return l.log[i].Text
		}
	}
	return ""
}
