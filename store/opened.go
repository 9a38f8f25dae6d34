package store

import (
	"slices"
	"strings"

	"github.com/pointsman/pointsman"
)

// around adds the read of all protections as they are shown, for an incident that this command may open: which targets it
// will be about is only decided then. They are few, and nobody decides by them here.
func (l *loaded) around(b *batch) {
	l.opens = true
	b.query(func(r Row) error {
		p, _, err := scanProtection(&loaded{shown: true}, r)
		l.nearby = append(l.nearby, p)
		return err
	}, `SELECT target, doc FROM protections ORDER BY CASE WHEN target = '' THEN 1 ELSE 0 END, target`)
}

// opened is the incident that a command has opened, as State would read it after the commit, but for the locks of other runs,
// which nobody is shown. It is nil where the command opened none, or where State would leave something out.
func (l *loaded) opened(after pointsman.State) *pointsman.State {
	if !l.opens || after.Incident.State == "" || len(after.Alerts) > alertsShown {
		return nil
	}
	of := map[string]bool{"": true}
	for _, p := range after.Proposals {
		of[p.Target.Key()] = true
	}
	for _, p := range l.nearby {
		if of[p.Target] {
			after.Protections = append(after.Protections[:len(after.Protections):len(after.Protections)], p)
		}
	}
	after.Alerts = slices.Clone(after.Alerts)
	slices.SortFunc(after.Alerts, func(a, b pointsman.Alert) int {
		if (a.Status == pointsman.AlertFiring) != (b.Status == pointsman.AlertFiring) {
			if a.Status == pointsman.AlertFiring {
				return -1
			}
			return 1
		}
		if c := a.StartsAt.Compare(b.StartsAt); c != 0 {
			return c
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return &after
}
