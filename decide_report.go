package pointsman

import (
	"cmp"
	"fmt"
	"time"
)

// Report is what a watch over a target saw by itself, without an alert and without a person.
type Report struct {
	Key    string // of the incident: the same that an alert on the target would have
	Target Target
	What   Sighting
	Title  string // of the incident that an alarm opens
	Text   string // one sentence. A note is known where it is the same as the one before; an alarm while one on its nodes stands, whatever its words
	// Of an alarm:
	Nodes    []string  // what it is about, by name
	Since    time.Time // when this watch began to see it; what broke the sight of it, silence too, may have been its end
	Looked   time.Time // when the look began that it is of
	Severity string
	Update   time.Duration
	Escalate Escalation
	Offer    Offer // the runbook for it; empty for none
}

// Sighting is how much a report matters.
type Sighting string

// The sightings. A note goes to the incident of the target, where there is one. An alarm opens or reopens it, pages, offers
// its runbook, and keeps the target's open runs, of whatever incident, from their next step until a person lets them go on.
// Over ends an alarm. One that a person has closed is said again for as long as it is seen.
const (
	SeenNote  Sighting = "note"
	SeenAlarm Sighting = "alarm"
	SeenOver  Sighting = "over"
)

// Subject implements Command.
func (c Report) Subject() Subject {
	return Subject{Key: c.Key, Protect: true, Target: c.Target.Key()}
}

func (t *turn) report(c Report) Answer {
	inc := &t.state.Incident
	known := Answer{Code: CodeDuplicate, Text: inc.ID + ": known already", ID: inc.ID}
	switch c.What {
	case SeenNote:
		if inc.State == "" {
			return answer(CodeNotFound, "no incident of %s is open", c.Target.Key())
		}
		if inc.Reported == c.Text {
			return known
		}
		t.note(c.Text)
	case SeenAlarm:
		return t.seenAlarm(c)
	case SeenOver:
		if inc.Alarm == "" {
			return known
		}
		inc.Alarm = "" // also where a person has closed it: the next one is another one
		t.endAlarm()
		t.note(c.Text)
		if inc.State == IncidentOpen {
			t.settleIncident(watcher)
		}
	default:
		return answer(CodeInvalid, "%q is neither note, alarm nor over", c.What)
	}
	return Answer{Code: CodeAccepted, Text: c.Text, ID: inc.ID}
}

// seenAlarm raises the alarm, unless it is known or a person has said that it is dealt with. Other words do not make another
// one, as who sees it from elsewhere has other words; other nodes do.
func (t *turn) seenAlarm(c Report) Answer {
	inc := &t.state.Incident
	last := Held{Protections: t.state.Protections}.Of(c.Target.Key()).Alarm
	others := last.N > 0 && !last.names(c.Nodes)
	switch until := inc.ResolvedAt.Add(alarmAgain); {
	case !c.Looked.IsZero() && c.Looked.Before(last.Over):
		// Who looked waited for a host that hangs, and another process has seen the end meanwhile. The next look will tell.
		return answer(CodeDuplicate, "%s: what was seen of %s is of before %s, when the alarm was over", inc.ID, c.Target.Key(), Clock(last.Over))
	case inc.State == IncidentOpen && inc.Alarm != "" && others:
		t.widenAlarm(c)
	case inc.State == IncidentOpen && inc.Alarm != "":
		return Answer{Code: CodeDuplicate, Text: inc.ID + ": known already", ID: inc.ID}
	case inc.State == IncidentResolved && inc.Alarm != "" && t.now.Before(until) && !c.Since.After(inc.ResolvedAt) && !others:
		return answer(CodeDuplicate, "%s was closed while it stood, and is opened again at %s if it still does", inc.ID, Clock(until))
	default:
		t.alarm(c)
	}
	return Answer{Code: CodeAccepted, Text: inc.Alarm, ID: inc.ID}
}

var watcher = Actor{Door: DoorWatch}

func (t *turn) note(text string) {
	inc := &t.state.Incident
	inc.Reported = text
	inc.Updates++
	t.say(EvIncidentUpdate, watcher, fmt.Sprintf("Update %d on %s: %s", inc.Updates, inc.ID, text))
}

// alarmAgain is how long a person's word that an alarm is dealt with is believed: who closes its incident may be about to end
// its cause, or may be wrong, and two nodes that go on taking writes must not stay without an incident. It is believed of what
// was seen without a break since then: where a server was switched off and comes back, or another one writes, nobody has said
// anything of that.
const alarmAgain = 10 * time.Minute

// alarmUpdate is how often people are told of an incident with an alarm where nobody says how often: two writers are the worst
// there is, and an outage of which nobody hears for an hour is one that they take for over.
const alarmUpdate = 10 * time.Minute

func (t *turn) alarm(c Report) {
	inc := &t.state.Incident
	update := cmp.Or(c.Update, alarmUpdate)
	switch inc.State {
	case "":
		t.open(watcher, c.Key, c.Title, c.Target)
		inc.Severity = c.Severity
		t.setClocks(update, c.Escalate)
		t.say(EvIncidentOpened, watcher, fmt.Sprintf("%s opened: %s", inc.ID, c.Title), with(map[string]any{"key": c.Key, "severity": c.Severity}))
	case IncidentResolved:
		t.reopen(Marks{})
		t.setClocks(update, c.Escalate)
		t.say(EvIncidentReopened, watcher, fmt.Sprintf("%s reopened: %s", inc.ID, c.Title))
	case IncidentOpen:
		t.quicken(update)
	}
	if inc.Marks.Alerted.IsZero() {
		inc.Marks.Alerted = t.now
	}
	inc.Alarm = c.Text
	if Worse(c.Severity, inc.Severity) {
		inc.Severity = c.Severity
	}
	if inc.Escalate.Service == "" {
		t.escalateTo(Escalation{After: inc.Escalate.After, Service: c.Escalate.Service})
	}
	t.say(EvTargetAlarm, watcher, c.Text, with(c.Offer))
	t.raiseAlarm(c)
	if c.Offer.Runbook != "" && t.offered(c.Offer, false) == nil {
		t.propose(watcher, c.Offer, c.Text)
	}
	t.page(watcher, fmt.Sprintf("%s: %s", inc.ID, c.Text))
}
