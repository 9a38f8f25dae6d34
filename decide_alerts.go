package pointsman

import (
	"fmt"
	"maps"
	"time"
)

// receiveAlerts opens, feeds or reopens the incident of the alerts. A group message is a snapshot, so most of what
// arrives is known already and leaves no trace but the answer.
func (t *turn) receiveAlerts(c ReceiveAlerts) Answer {
	by := Actor{Door: DoorAlertmanager}
	inc := &t.state.Incident
	firing, resolved := t.sift(c.Alerts)
	switch {
	case inc.State == "" && len(firing) == 0:
		// The end of something that we never saw begin, or that is long over: nothing to open, nothing to lose.
		return answer(CodeDuplicate, "no incident is open for %s and nothing fires", c.Key)
	case inc.State == "":
		t.open(by, c.Key, c.Title, c.Target)
		inc.Severity, inc.First = c.Severity, firing[0]
		inc.Marks.Alerted = firing[0].StartsAt
		t.setClocks(c.Update, c.Escalate)
		t.say(EvIncidentOpened, by, fmt.Sprintf("%s opened: %s", inc.ID, c.Title), with(map[string]any{"key": c.Key, "severity": c.Severity, "labels": firing[0].Labels, "annotations": firing[0].Annotations}))
	case inc.State == IncidentResolved && len(firing) > 0:
		t.moveIncident(EvIncidentReopened)
		inc.Reopened++
		inc.OpenedAgainAt, inc.ResolvedAt = t.now, time.Time{}
		inc.Marks = Marks{Alerted: firing[0].StartsAt} // or the summary would count the hours of quiet as waiting
		t.setClocks(c.Update, c.Escalate)
		t.say(EvIncidentReopened, by, fmt.Sprintf("%s reopened: %s fires again", inc.ID, firing[0].Name()))
	}
	t.keepAlerts(by, firing, resolved)
	inc.Truncated = max(inc.Truncated, c.Truncated)
	if inc.State == IncidentOpen && len(firing) > 0 {
		if worse(c.Severity, inc.Severity) {
			inc.Severity = c.Severity
		}
		for _, o := range c.Offers {
			if !t.offered(o) {
				t.propose(by, o, "")
			}
		}
	}
	t.settleIncident(by)
	if len(t.events) == 0 {
		return Answer{Code: CodeDuplicate, Text: inc.ID + ": known already", ID: inc.ID}
	}
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s: %d firing, %d resolved", inc.ID, len(firing), len(resolved)), ID: inc.ID}
}

// sift returns the alerts that are new or changed, apart by what they now are.
func (t *turn) sift(in []Alert) (firing, resolved []Alert) {
	seen := map[string]bool{}
	for _, a := range in {
		a.StartsAt, a.EndsAt = a.StartsAt.UTC().Truncate(time.Microsecond), a.EndsAt.UTC().Truncate(time.Microsecond)
		if a.Status == AlertResolved && a.EndsAt.IsZero() {
			a.EndsAt = t.now // whoever sent it did not say, and it was over by now
		}
		id := a.Fingerprint + "@" + a.StartsAt.String()
		old, known := t.known(a)
		if seen[id] || (known && (old.Status == a.Status || old.Status == AlertResolved)) {
			continue // a resolved firing never burns again: the next one has another startsAt
		}
		seen[id] = true
		if a.Status == AlertResolved {
			resolved = append(resolved, a)
		} else {
			firing = append(firing, a)
		}
	}
	return firing, resolved
}

func (t *turn) known(a Alert) (Alert, bool) {
	for _, b := range t.state.Alerts {
		if b.same(a) {
			return b, true
		}
	}
	return Alert{}, false
}

func (t *turn) keepAlerts(by Actor, firing, resolved []Alert) {
	inc := &t.state.Incident
	for _, a := range firing {
		t.state.Alerts = append(t.state.Alerts, a)
		inc.Firing++
		inc.Total++
		since := ""
		if !a.StartsAt.IsZero() {
			since = " since " + Clock(a.StartsAt)
		}
		t.say(EvAlertFiring, by, a.Name()+" fires"+since, with(a))
	}
	for _, a := range resolved {
		if i := t.indexOf(a); i >= 0 {
			t.state.Alerts[i] = a
			inc.Firing--
		} else {
			t.state.Alerts = append(t.state.Alerts, a) // it began and ended between two messages
			inc.Total++
		}
		after := ""
		if !a.StartsAt.IsZero() && !a.EndsAt.Before(a.StartsAt) { // two clocks: it may seem to end before it began
			after = " after " + Span(a.EndsAt.Sub(a.StartsAt))
		}
		t.say(EvAlertResolved, by, a.Name()+" resolved"+after, with(a))
	}
}

func (t *turn) indexOf(a Alert) int {
	for i, b := range t.state.Alerts {
		if b.same(a) {
			return i
		}
	}
	return -1
}

// offered reports whether the same runbook with the same parameters was offered since the incident was last opened.
func (t *turn) offered(o Offer) bool {
	for _, p := range t.state.Proposals {
		if p.Mode != ModeDrill && p.Runbook == o.Runbook && p.Target == o.Target && maps.Equal(p.Params, o.Params) &&
			!p.RequestedAt.Before(t.state.Incident.Since()) {
			return true
		}
	}
	return false
}

func (t *turn) open(by Actor, key, title string, target Target) {
	inc := &t.state.Incident
	t.moveIncident(EvIncidentOpened)
	inc.Key, inc.Title, inc.Target = key, title, target
	inc.OpenedBy, inc.OpenedAt = by, t.now
}

func (t *turn) setClocks(update time.Duration, esc Escalation) {
	inc := &t.state.Incident
	inc.UpdateEvery, inc.Escalate = update, esc
	if update > 0 {
		inc.NextUpdate = t.now.Add(update)
	}
	if esc.After > 0 {
		inc.EscalateAt = t.now.Add(esc.After)
	}
}

// severities from the worst down, in the words that alert rules use.
var severities = []string{"critical", "page", "error", "high", "warning", "medium", "low", "info"}

func worse(a, b string) bool {
	pos := func(s string) int {
		for i, w := range severities {
			if w == s {
				return i
			}
		}
		return len(severities)
	}
	return pos(a) < pos(b)
}
