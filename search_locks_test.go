package pointsman

import (
	"fmt"
	"strings"
	"time"
)

// holdKey says what of a protection decides about the future: not the token, which only rises.
func (n *spot) holdKey(rel func(time.Time) string) string {
	var b strings.Builder
	for _, p := range n.state.Protections {
		fmt.Fprintf(&b, "|%s %t %s %s %s %t", p.Target, p.Hold.Lasts(n.now), p.Hold.By, rel(p.Hold.Until), p.Moved.Run, p.Alarm.Stands())
		for _, r := range n.state.Runs {
			fmt.Fprintf(&b, " %t", r.Target.Key() == p.Target && r.Alarms < p.Alarm.N)
		}
	}
	return b.String()
}

// watching is what a watch over the target says, in the run's own incident; the reducer does not look at which it is.
func watching(add func(Command, string, ...any)) {
	seen := Report{Key: "target:postgres/orders", Target: orders, What: SeenAlarm, Title: "two primaries", Text: "pg-1 and pg-2 take writes", Severity: "critical"}
	add(seen, "the watch sees two primaries")
	seen.What, seen.Text = SeenOver, "one takes writes again"
	add(seen, "the watch sees one again")
}

// holding are the commands by which people hold a target, or everything.
func holding(n *spot, add func(Command, string, ...any)) {
	target, dba := n.state.Incident.Target, []string{"dba"}
	if n.state.Incident.ID != "" {
		add(LoseEnd{Incident: n.state.Incident.ID, Text: "the log has lost its end"}, "the log loses its end")
	}
	for _, by := range []Actor{dbaA, eve} {
		if target.Key() != "" {
			add(Protect{Verb: Lockout, Target: target, For: unit, Reason: "vacuum", Roles: dba, By: by}, "%s locks", by)
			add(Protect{Verb: Unlock, Target: target, Reason: "done", Roles: dba, By: by}, "%s unlocks", by)
		}
		add(Protect{Verb: Freeze, Reason: "audit", Roles: dba, By: by}, "%s freezes", by)
		add(Protect{Verb: Unfreeze, Roles: dba, By: by}, "%s unfreezes", by)
	}
	if old := (Held{Protections: n.state.Protections}).Of(target.Key()); target.Key() != "" && old.Token > 1 {
		add(Protect{Verb: Unlock, Target: target, Reason: "late", Token: old.Token - 1, Roles: dba, By: dbaB}, "ben unlocks with an old token")
	}
}
