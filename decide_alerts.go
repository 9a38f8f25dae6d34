package pointsman

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// receiveAlerts opens, feeds or reopens the incident of the alerts. A group message is a snapshot, so most of what
// arrives is known already and leaves no trace but the answer.
func (t *turn) receiveAlerts(c ReceiveAlerts) Answer {
	by := Actor{Door: DoorAlertmanager}
	inc := &t.state.Incident
	firing, resolved := t.sift(c.Alerts)
	calm, burning := t.calm(), inc.Burning()
	switch {
	case inc.State == "" && len(firing) == 0:
		// The end of something that we never saw begin, or that is long over: nothing to open, nothing to lose.
		return answer(CodeDuplicate, "no incident is open for %s and nothing fires", c.Key)
	case inc.State == "":
		t.open(by, c.Key, c.Title, c.Target)
		inc.Severity = c.Severity
		inc.Marks.Alerted = firing[0].StartsAt
		t.setClocks(c.Update, c.Escalate)
		t.say(EvIncidentOpened, by, fmt.Sprintf("%s opened: %s", inc.ID, c.Title), with(map[string]any{"key": c.Key, "severity": c.Severity, "labels": firing[0].Labels, "annotations": firing[0].Annotations}))
	case inc.State == IncidentResolved && len(firing) > 0:
		t.reopen(Marks{Alerted: later(firing[0].StartsAt, inc.ResolvedAt)}) // or the summary would count the hours of quiet as waiting
		burning = inc.Burning()                                             // an alarm under which a person closed it began another outage
		inc.Title, inc.Truncated, inc.Cut = c.Title, 0, false
		t.setClocks(c.Update, c.Escalate)
		t.say(EvIncidentReopened, by, fmt.Sprintf("%s reopened: %s fires again", inc.ID, firing[0].Name()))
	case inc.State == IncidentOpen && len(firing) > 0 && !burning:
		t.join(c, firing[0])
	case inc.State == IncidentOpen && len(firing) > 0:
		t.hasten(c.Escalate)
		t.quicken(c.Update)
		if m := &inc.Marks; m.Alerted.IsZero() { // opened by a person or a watch
			m.Alerted = firing[0].StartsAt
		}
	}
	if len(firing) > 0 && (!burning || inc.First.Status == "") { // an alarm burns without an alert
		inc.First = firing[0]
	}
	t.keepAlerts(by, firing, resolved)
	inc.Truncated, inc.Cut = max(inc.Truncated, c.Truncated), inc.Cut || c.Cut
	if inc.State == IncidentOpen && len(firing) > 0 {
		if Worse(c.Severity, inc.Severity) {
			inc.Severity = c.Severity
		}
		for _, o := range c.Offers {
			t.offer(by, o, firing[0], calm)
		}
	}
	t.settleIncident(by)
	if len(t.events) == 0 {
		return Answer{Code: CodeDuplicate, Text: inc.ID + ": known already", ID: inc.ID}
	}
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("%s: %d firing, %d resolved", inc.ID, len(firing), len(resolved)), ID: inc.ID}
}

func (t *turn) keepAlerts(by Actor, firing, resolved []Alert) {
	inc := &t.state.Incident
	for _, a := range firing {
		inc.Firing++
		fires := a.Name() + " fires"
		if i := t.indexOf(a); i >= 0 {
			t.state.Alerts[i] = a
			fires += " again, or never stopped,"
		} else {
			t.state.Alerts = append(t.state.Alerts, a)
			inc.Total++
		}
		if !a.StartsAt.IsZero() {
			fires += " since " + Clock(a.StartsAt)
		}
		t.say(EvAlertFiring, by, strings.TrimSuffix(fires, ","), with(a))
	}
	for _, a := range resolved {
		a.OverAt = t.now
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

// calm reports that an open incident has nothing that asks for it but what people want: no alert, no run.
func (t *turn) calm() bool {
	_, running := t.state.OpenRun()
	return t.state.Incident.State == IncidentOpen && !t.state.Incident.Burning() && !running
}

// join takes the first alert into an incident that is open without one: a person asked for something, or a run ends its
// work. From here on it is an outage, with updates and a page, as if the alert had opened it.
func (t *turn) join(c ReceiveAlerts, first Alert) {
	if m := &t.state.Incident.Marks; m.Alerted.IsZero() {
		m.Alerted = first.StartsAt
	}
	t.setClocks(c.Update, Escalation{})
	t.escalate(c.Escalate)
}

// escalate has somebody paged where nobody decides in time. While a run is open that decision was made; a run that stops
// pages by itself.
func (t *turn) escalate(esc Escalation) {
	inc := &t.state.Incident
	t.escalateTo(esc)
	t.stopEscalation()
	if _, running := t.state.OpenRun(); !running && esc.After > 0 {
		inc.EscalateAt = t.now.Add(esc.After)
	}
}

// hasten has somebody paged earlier for an alert that comes to an outage of less urgent ones, which may have been nothing to
// wake anybody for.
func (t *turn) hasten(esc Escalation) {
	inc := &t.state.Incident
	switch due := t.now.Add(esc.After); {
	case esc.After == 0:
	case inc.Escalate.After == 0:
		t.escalate(esc)
	case inc.EscalateAt.After(due):
		t.escalateTo(esc)
		inc.EscalateAt = due
	}
}

// quicken has people told as often as the most urgent of what came together asks for: an alert that joins an incident that was
// opened without updates must not be the outage of which nobody hears.
func (t *turn) quicken(every time.Duration) {
	inc := &t.state.Incident
	if every <= 0 || inc.UpdateEvery > 0 && inc.UpdateEvery <= every {
		return
	}
	inc.UpdateEvery = every
	if due := t.now.Add(every); inc.NextUpdate.IsZero() || due.Before(inc.NextUpdate) {
		inc.NextUpdate = due
	}
}

// offer proposes what an alert asks for. What was refused or has expired was judged before this alert fired: its checks run
// again, or a refusal of a healthy cluster would still stand on the card while the cluster is down.
func (t *turn) offer(by Actor, o Offer, a Alert, calm bool) {
	switch p := t.offered(o, calm); {
	case p == nil:
		t.propose(by, o, "")
	case o.Problem == "" && (p.State == ProposalRefused || p.State == ProposalExpired):
		t.again(p, by, fmt.Sprintf("%s is checked again: %s fires", p.ID, a.Name()))
	}
}

// offered finds the same runbook with the same parameters among what was offered since the incident was last opened, the
// newest of them; nil if there is none. Where all was calm, what has ended is over, as after a reopening.
func (t *turn) offered(o Offer, calm bool) *Proposal {
	for i := len(t.state.Proposals) - 1; i >= 0; i-- {
		p := &t.state.Proposals[i]
		if p.Mode != ModeDrill && p.Runbook == o.Runbook && p.Target == o.Target && maps.Equal(p.Params, o.Params) &&
			!p.RequestedAt.Before(t.state.Incident.Since()) && (!calm || p.Open() || p.State == ProposalExpired) {
			return p
		}
	}
	return nil
}

func (t *turn) open(by Actor, key, title string, target Target) {
	inc := &t.state.Incident
	t.moveIncident(EvIncidentOpened)
	inc.Key, inc.Title, inc.Target = key, title, target
	inc.OpenedBy, inc.OpenedAt = by, t.now
}

func (t *turn) setClocks(update time.Duration, esc Escalation) {
	inc := &t.state.Incident
	t.escalateTo(esc)
	inc.UpdateEvery, inc.NextUpdate = update, time.Time{}
	if update > 0 {
		inc.NextUpdate = t.now.Add(update)
	}
	if esc.After > 0 {
		inc.EscalateAt = t.now.Add(esc.After)
	}
}
