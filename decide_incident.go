package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// tick makes everything happen that is due by the clock.
func (t *turn) tick() Answer {
	inc := &t.state.Incident
	by := Actor{Door: DoorClock}
	for i := range t.state.Proposals {
		if p := &t.state.Proposals[i]; p.State == ProposalReady && !p.ExpiresAt.After(t.now) {
			t.expire(p)
		}
	}
	for i := range t.state.Proposals {
		p := &t.state.Proposals[i]
		if at := p.lapses(); inc.State == IncidentOpen && !inc.Burning() && !at.IsZero() && !at.After(t.now) {
			t.withdraw(p, by, "nobody took it up within "+Span(ReopenWithin))
		}
	}
	if inc.State == IncidentOpen && !inc.EscalateAt.IsZero() && !inc.EscalateAt.After(t.now) {
		t.page(by, t.whyPaged())
	}
	t.chase(by)
	t.watchGates(by)
	t.outOfTime()
	if inc.State == IncidentOpen && inc.UpdateEvery > 0 && !inc.NextUpdate.IsZero() && !inc.NextUpdate.After(t.now) {
		for !inc.NextUpdate.After(t.now) {
			inc.NextUpdate = inc.NextUpdate.Add(inc.UpdateEvery)
		}
		inc.Updates++
		t.say(EvIncidentUpdate, by, fmt.Sprintf("Update %d on %s: %s Next update at %s.", inc.Updates, inc.ID, t.whereItStands(), Clock(inc.NextUpdate)))
	}
	t.settleIncident(by)
	if len(t.events) == 0 {
		return answer(CodeDuplicate, "nothing is due in %s", inc.ID)
	}
	return answer(CodeAccepted, "%s written because it was due in %s", Count(len(t.events), "event"), inc.ID)
}

// whereItStands is the pre-filled text of a timed update: what a person would write if they had the time.
func (t *turn) whereItStands() string {
	inc := t.state.Incident
	s := fmt.Sprintf("%s, open for %s, %s firing.", strings.TrimSuffix(inc.Title, "."), Span(t.now.Sub(inc.Since())), Count(inc.Firing, "alert"))
	if t.state.Drill() {
		s = ModeDrill.marked(s)
	}
	if inc.Alarm != "" {
		s += " " + inc.Alarm + "."
	}
	if r, ok := t.state.OpenRun(); ok {
		return s + " " + r.Standing() + "."
	}
	for _, p := range Ranked(t.state.Proposals) {
		switch p.State {
		case ProposalReady:
			if p.Already != "" {
				return s + fmt.Sprintf(" %s has nothing to do: %s.", p.Title, p.Already)
			}
			return s + fmt.Sprintf(" %s waits for approval (%s, needs %s) until %s.", p.Title, t.standing(&p), p.Policy, Clock(p.ExpiresAt))
		case ProposalRefused:
			return s + fmt.Sprintf(" %s is refused; a person must decide.", orNone(p.Runbook))
		case ProposalExpired:
			return s + fmt.Sprintf(" %s expired with %s approvals; Check and ask again, on its card, starts anew.", p.Title, t.standing(&p))
		}
	}
	if r, ok := t.lastRun(); ok {
		return s + fmt.Sprintf(" %s is %s.", r.Title, r.State)
	}
	return s + " No run is open."
}

// Standing says in a few words how far a run is.
func (r Run) Standing() string {
	i := r.Current()
	if at, err := r.nextUndo(); r.HeldUndo && err == nil && at >= 0 {
		return fmt.Sprintf("%s is %s before %s is undone", r.Title, r.State, r.one(at))
	}
	if i >= len(r.Steps) {
		return fmt.Sprintf("%s: all %d steps done", r.Title, Positions(r.Steps))
	}
	return fmt.Sprintf("%s is %s at %s (%s%s)", r.Title, r.State, r.Position(i), r.Called(i), r.howFar(i))
}

func (t *turn) lastRun() (Run, bool) {
	if n := len(t.state.Runs); n > 0 {
		return t.state.Runs[n-1], true
	}
	return Run{}, false
}

// settleIncident resolves the incident when nothing fires, no run is open and no person's request is pending. The end
// of the alerts takes away what they asked for, never what a person asked for: a fail back is wanted after the alerts.
func (t *turn) settleIncident(by Actor) {
	inc := &t.state.Incident
	if inc.State != IncidentOpen || inc.Burning() {
		return
	}
	if _, open := t.state.OpenRun(); open {
		return
	}
	t.withdrawUnasked(by)
	if t.pending() {
		t.stopEscalation() // nobody is woken for what can wait
		return
	}
	t.resolve(by)
}

// withdrawUnasked withdraws what alerts or an alarm proposed, now that there are none; what a person asked for stays.
func (t *turn) withdrawUnasked(by Actor) {
	for i := range t.state.Proposals {
		if p := &t.state.Proposals[i]; !p.Requester.Known() && (p.Open() || p.State == ProposalExpired) {
			t.withdraw(p, by, "every alert is resolved")
		}
	}
}

// reopen opens a resolved incident again, with what is known of the times by which it will be told.
func (t *turn) reopen(m Marks) {
	inc := &t.state.Incident
	t.moveIncident(EvIncidentReopened)
	inc.Reopened++
	inc.OpenedAgainAt, inc.ResolvedAt, inc.Marks, inc.Alarm = t.now, time.Time{}, m, ""
}

func (t *turn) pending() bool {
	for _, p := range t.state.Proposals {
		if p.Open() || p.State == ProposalExpired {
			return true
		}
	}
	return false
}

func (t *turn) resolve(by Actor) {
	inc := &t.state.Incident
	t.moveIncident(EvIncidentResolved)
	inc.ResolvedAt, inc.NextUpdate, inc.EscalateAt, inc.Alarm = t.now, time.Time{}, time.Time{}, ""
	t.endAlarm()
	t.say(EvIncidentResolved, by, t.summary(), with(map[string]any{"marks": inc.Marks, "opened_at": inc.OpenedAt, "resolved_at": inc.ResolvedAt}))
	t.resolvePages(by)
}

// summary tells the whole incident in one sentence with its durations, split by who was waited for.
func (t *turn) summary() string {
	inc, m := t.state.Incident, t.state.Incident.Marks
	out := fmt.Sprintf("%s resolved after %s: %s.", inc.ID, Span(t.now.Sub(inc.Since())), strings.TrimSuffix(inc.Title, "."))
	var times []string
	span := func(what string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() && !to.Before(from) {
			times = append(times, what+" "+Span(to.Sub(from)))
		}
	}
	span("alert to proposal", m.Alerted, m.Proposed)
	span("waiting for approval", m.Proposed, m.Approved)
	span("approval to first step", m.Approved, m.Started)
	span("first step to verified end", m.Started, m.Ended)
	if len(times) > 0 {
		out += " Durations: " + strings.Join(times, ", ") + "."
	}
	if r, ok := t.lastRun(); ok {
		out += fmt.Sprintf(" %s: %s.", r.Title, r.State)
	}
	return out
}

func (t *turn) writeUpdate(c WriteUpdate) Answer {
	inc := &t.state.Incident
	switch {
	case inc.State == "":
		return answer(CodeNotFound, "there is no incident %s", c.Incident)
	case !c.By.Known() && c.By.Door != DoorEngine:
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s may not write an update on %s: not a person of the configuration", c.By, inc.ID))
		return answer(CodeNotAllowed, "%s is not a person of the configuration; an operator can add the account under people", c.By)
	case strings.TrimSpace(c.Text) == "":
		return answer(CodeInvalid, "the update is empty; write what people should know")
	}
	inc.Updates++
	if inc.UpdateEvery > 0 && inc.State == IncidentOpen {
		inc.NextUpdate = t.now.Add(inc.UpdateEvery)
	}
	t.say(EvIncidentUpdate, c.By, fmt.Sprintf("Update %d on %s by %s: %s", inc.Updates, inc.ID, c.By, strings.TrimSpace(c.Text)))
	return Answer{Code: CodeAccepted, Text: fmt.Sprintf("update %d on %s is on record, and goes to whoever is told of this incident", inc.Updates, inc.ID), ID: inc.ID}
}

func (t *turn) closeIncident(c CloseIncident) Answer {
	inc := &t.state.Incident
	switch {
	case inc.State == "":
		return answer(CodeNotFound, "there is no incident %s", c.Incident)
	case !c.By.Known():
		t.say(EvVoteRefused, c.By, fmt.Sprintf("%s may not close %s: not a person of the configuration", c.By, inc.ID))
		return answer(CodeNotAllowed, "%s is not a person of the configuration; an operator can add the account under people", c.By)
	case inc.State == IncidentResolved:
		return answer(CodeDuplicate, "%s was resolved at %s already", inc.ID, Clock(inc.ResolvedAt))
	case inc.Alarm != "" && strings.TrimSpace(c.Reason) == "":
		return answer(CodeInvalid, "%s stands because %s, and closes by itself when that is over; to close it now, give a reason", inc.ID, inc.Alarm)
	case inc.Firing > 0 && strings.TrimSpace(c.Reason) == "":
		return answer(CodeInvalid, "%s has %s firing and closes by itself when Alertmanager reports the end; to close it now, give a reason", inc.ID, Count(inc.Firing, "alert"))
	}
	if r, open := t.state.OpenRun(); open {
		return answer(CodeInvalid, "%s has an open run: %s; end it first", inc.ID, r.Standing())
	}
	for i := range t.state.Proposals {
		if p := &t.state.Proposals[i]; p.Open() || p.State == ProposalExpired {
			t.withdraw(p, c.By, "the incident was closed")
		}
	}
	t.giveUp(c)
	stood := inc.Alarm
	t.resolve(c.By)
	inc.Alarm = stood // for a watch that still sees it
	return Answer{Code: CodeAccepted, Text: inc.ID + " is closed", ID: inc.ID}
}

// giveUp takes every alert that still fires as over. A silence or a lost Alertmanager keeps the report of an end back
// for ever, and an incident that nobody can close would post updates for ever. A new firing opens it again.
func (t *turn) giveUp(c CloseIncident) {
	for i := range t.state.Alerts {
		a := &t.state.Alerts[i]
		if a.Status != AlertFiring {
			continue
		}
		a.Status, a.EndsAt = AlertResolved, t.now
		t.state.Incident.Firing--
		t.say(EvAlertResolved, c.By, fmt.Sprintf("%s is taken as over by %s%s", a.Name(), c.By, because(c.Reason)), reason(c.Reason), with(*a))
	}
}
