package pointsman

import (
	"slices"
	"time"
)

// late is how long after the report of an end a report of the same firing is one that was on its way before. Alertmanager lets
// a group_interval pass between two messages about a group, of 10 s in our guide; what comes sooner is no news. Longer than
// that we must not look away: nothing would tell us again that it fires, for as long as repeat_interval. A late peer of a
// highly available Alertmanager tells the end, too.
const late = 8 * time.Second

// sift returns the alerts that are new or changed, apart by what they now are. An alert, which is a fingerprint, fires
// once at a time. Alertmanager keeps the last firing of each only: it never tells the end of one that ended and began
// again between two of its messages, and an incident that waits for that end would stay open for ever.
func (t *turn) sift(in []Alert) (firing, resolved []Alert) {
	in = tidy(in)
	seen, done := map[string]bool{}, map[int]bool{} // done: firings of the state that another one has ended
	for _, a := range in {
		id := a.Fingerprint + "@" + a.StartsAt.String()
		if seen[id] {
			continue
		}
		seen[id] = true
		for k, b := range t.state.Alerts {
			if end, over := a.ends(b); over && !done[k] && !slices.ContainsFunc(in, b.same) {
				done[k] = true
				b.Status, b.EndsAt = AlertResolved, end
				resolved = append(resolved, b)
			}
		}
		switch {
		case !t.isNews(a):
		case a.Status == AlertFiring:
			firing = append(firing, a)
		default:
			if a.EndsAt.IsZero() {
				a.EndsAt = t.now // whoever sent it did not say, and it was over by now
			}
			resolved = append(resolved, a)
		}
	}
	return firing, resolved
}

// tidy makes times comparable, and takes all firings of an alert in one message but the last one as over.
func tidy(in []Alert) []Alert {
	out := make([]Alert, len(in))
	last := map[string]time.Time{}
	for i, a := range in {
		a.StartsAt, a.EndsAt = a.StartsAt.UTC().Truncate(time.Microsecond), a.EndsAt.UTC().Truncate(time.Microsecond)
		last[a.Fingerprint] = later(last[a.Fingerprint], a.StartsAt)
		out[i] = a
	}
	for i, a := range out {
		if end := last[a.Fingerprint]; a.Status == AlertFiring && a.StartsAt.Before(end) {
			out[i].Status, out[i].EndsAt = AlertResolved, end
		}
	}
	return out
}

// ends reports whether the report a shows that the firing b is over, and since when at the latest: the alert began again
// after it, or what ended reached into it. Two servers of Prometheus may date the same firing differently, and
// Alertmanager then tells the end of the earlier date.
func (a Alert) ends(b Alert) (time.Time, bool) {
	switch {
	case a.Fingerprint != b.Fingerprint || b.Status != AlertFiring:
		return time.Time{}, false
	case b.StartsAt.Before(a.StartsAt):
		return a.StartsAt, true
	case a.StartsAt.Before(b.StartsAt) && a.Status == AlertResolved && !a.EndsAt.Before(b.StartsAt):
		return a.EndsAt, true
	}
	return time.Time{}, false
}

// isNews reports whether the report changes what is known of its firing.
func (t *turn) isNews(a Alert) bool {
	i := t.indexOf(a)
	if i < 0 {
		// What fires already is not fired twice because somebody dates it earlier.
		return a.Status == AlertResolved || !slices.ContainsFunc(t.state.Alerts, func(b Alert) bool {
			return b.Fingerprint == a.Fingerprint && b.Status == AlertFiring && b.StartsAt.After(a.StartsAt)
		})
	}
	old := t.state.Alerts[i]
	if old.Status == AlertFiring || a.Status == AlertResolved {
		return old.Status != a.Status
	}
	// Prometheus could not reach Alertmanager, which took the alert as over after a while, and now it can again; the start
	// is the same. What a person took as over stays over.
	return !old.OverAt.IsZero() && t.now.Sub(old.OverAt) >= late && !slices.ContainsFunc(t.state.Alerts, func(b Alert) bool {
		return b.Fingerprint == a.Fingerprint && b.StartsAt.After(a.StartsAt)
	})
}

func (t *turn) indexOf(a Alert) int { return slices.IndexFunc(t.state.Alerts, a.same) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
