package alerts

import (
	"sync"
	"time"

	"github.com/pointsman/pointsman"
)

// flood stands for webhooks of which not one alert could be read: over the size limit, or with a body that somebody
// changed with `payload:`. Something fires and we cannot see what, so an incident of its own says that.
type flood struct {
	mu    sync.Mutex
	since map[string]time.Time // receiver -> start of the alert that stands for it
	now   func() time.Time
}

// maxReceivers bounds the memory: the receiver's name is part of the body.
const maxReceivers = 1000

func newFlood(now func() time.Time) *flood { return &flood{since: map[string]time.Time{}, now: now} }

// unreadable opens the incident "oversized webhook" or "unreadable webhook" of the receiver. What fires behind it may be the
// worst there is, so somebody is paged when nobody looks.
func (f *flood) unreadable(m Message, page pointsman.Escalation) []pointsman.ReceiveAlerts {
	f.mu.Lock()
	defer f.mu.Unlock()
	start, known := f.since[m.Receiver]
	if !known {
		start = f.now().UTC().Truncate(time.Microsecond)
		if len(f.since) < maxReceivers {
			f.since[m.Receiver] = start
		}
	}
	what, why := "unreadable webhook", "Alertmanager sent a webhook without alerts; leave payload unset in the receiver, and look into Alertmanager for what fires"
	if m.Cut {
		what, why = "oversized webhook", "Alertmanager sent a webhook in which not one alert fits into the size limit; set max_alerts in the receiver, and look into Alertmanager for what fires"
	}
	c := f.command(m, what, pointsman.Alert{StartsAt: start, Status: pointsman.AlertFiring, Annotations: map[string]string{"summary": why}})
	c.Escalate = page
	return []pointsman.ReceiveAlerts{c}
}

// over ends that incident with the first readable message of the same receiver.
func (f *flood) over(m Message) []pointsman.ReceiveAlerts {
	f.mu.Lock()
	defer f.mu.Unlock()
	start, known := f.since[m.Receiver]
	if !known || m.Cut {
		return nil
	}
	return []pointsman.ReceiveAlerts{f.command(m, "webhook readable again", pointsman.Alert{
		StartsAt: start, EndsAt: f.now().UTC().Truncate(time.Microsecond), Status: pointsman.AlertResolved,
	})}
}

// done forgets the receiver, once the end is stored; before that a repetition must bring it again.
func (f *flood) done(m Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(m.Alerts) > 0 && !m.Cut {
		delete(f.since, m.Receiver)
	}
}

func (f *flood) command(m Message, what string, a pointsman.Alert) pointsman.ReceiveAlerts {
	a.Labels = map[string]string{"alertname": "PointsmanWebhook", "receiver": m.Receiver, "severity": "critical"}
	a.Fingerprint = fingerprint(a.Labels)
	return pointsman.ReceiveAlerts{
		Key: short("webhook:" + m.Receiver), Title: what + " from receiver " + quoted(m.Receiver), Severity: "critical",
		Alerts: []pointsman.Alert{a}, Truncated: m.Truncated, Cut: m.Cut, Update: DefaultUpdateEvery,
	}
}
