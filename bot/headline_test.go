package bot

import (
	"testing"
	"time"

	"github.com/pointsman/pointsman"
)

// TestTheCardIsCalledByAnAlertThatStillFires: what opened the incident may be over while worse goes on.
func TestTheCardIsCalledByAnAlertThatStillFires(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	alert := func(name string, status pointsman.AlertStatus, after time.Duration) pointsman.Alert {
		return pointsman.Alert{
			Fingerprint: name, Status: status, StartsAt: began.Add(after),
			Labels: map[string]string{"alertname": name}, Annotations: map[string]string{"summary": "about " + name},
		}
	}
	const firing, over = pointsman.AlertFiring, pointsman.AlertResolved
	lag := alert("ReplicationLag", firing, 0)
	view := func(alerts ...pointsman.Alert) View {
		return ViewOf(pointsman.State{Incident: pointsman.Incident{ID: "INC-7", State: pointsman.IncidentOpen, Title: "ReplicationLag: behind", First: lag}, Alerts: alerts}, began)
	}
	for name, c := range map[string]struct {
		view          View
		named, quoted string
		also          int
	}{
		"it fires":                {view(lag, alert("PrimaryDown", firing, time.Minute)), "ReplicationLag", "about ReplicationLag", 1},
		"it is over, others fire": {view(alert("ReplicationLag", over, 0), alert("APIDown", firing, 2*time.Minute), alert("PrimaryDown", firing, time.Minute)), "PrimaryDown", "about PrimaryDown", 1},
		"it fires since later":    {view(alert("ReplicationLag", firing, time.Hour), alert("PrimaryDown", firing, time.Minute)), "ReplicationLag", "about ReplicationLag", 1},
		"all is over":             {view(alert("ReplicationLag", over, 0)), "ReplicationLag", "about ReplicationLag", 0},
	} {
		if v := c.view; v.Name != c.named || v.Summary != c.quoted || len(v.Also) != c.also {
			t.Errorf("%s: it is called %q, %q, beside %q", name, v.Name, v.Summary, v.Also)
		}
	}
}
