package sim

import (
	"encoding/json"
	"time"

	"github.com/pointsman/pointsman"
)

// firing is one firing of an alert, as Alertmanager tells it apart from the others.
type firing struct {
	fingerprint string
	since       time.Time
}

func firingOf(a pointsman.Alert) firing {
	return firing{a.Fingerprint, a.StartsAt.UTC().Truncate(time.Microsecond)}
}

// acknowledge notes what Alertmanager was answered 2xx for: it need not send that again.
func (w *world) acknowledge(a pointsman.Alert) {
	if a.Status == pointsman.AlertFiring {
		w.acknowledged = append(w.acknowledged, firingOf(a))
	}
}

// webhooks collects the firings that are on record.
func (j *ruling) webhooks(ev pointsman.Event) {
	if ev.Type != pointsman.EvAlertFiring {
		return
	}
	var a pointsman.Alert
	if err := json.Unmarshal(ev.Data, &a); err != nil {
		j.violated("I6: %s cannot be read: %v", ev.Type, err)
	}
	j.fired[firingOf(a)] = true
}

// stored: I6. What Alertmanager was told is stored is on record.
func (j *ruling) stored() {
	for _, f := range j.acknowledged {
		if !j.fired[f] {
			j.violated("I6: %s, firing since %s, was acknowledged and is not on record", f.fingerprint, f.since)
		}
	}
}
