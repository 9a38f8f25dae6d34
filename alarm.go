package pointsman

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Alarm is the last alarm of a watch over a target. It is kept at the target and not in the incident that tells it, because
// the run that must not go on may belong to another incident: its alerts may have another key. Like every protection it
// is read in the transaction that would begin a step, so neither a crash nor a takeover forgets it.
type Alarm struct {
	N        int64     `json:"n"` // how many the target has had, this one counted; zero for none
	Text     string    `json:"text"`
	Incident string    `json:"incident"` // which tells it
	Since    time.Time `json:"since"`
	Nodes    []string  `json:"nodes,omitempty"` // that were seen to write since it was raised, whether they still do or not
	Over     time.Time `json:"over,omitzero"`   // when the watch saw its end, or a person closed the incident; zero while it stands
}

// Stands reports whether the alarm is not over.
func (a Alarm) Stands() bool { return a.N > 0 && a.Over.IsZero() }

// Told says what the alarm is, since when, until when, and which incident tells it.
func (p Protection) Told() string { return p.told("") }

// Means says what an alarm that stands does to runs on the target, and what ends it.
func (p Protection) Means() string {
	return "a run that was open when it came goes no further until a person who has looked lets it go on; it ends when the watch sees its end, or when " +
		p.Alarm.Incident + " is closed"
}

func (p Protection) told(then string) string {
	when := ""
	switch {
	case !p.Alarm.Stands():
		when = " from " + Moment(p.Alarm.Since) + " to " + Moment(p.Alarm.Over)
	case !p.Alarm.Since.IsZero():
		when = " since " + Moment(p.Alarm.Since)
	}
	return fmt.Sprintf("%s (alarm on %s%s, in %s%s)", p.Alarm.Text, p.Target, when, p.Alarm.Incident, then)
}

// Told returns the protections of the state and, where none of them is the alarm that its incident tells, that alarm: they are
// of the targets of proposals, and an alarm whose runbook is not configured has none. Since when it stands is not known then.
func (s State) Told() []Protection {
	inc := s.Incident
	own := func(p Protection) bool { return p.Alarm.Stands() && p.Alarm.Incident == inc.ID }
	if inc.State != IncidentOpen || inc.Alarm == "" || slices.ContainsFunc(s.Protections, own) {
		return s.Protections
	}
	alarm := Protection{Target: inc.Target.Key(), Alarm: Alarm{N: 1, Text: inc.Alarm, Incident: inc.ID}}
	return append(slices.Clone(s.Protections), alarm)
}

// names reports whether the alarm is about each of the nodes. An earlier version kept their names in the text alone.
func (a Alarm) names(nodes []string) bool {
	known := a.Nodes
	if len(known) == 0 {
		known = strings.FieldsFunc(a.Text, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
	}
	return !slices.ContainsFunc(nodes, func(n string) bool { return !slices.Contains(known, n) })
}

// widenAlarm is for an alarm that stands and is of other nodes by now. Whoever let a run go on beside it knew of the former
// ones, so it has another number. Each node widens it once and none is dropped from its words: of two processes on either
// side of a cut each sees others, and would otherwise take the alarm out of the other's mouth at every look.
func (t *turn) widenAlarm(c Report) {
	a := &t.protection(c.Target.Key()).Alarm
	text := c.Text
	if before := slices.DeleteFunc(slices.Clone(a.Nodes), func(n string) bool { return slices.Contains(c.Nodes, n) }); len(before) > 0 {
		text += "; seen to write before: " + strings.Join(before, " and ")
	}
	a.N++
	a.Text, t.state.Incident.Alarm = text, text
	a.Nodes = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Nodes, c.Nodes))))
	t.say(EvTargetAlarm, watcher, text)
}

// raiseAlarm raises an alarm on the target. What is at work there ends by itself; nothing further begins unless a person says so.
func (t *turn) raiseAlarm(c Report) {
	if c.Target.Key() == Everything {
		return
	}
	p := t.protection(c.Target.Key())
	p.Alarm = Alarm{N: p.Alarm.N + 1, Text: c.Text, Incident: t.state.Incident.ID, Since: t.now, Nodes: c.Nodes}
}

// endAlarm ends the alarm that the incident tells. A run that it holds back stays so: what it meant for the run a person says.
func (t *turn) endAlarm() {
	for i := range t.state.Protections {
		if a := &t.state.Protections[i].Alarm; a.Stands() && a.Incident == t.state.Incident.ID {
			a.Over = t.now
		}
	}
}

// alarms is the number of the target's last alarm.
func (t *turn) alarms(target string) int64 {
	return Held{Protections: t.state.Protections}.Of(target).Alarm.N
}

// alarmed says why a run stands that nobody has let go on since the last alarm on its target; also one that is over,
// because what the run found before may not be so any more. What only stops things is exempt, as from a freeze.
func (t *turn) alarmed(r *Run) string {
	p := Held{Protections: t.state.Protections}.Of(r.Target.Key())
	if r.Exempt || r.Alarms >= p.Alarm.N {
		return ""
	}
	return p.told("; look at the target first")
}
